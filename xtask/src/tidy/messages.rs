//! Messages that pages quote are those of the program.
//!
//! A page quotes a message as code that begins as the program prints it: `error:`, `warning:`, `hint:` or `because:`. Three dots
//! stand for any text. The quoted message must fit a text of the source, where what is filled in fits any text.

use std::path::Path;

use support::markdown;

use super::literals::literals;
use super::words::{files, is_about_tests};

/// How a message begins on a terminal.
const BEGINNINGS: [&str; 4] = ["error: ", "warning: ", "hint: ", "because: "];
/// Where programs say something to users.
const SOURCES: [&str; 1] = ["crates"];
/// A text of the source that is nearly all filled in fits everything, and so proves nothing.
const LEAST_LETTERS: usize = 6;
/// What a page writes for any text.
const DOTS: &str = "...";

/// Gives one line for each message on a page that no text of the source fits.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut pages = files(&root.join("docs"), "md")?;
    pages.push(root.join("README.md"));
    let mut quoted = Vec::new();
    for page in pages {
        let text = fs_err::read_to_string(&page)?;
        for piece in markdown::code(&text) {
            let mut messages = BEGINNINGS.iter();
            let message = messages.find_map(|beginning| piece.text.strip_prefix(beginning));
            let place = page.strip_prefix(root).unwrap_or(&page);
            let place = format!("{}:{}", place.display(), piece.line);
            quoted.extend(message.map(|message| (place, message.to_owned())));
        }
    }
    if quoted.is_empty() {
        return Ok(Vec::new());
    }
    let mut patterns = Vec::new();
    for folder in SOURCES {
        for file in files(&root.join(folder), "rs")? {
            if is_about_tests(file.strip_prefix(root).unwrap_or(&file)) {
                continue;
            }
            let literals = literals(&fs_err::read_to_string(&file)?);
            patterns.extend(literals.iter().map(|literal| filled(&literal.text)));
        }
    }
    patterns.retain(|pattern| letters(pattern) >= LEAST_LETTERS);
    let unknown = quoted.into_iter().filter_map(|(place, message)| {
        let wanted = dotted(&message);
        let is_known = patterns.iter().any(|pattern| is_said(pattern, &wanted));
        (!is_known).then(|| format!("{place}: the program does not say: {message}"))
    });
    Ok(unknown.collect())
}

/// A text as characters; `None` stands for any text.
type Pattern = Vec<Option<char>>;

/// A text of the source: what is in braces is filled in.
fn filled(text: &str) -> Pattern {
    let mut pattern = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let escaped = rest.starts_with("{{") || rest.starts_with("}}");
        if c == '{' && !escaped {
            pattern.push(None);
            rest = rest.split_once('}').map_or("", |(_, after)| after);
        } else {
            pattern.push(Some(c));
            rest = &rest[c.len_utf8() + usize::from(escaped)..];
        }
    }
    pattern
}

/// A message of a page.
fn dotted(text: &str) -> Pattern {
    let mut pattern = Vec::new();
    for (index, piece) in text.split(DOTS).enumerate() {
        if index > 0 {
            pattern.push(None);
        }
        pattern.extend(piece.chars().map(Some));
    }
    pattern
}

fn letters(pattern: &Pattern) -> usize {
    pattern
        .iter()
        .filter(|c| c.is_some_and(char::is_alphabetic))
        .count()
}

/// Whether the source says a message of a page: a third of its letters are letters of the source, and not of what is filled in.
fn is_said(source: &Pattern, message: &Pattern) -> bool {
    fit(source, message).is_some_and(|common| common * 3 >= letters(message))
}

/// The number of letters that both have in common in a text that fits both; the largest of all such texts. `None`: no text fits both.
fn fit(one: &Pattern, other: &Pattern) -> Option<usize> {
    // Where in `other` the text can be after each character of `one`, with the letters in common so far.
    let mut places = vec![None; other.len() + 1];
    places[0] = Some(0);
    pass_dots(&mut places, other);
    for c in one {
        let mut next = vec![None; places.len()];
        match c {
            None => {
                let mut most = None;
                for (place, next) in places.iter().zip(&mut next) {
                    most = most.max(*place);
                    *next = most;
                }
            }
            Some(c) => {
                for (at, wanted) in other.iter().enumerate() {
                    let Some(common) = places[at] else {
                        continue;
                    };
                    match wanted {
                        None => next[at] = next[at].max(Some(common)),
                        Some(wanted) if wanted == c => {
                            let common = common + usize::from(c.is_alphabetic());
                            next[at + 1] = next[at + 1].max(Some(common));
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        places = next;
        pass_dots(&mut places, other);
    }
    places[other.len()]
}

/// Any text may also be none.
fn pass_dots(places: &mut [Option<usize>], other: &Pattern) {
    for (at, wanted) in other.iter().enumerate() {
        if wanted.is_none() {
            places[at + 1] = places[at + 1].max(places[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(source: &str, message: &str) -> bool {
        is_said(&filled(source), &dotted(message))
    }

    #[test]
    fn a_message_fits_a_text_with_what_is_filled_in() {
        let source = "cannot read the {what} {}";
        assert!(says(source, "cannot read the manifest a.xml"));
        assert!(says(source, "cannot read the ..."));
        assert!(says(source, "cannot read ... a.xml"));
        assert!(says("{} is empty", "disk.img is empty"));
        assert!(says("a {{b}} {c:?}", "a {b} \"x\""));
        let vague = "{path}: {problem}; {hint}";
        assert!(!says(vague, "another cloud uses ...; ..."));
        for other in [
            "cannot read a.xml",
            "cannot read the manifest",
            "cannot write the ...",
        ] {
            assert!(!says(source, other), "{other}");
        }
    }

    #[test]
    fn a_page_that_quotes_another_message_is_found() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("README.md", "");
        write(
            "crates/cli/src/a.rs",
            "fn a() { fail(format!(\"the image {name} is empty\")).hint(\"take \\\n   another\") }",
        );
        write(
            "docs/a.md",
            "`error: the image x.img is empty`\n\n    hint: take another\n\nerror: prose\n",
        );
        assert!(check(root.path()).unwrap().is_empty());
        write(
            "docs/b.md",
            "`warning: the image is full`\n\n```text\n$ gumnut\n  because: nothing of the kind\n```\n",
        );
        assert_eq!(
            check(root.path()).unwrap(),
            [
                "docs/b.md:1: the program does not say: the image is full",
                "docs/b.md:5: the program does not say: nothing of the kind",
            ]
        );
    }
}
