//! Open ends in source files, comments that lean on their neighbour, and fixtures of unknown origin.

use std::path::{Path, PathBuf};

/// Words that stand for unfinished work. In two halves, so that this file does not find itself.
const OPEN_ENDS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
const EXTENSIONS: [&str; 4] = ["rs", "py", "sh", "toml"];
/// Not ours, or made.
const SKIPPED: [&str; 4] = [".git", ".gumnut", "fixtures", "target"];

/// How no comment of documentation begins: in the page that is made of it, its neighbour is elsewhere.
const LEANING: &str = "The same";

/// Gives one line for each open end without the number of its issue, each comment that leans on another, and each fixture
/// directory without a README.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut problems = Vec::new();
    for file in files {
        let text = fs_err::read_to_string(&file)?;
        let place = file.strip_prefix(root).unwrap_or(&file).display();
        problems.extend(open_ends(&text).map(|line| format!("{place}:{line}: no issue number")));
        problems.extend(
            leaning(&text).map(|line| format!("a comment leans on its neighbour: {place}:{line}")),
        );
    }
    for entry in fs_err::read_dir(root.join("fixtures"))? {
        let folder = entry?.path();
        if folder.is_dir() && !folder.join("README.md").is_file() {
            problems.push(format!("{} has no README.md", folder.display()));
        }
    }
    Ok(problems)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
        if kind.is_dir() && !skipped {
            collect(&path, files)?;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if kind.is_file() && extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Numbers of the lines with an open end that names no issue, as in `(#12)`.
fn open_ends(text: &str) -> impl Iterator<Item = usize> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
            words.any(|word| OPEN_ENDS.contains(&word)) && !line.contains("(#")
        })
        .map(|(index, _)| index + 1)
}

/// Numbers of the lines with which a comment begins that leans on another.
fn leaning(text: &str) -> impl Iterator<Item = usize> {
    let mut above = "";
    text.lines().enumerate().filter_map(move |(index, line)| {
        let before = std::mem::replace(&mut above, line.trim_start());
        let comment = line.trim_start().strip_prefix("///")?;
        let is_first = !before.starts_with("///");
        (is_first && comment.trim_start().starts_with(LEANING)).then_some(index + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stands_alone() {
        let text = "/// The same as parts.\nfn a() {}\n    /// Bytes.\n    /// The same on both sides.\n// The same\n/// The sameness".replace("sameness", "other");
        assert_eq!(leaning(&text).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn open_ends_need_an_issue() {
        let word = OPEN_ENDS[0];
        let text = format!("a\n// {word}: later\n// {word}(#12): later\nlet {word}S = 1;\n");
        assert_eq!(open_ends(&text).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn files_of_the_build_are_not_read() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["target", "src", "fixtures/keys"] {
            fs_err::create_dir_all(root.path().join(folder)).unwrap();
            let text = format!("// {}\n", OPEN_ENDS[1]);
            fs_err::write(root.path().join(folder).join("x.rs"), text).unwrap();
        }
        let problems = check(root.path()).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[0], "src/x.rs:1: no issue number");
        assert!(problems[1].ends_with("fixtures/keys has no README.md"));
    }
}
