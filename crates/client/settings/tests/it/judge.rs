//! What bash has after reading a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The environment that file and judge see.
pub(crate) const ENVIRONMENT: [(&str, &str); 4] = [
    ("HOME", "/home/me"),
    ("USER", "me"),
    ("EC2_USER_ID", "000000000007"),
    ("EUCA_HOST", "cloud.example"),
];

/// A settings file in a directory of its own.
pub(crate) struct File {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl File {
    pub(crate) fn new(text: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("keys of me");
        fs_err::create_dir(&inner).unwrap();
        let path = inner.join("eucarc");
        fs_err::write(&path, text).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    /// The values that bash has for these names; a name that is not set has none.
    pub(crate) fn sourced(&self, names: &[&str]) -> HashMap<String, String> {
        let script = r#"
            file=$1; shift
            source "$file" >/dev/null 2>&1 </dev/null
            for name in "$@"; do
                [ -n "${!name+x}" ] && printf '%s\0%s\0' "$name" "${!name}"
            done
            exit 0"#;
        let output = Command::new("bash")
            .args(["--norc", "--noprofile", "-c", script, "judge"])
            .arg(&self.path)
            .args(names)
            .current_dir(self.path.parent().unwrap().parent().unwrap())
            .env_clear()
            .envs(ENVIRONMENT)
            .env("LC_ALL", "C.UTF-8")
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut fields = text.split('\0');
        let mut values = HashMap::new();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            values.insert(name.to_owned(), value.to_owned());
        }
        values
    }
}

/// The environment as a function.
pub(crate) fn environment(name: &str) -> Option<String> {
    let found = ENVIRONMENT.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| (*value).to_owned())
}

/// A path without links, as `pwd -P` gives it.
pub(crate) fn real(path: &Path) -> PathBuf {
    fs_err::canonicalize(path).unwrap()
}
