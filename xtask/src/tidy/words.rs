//! Plain English: the words to avoid of docs/terms.md do not occur in pages, help texts and messages.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use support::markdown;

use super::literals::literals;

/// The page that lists the words, and the heading above the list.
const TERMS: &str = "docs/terms.md";
const HEADING: &str = "## Words to avoid";
/// Where programs say something to users.
const SPEAKING: [&str; 3] = ["crates", "xtask/src", "tools"];
/// Where options have their help texts, which are comments of the source.
const HELPFUL: [&str; 5] = [
    "crates/cli/src",
    "crates/cli/cloud/src",
    "crates/client/compat/src",
    "crates/client/command-line/src",
    "crates/client/manage/src",
];

/// Gives one line for each word to avoid in a page, a help text or a message.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let words = Words::read(root)?;
    let mut problems = Vec::new();
    for page in pages(root)? {
        let text = fs_err::read_to_string(root.join(&page))?;
        // The list itself is made of these words.
        let checked = if page == Path::new(TERMS) {
            text.split(HEADING).next().unwrap_or_default()
        } else {
            &text
        };
        for piece in markdown::prose(checked) {
            problems.extend(words.problem(&page, piece.line, &piece.text));
        }
    }
    for folder in SPEAKING {
        for file in files(&root.join(folder), "rs")? {
            let place = file.strip_prefix(root).unwrap_or(&file);
            if is_about_tests(place) {
                continue;
            }
            let source = fs_err::read_to_string(&file)?;
            for literal in literals(&source) {
                // One word is a name, and not what anybody reads.
                let is_text = literal.text.trim().contains(' ');
                let text = if is_text {
                    readable(&literal.text)
                } else {
                    String::new()
                };
                problems.extend(words.problem(place, literal.line, &text));
            }
            if HELPFUL.iter().any(|folder| place.starts_with(folder)) {
                for (line, comment) in comments(&source) {
                    problems.extend(words.problem(place, line, &readable(comment)));
                }
            }
        }
    }
    Ok(problems)
}

/// The words to avoid, each with what to write instead.
struct Words(Vec<(String, String)>);

impl Words {
    fn read(root: &Path) -> anyhow::Result<Self> {
        Self::parse(&fs_err::read_to_string(root.join(TERMS))?)
    }

    fn parse(page: &str) -> anyhow::Result<Self> {
        let (_, list) = page
            .split_once(HEADING)
            .with_context(|| format!("{TERMS} has no heading {HEADING}"))?;
        let mut words = Vec::new();
        let rows = list.lines().filter(|line| line.starts_with("| "));
        // After the titles of the table.
        for row in rows.skip(1) {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let (Some(avoid), Some(instead)) = (cells.next(), cells.next()) else {
                continue;
            };
            let avoided = avoid.split(", ").map(str::to_lowercase);
            words.extend(avoided.map(|word| (word, instead.to_owned())));
        }
        ensure!(!words.is_empty(), "{TERMS} lists no words to avoid");
        Ok(Self(words))
    }

    /// What is wrong with a text.
    fn problem(&self, place: &Path, line: usize, text: &str) -> Option<String> {
        let lower = text.to_lowercase();
        let (word, instead) = self.0.iter().find(|(word, _)| has_word(&lower, word))?;
        let place = place.display();
        Some(format!(
            "{place}:{line}: avoid \"{word}\", write: {instead}"
        ))
    }
}

/// Whether a text has these words as words of their own.
fn has_word(text: &str, word: &str) -> bool {
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/');
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_inside) && !after.is_some_and(is_inside)
    })
}

/// A literal or comment without names in backquotes and without what is filled in.
fn readable(text: &str) -> String {
    let outside: Vec<&str> = text.split('`').step_by(2).collect();
    let mut kept = String::new();
    let mut depth = 0_usize;
    for c in outside.join(" ").chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// The comments of documentation, line by line.
fn comments(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    program.lines().enumerate().filter_map(|(index, line)| {
        let comment = line.trim_start().strip_prefix("///")?;
        Some((index + 1, comment))
    })
}

/// The pages: those of the root, the guide, and each README.
fn pages(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
    for folder in ["docs", "crates", "fixtures", "tools", "xtask"] {
        found.extend(files(&root.join(folder), "md")?);
    }
    let relative = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_owned();
    let mut pages: Vec<PathBuf> = found.iter().map(relative).collect();
    pages.sort();
    Ok(pages)
}

/// The files below a folder whose names end so; links are left out.
pub(super) fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && entry.file_name() != "target" {
            found.extend(files(&path, extension)?);
        } else if kind.is_file() && path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is for tests, examples or benchmarks.
pub(super) fn is_about_tests(place: &Path) -> bool {
    ["tests", "benches", "examples", "fuzz-targets"]
        .iter()
        .any(|name| place.components().any(|part| part.as_os_str() == *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Terms\n\nIt stays.\n\n## Words to avoid\n\n| avoid | write |\n|---|---|\n| stays, shall | is kept |\n| way back | restore |\n";

    #[test]
    fn words_are_found_in_prose_and_not_in_code() {
        let words = Words::parse(PAGE).unwrap();
        let problem = |text: &str| words.problem(Path::new("x.md"), 1, text);
        assert!(problem("It Stays here").is_some());
        assert!(problem("the way back").is_some());
        for text in ["it overstays", "the way forward", "stays-open", "a/stays"] {
            assert_eq!(problem(text), None, "{text}");
        }
        assert_eq!(
            problem("this shall be").unwrap(),
            "x.md:1: avoid \"shall\", write: is kept"
        );
    }

    #[test]
    fn pages_messages_and_help_are_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("docs/terms.md", PAGE);
        write("README.md", "`stays` and\n\n    stays\n");
        write(
            "crates/cli/src/a.rs",
            "/// A file that\n/// stays.\nfn a() { b(\"{stays} is what shall \\\n  be\", \"stays\", \"`stays` x\"); }\n#[cfg(test)]\nmod t { const X: &str = \"it stays\"; }\n",
        );
        write("crates/cli/tests/b.rs", "const X: &str = \"it stays\";\n");
        let problems = check(root.path()).unwrap();
        assert_eq!(
            problems,
            [
                "docs/terms.md:3: avoid \"stays\", write: is kept",
                "crates/cli/src/a.rs:3: avoid \"shall\", write: is kept",
                "crates/cli/src/a.rs:2: avoid \"stays\", write: is kept",
            ]
        );
    }

    #[test]
    fn a_page_without_the_list_is_an_error() {
        assert!(Words::parse("# Terms\n").is_err());
        assert!(Words::parse("## Words to avoid\n\nnone\n").is_err());
    }
}
