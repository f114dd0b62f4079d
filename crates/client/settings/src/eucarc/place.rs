//! Where a file is, what it may see, and what is to be said of it.

use std::fmt;
use std::path::Path;

use crate::names::is_setting;

/// Variables of the environment that a file gets beside the settings.
const SHOWN: [&str; 7] = [
    "HOME", "USER", "LOGNAME", "HOSTNAME", "SHELL", "LANG", "TMPDIR",
];
/// What the others begin with.
const SHOWN_STARTS: [&str; 6] = ["EC2_", "S3_", "EUCA", "NOVA_", "XDG_", "GUMNUT_"];
/// What no other has in its name.
const HIDDEN: [&str; 5] = ["SECRET", "TOKEN", "PASS", "CREDENTIAL", "AUTH"];

/// A line that a user should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its number, counted from 1.
    pub line: usize,
    /// What is the matter with it; never a value.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Where a file is, and what is around it.
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Place<'_> {
    /// The path as text.
    pub(super) fn path_text(&self) -> String {
        self.path.display().to_string()
    }
}

/// Whether a file gets a variable of the environment.
pub(super) fn is_shown(name: &str) -> bool {
    let is_kin = SHOWN_STARTS.iter().any(|start| name.starts_with(start))
        && !HIDDEN.iter().any(|hidden| name.contains(hidden));
    is_setting(name) || SHOWN.contains(&name) || is_kin
}
