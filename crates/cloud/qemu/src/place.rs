//! The directory of an instance.

use std::io;
use std::path::{Path, PathBuf};

use gumnut_cloud_instances::{Console, InstanceId};

/// Where the console of a machine that has ended is: its beginning and its end.
const CONSOLES: [&str; 2] = ["console.first", "console.last"];

/// The directory of an instance, which may not be there.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(root: &Path, id: &InstanceId) -> Self {
        // An id is `i-` and hex digits. It names the same directory in any case.
        Self(root.join(id.as_str().to_ascii_lowercase()))
    }

    /// The instances that have directories below `root`.
    pub(crate) fn all(root: &Path) -> io::Result<Vec<InstanceId>> {
        let mut found = Vec::new();
        for entry in fs_err::read_dir(root)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            if let (Ok(id), true) = (name.parse(), entry.file_type()?.is_dir()) {
                found.push(id);
            }
        }
        Ok(found)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the console of a machine that has ended.
    pub(crate) fn write_console(&self, console: &Console) -> io::Result<()> {
        for (name, bytes) in CONSOLES.iter().zip([&console.first, &console.last]) {
            let (temporary, path) = (self.0.join(format!("{name}.new")), self.0.join(name));
            fs_err::write(&temporary, bytes)?;
            fs_err::rename(temporary, path)?;
        }
        Ok(())
    }

    /// The console of a machine that has ended; `None`: there is none.
    pub(crate) fn read_console(&self) -> Option<Console> {
        let [first, last] = CONSOLES.map(|name| fs_err::read(self.0.join(name)).ok());
        Some(Console {
            first: first?,
            last: last?,
        })
    }

    /// Removes the directory and all that is in it, if it is there.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs_err::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
