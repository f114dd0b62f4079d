//! Plain English: the words to avoid of docs/terms.md do not occur in pages, messages and comments, of which some are help texts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use support::markdown::{self, Piece};

use super::comments::comments;
use super::literals::literals;

/// The page that lists the words, and the heading above the list.
const TERMS: &str = "docs/terms.md";
const HEADING: &str = "## Words to avoid";
/// Where programs say something to users.
const SPEAKING: [&str; 3] = ["crates", "xtask/src", "tools"];
/// Where comments are.
const COMMENTED: [&str; 5] = ["crates", "fuzz/fuzz_targets", "tests", "tools", "xtask/src"];

/// Gives one line for each word to avoid in a page, a message or a comment.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let words = Words::read(root)?;
    let mut problems = in_pages(root, &words)?;
    problems.extend(in_messages(root, &words)?);
    problems.extend(in_comments(root, &words)?);
    Ok(problems)
}

fn in_pages(root: &Path, words: &Words) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for page in pages(root)? {
        let text = fs_err::read_to_string(root.join(&page))?;
        // The list itself is made of these words.
        let checked = if page == Path::new(TERMS) {
            text.split(HEADING).next().unwrap_or_default()
        } else {
            &text
        };
        problems.extend(words.problems(&page, &markdown::prose(checked)));
    }
    Ok(problems)
}

fn in_messages(root: &Path, words: &Words) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (place, source) in sources(root, &SPEAKING)? {
        if is_about_tests(&place) {
            continue;
        }
        for literal in literals(&source) {
            // One word is a name, and not what anybody reads.
            if literal.text.trim().contains(' ') {
                let text = readable(&literal.text);
                problems.extend(words.problem(&place, literal.line, &text));
            }
        }
    }
    Ok(problems)
}

fn in_comments(root: &Path, words: &Words) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (place, source) in sources(root, &COMMENTED)? {
        problems.extend(words.problems(&place, &comments(&source)));
    }
    Ok(problems)
}

/// The Rust sources below some directories, with their paths.
fn sources(root: &Path, directories: &[&str]) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for directory in directories {
        for file in files(&root.join(directory), "rs")? {
            let place = file.strip_prefix(root).unwrap_or(&file).to_owned();
            found.push((place, fs_err::read_to_string(&file)?));
        }
    }
    Ok(found)
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

    /// What is wrong with lines of prose. Words that a line break divides are found, too.
    fn problems(&self, place: &Path, pieces: &[Piece]) -> Vec<String> {
        let mut found = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let alone = |piece: &Piece| self.problem(place, piece.line, &piece.text);
            let next = pieces.get(index + 1);
            let next = next.filter(|next| next.line == piece.line + 1 && alone(next).is_none());
            let across = next.and_then(|next| {
                let text = format!("{} {}", piece.text.trim(), next.text.trim());
                self.problem(place, piece.line, &text)
            });
            found.extend(alone(piece).or(across));
        }
        found
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

/// A literal without names in backquotes and without what is filled in.
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

/// The files below a directory whose names end so; links are left out.
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

    const PAGE: &str = "# Terms\n\nIt is.\n\n## Words to avoid\n\n| avoid | write |\n|---|---|\n| stays, shall | is kept |\n| way back | restore |\n";

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

    fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        check(root.path()).unwrap()
    }

    #[test]
    fn pages_and_messages_are_looked_at() {
        let page = PAGE.replace("It is", "It stays");
        let source = "fn a() { b(\"{stays} is what shall \\\n  be\", \"stays\", \"`stays` x\"); }\n#[cfg(test)]\nmod t { const X: &str = \"it stays\"; }\n";
        let problems = problems_of(&[
            ("docs/terms.md", &page),
            ("README.md", "`stays` and a way\nback\n\n    stays\n"),
            ("crates/base/a/src/a.rs", source),
            (
                "crates/base/a/tests/b.rs",
                "const X: &str = \"it stays\";\n",
            ),
        ]);
        assert_eq!(
            problems,
            [
                "README.md:1: avoid \"way back\", write: restore",
                "docs/terms.md:3: avoid \"stays\", write: is kept",
                "crates/base/a/src/a.rs:1: avoid \"shall\", write: is kept",
            ]
        );
    }

    #[test]
    fn comments_of_all_code_are_looked_at() {
        let source = "//! It\n//! stays.\n\n/// The way\n/// back `stays`.\nfn a() {} // shall\n/// ```\n/// stays();\n/// ```\n#[cfg(test)]\n// stays\n";
        for place in [
            "crates/base/a/src/a.rs",
            "tests/tests/it/a.rs",
            "tools/b/src/a.rs",
        ] {
            let problems = problems_of(&[("docs/terms.md", PAGE), (place, source)]);
            let expected = [
                "2: avoid \"stays\", write: is kept",
                "4: avoid \"way back\", write: restore",
                "6: avoid \"shall\", write: is kept",
                "11: avoid \"stays\", write: is kept",
            ];
            assert_eq!(
                problems,
                expected.map(|problem| format!("{place}:{problem}"))
            );
        }
    }

    #[test]
    fn a_page_without_the_list_is_an_error() {
        assert!(Words::parse("# Terms\n").is_err());
        assert!(Words::parse("## Words to avoid\n\nnone\n").is_err());
    }
}
