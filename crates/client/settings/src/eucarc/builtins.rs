//! What commands give that only look at their words, and at where files are.

use std::path::{Component, Path, PathBuf};

/// The directory of a path, as `dirname` prints it.
pub(super) fn dirname(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        _ if trimmed.is_empty() && !path.is_empty() => "/".to_owned(),
        None => ".".to_owned(),
        Some((folder, _)) => match folder.trim_end_matches('/') {
            "" => "/".to_owned(),
            folder => folder.to_owned(),
        },
    }
}

/// The last name of a path without an ending, as `basename` prints it.
pub(super) fn basename(path: &str, ending: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() && !path.is_empty() {
        return "/".to_owned();
    }
    let name = trimmed.rsplit('/').next().unwrap_or_default();
    match name.strip_suffix(ending) {
        Some(stem) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

/// The path without `.` and `..`, seen from a directory. Links are not followed.
pub(super) fn absolute(folder: &Path, path: &str) -> PathBuf {
    let mut absolute = PathBuf::new();
    for component in folder.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(absolute.pop()),
            component => absolute.push(component),
        }
    }
    absolute
}

/// The path behind all links; as it is when there is no such file.
pub(super) fn real(path: &Path) -> PathBuf {
    fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// What `test` says of strings. `None`: it asks for something else.
pub(super) fn test(words: &[&str]) -> Option<bool> {
    match words {
        [] => Some(false),
        ["!", rest @ ..] if !rest.is_empty() => test(rest).map(|holds| !holds),
        ["-z", text] => Some(text.is_empty()),
        ["-n", text] | [text] => Some(!text.is_empty()),
        [one, "=" | "==", other] => Some(one == other),
        [one, "!=", other] => Some(one != other),
        _ => None,
    }
}

/// What `printf` prints for the formats that need no numbers. `None`: another format.
pub(super) fn printf(words: &[&str]) -> Option<String> {
    match words {
        ["%s", text] => Some((*text).to_owned()),
        ["%s\\n", text] => Some(format!("{text}\n")),
        [text] if !text.contains(['%', '\\']) => Some((*text).to_owned()),
        _ => None,
    }
}

/// What `echo` prints. `None`: it may read backslashes.
pub(super) fn echo(words: &[&str]) -> Option<String> {
    match words {
        ["-n", rest @ ..] if !is_option(rest) => Some(rest.join(" ")),
        words if is_option(words) => None,
        words => Some(format!("{}\n", words.join(" "))),
    }
}

fn is_option(words: &[&str]) -> bool {
    words.first().is_some_and(|word| {
        let letters = word.strip_prefix('-').unwrap_or_default();
        !letters.is_empty() && letters.chars().all(|c| "neE".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_names_are_those_of_posix() {
        for (path, folder, name) in [
            ("/a/b", "/a", "b"),
            ("/a/b/", "/a", "b"),
            ("a", ".", "a"),
            ("/a", "/", "a"),
            ("/", "/", "/"),
            ("a//b", "a", "b"),
            ("", ".", ""),
        ] {
            assert_eq!(
                (dirname(path), basename(path, "")),
                (folder.into(), name.into()),
                "{path}"
            );
        }
        assert_eq!(basename("x.pem", ".pem"), "x");
        assert_eq!(basename(".pem", ".pem"), ".pem");
    }

    #[test]
    fn a_path_is_seen_from_its_folder() {
        assert_eq!(absolute(Path::new("/a/b"), "../c/./d"), Path::new("/a/c/d"));
        assert_eq!(absolute(Path::new("/a"), "/x"), Path::new("/x"));
    }
}
