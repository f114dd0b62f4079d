//! Directories of the user, by the customs of XDG.

use std::path::PathBuf;

/// Where the embedded cloud keeps its data when nothing else is said: `$XDG_DATA_HOME/gumnut/cloud`. `None`: without that
/// variable there is no home directory either.
pub fn default_cloud_dir() -> Option<PathBuf> {
    Some(user_dir("XDG_DATA_HOME", ".local/share")?.join("gumnut/cloud"))
}

/// Where the embedded cloud of this machine keeps the eucarc of its administrator. `None`: there is no home directory.
pub(crate) fn embedded_eucarc() -> Option<PathBuf> {
    Some(default_cloud_dir()?.join("credentials/eucarc"))
}

/// Where the journals of runs are: `$XDG_STATE_HOME/gumnut/runs`. `None`: without that variable there is no home directory
/// either.
pub fn default_state_dir() -> Option<PathBuf> {
    Some(user_dir("XDG_STATE_HOME", ".local/state")?.join("gumnut/runs"))
}

/// What may be lost at any time: `$XDG_CACHE_HOME/gumnut`. `None`: without that variable there is no home directory either.
pub fn default_cache_dir() -> Option<PathBuf> {
    Some(user_dir("XDG_CACHE_HOME", ".cache")?.join("gumnut"))
}

/// A directory of the user: what the variable says, or where it is by custom.
fn user_dir(variable: &str, in_home: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set(variable).or_else(|| Some(set("HOME")?.join(in_home)))
}
