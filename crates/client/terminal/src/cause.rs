//! The words of a cause, without what was said before it and without names that nobody knows.

/// What a cause adds to what was `said` before it: a file that was named is not named again, and the name of a temporary file is
/// left out.
pub(crate) fn told_once(said: &str, cause: &str) -> String {
    let cause = without_temporary(cause);
    // As `failed to open file `disk.img`: No such file or directory (os error 2)`.
    let file = cause
        .strip_prefix("failed to ")
        .and_then(|rest| rest.split_once('`'))
        .and_then(|(_, rest)| rest.split_once("`: "));
    match file {
        Some((path, reason)) if said.contains(path) || is_temporary(path) => reason.to_owned(),
        _ => plain(cause),
    }
}

/// What failed with a file, in the words of the other messages: `cannot read `disk.img`: ...`.
pub(crate) fn plain(text: &str) -> String {
    let Some((action, rest)) = text
        .strip_prefix("failed to ")
        .and_then(|rest| rest.split_once(" `"))
    else {
        return text.to_owned();
    };
    let action = match action {
        "query metadata of file"
        | "query resolved metadata"
        | "query metadata"
        | "read from file"
        | "read directory" => "read",
        "open file" => "open",
        "create file" | "create directory" => "create",
        "write to file" => "write",
        action => action,
    };
    format!("cannot {action} `{rest}")
}

/// Without the place of a temporary file at the end: `... (os error 2) at path "out/.gumnut-SW82GZ.tmp"`.
fn without_temporary(cause: &str) -> &str {
    match cause.rsplit_once(" at path \"") {
        Some((reason, path)) if path.ends_with('"') && is_temporary(path) => reason,
        _ => cause,
    }
}

fn is_temporary(path: &str) -> bool {
    path.split('/').any(|name| name.starts_with(".gumnut-"))
}

#[cfg(test)]
mod tests {
    use super::told_once;

    #[test]
    fn a_path_is_named_once() {
        let cause = "failed to open file `disk.img`: No such file or directory (os error 2)";
        let reason = "No such file or directory (os error 2)";
        assert_eq!(told_once("opening the image disk.img", cause), reason);
        let plain = "cannot open `disk.img`: No such file or directory (os error 2)";
        assert_eq!(told_once("reading the list", cause), plain);
        let metadata = "failed to query resolved metadata `a`: denied";
        assert_eq!(super::plain(metadata), "cannot read `a`: denied");
        assert_eq!(super::plain("failed to think"), "failed to think");
        assert_eq!(told_once("", "a `word`: and more"), "a `word`: and more");
    }

    #[test]
    fn temporary_names_are_not_told() {
        let cause = "No such file or directory (os error 2) at path \"out/.gumnut-SW82GZ.tmp\"";
        let reason = "No such file or directory (os error 2)";
        assert_eq!(told_once("writing out/disk.img", cause), reason);
        let own = "denied at path \"out/disk.img\"";
        assert_eq!(told_once("", own), own);
        let copy = "failed to write to file `/tmp/.gumnut-raw-x/raw`: full";
        assert_eq!(told_once("", copy), "full");
    }
}
