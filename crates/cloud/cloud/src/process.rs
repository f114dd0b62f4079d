//! The process of a cloud that runs, as other processes see it.
//!
//! It says of itself in a file of the data directory which process it is and where it answers. That counts only while the lock
//! of the directory is held, so what a process that was killed has left is ignored.

use std::fs::TryLockError;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::data_dir::DataDir;
use crate::error::CloudError;

/// What the process says of itself, below the data directory.
const FILE: &str = "process";
/// The file that the process has locked, below the data directory.
const LOCK: &str = "lock";
/// Most bytes of the file that are read.
const MOST_BYTES: u64 = 4096;
/// The wait between two looks whether a cloud has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// A cloud that runs in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// The id of the process.
    pub pid: i32,
    /// Where the cloud answers: `http://127.0.0.1:8773`.
    pub endpoint: String,
}

/// Opens a data directory. What a process before said of itself is over then.
pub(crate) fn begin(data_dir: &Path) -> Result<DataDir, CloudError> {
    let opened = DataDir::open(data_dir)?;
    match fs::remove_file(data_dir.join(FILE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(opened),
    }
}

/// Says which process this is and where it answers. The directory must be locked.
pub(crate) fn announce(data_dir: &Path, endpoint: &str) -> Result<(), CloudError> {
    let text = format!("{}\n{endpoint}\n", std::process::id());
    let temporary = data_dir.join(format!("{FILE}.new"));
    let mut options = fs::OpenOptions::new();
    // As every file of the directory it is for nobody else, whatever the umask is.
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&temporary, data_dir.join(FILE)))
        .map_err(failed)
}

/// The cloud that uses a data directory. `None`: none does.
///
/// # Errors
/// [`CloudError::Locked`] when something uses the directory that is no cloud, or one that does not accept connections yet.
pub(crate) fn find(data_dir: &Path) -> Result<Option<Process>, CloudError> {
    if !is_locked(data_dir).map_err(failed)? {
        return Ok(None);
    }
    let mut text = String::new();
    match fs::File::open(data_dir.join(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        file => {
            let read = file.and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
            read.map_err(failed)?;
        }
    }
    let mut lines = text.lines();
    let pid = lines.next().and_then(|pid| pid.parse().ok());
    match (pid, lines.next()) {
        (Some(pid), Some(endpoint)) => Ok(Some(Process {
            pid,
            endpoint: endpoint.to_owned(),
        })),
        _ => Err(CloudError::Locked(data_dir.to_owned())),
    }
}

/// Asks the cloud that uses a data directory to end, as SIGTERM does, and waits until it has. `None`: none uses it.
///
/// # Errors
/// As [`find`]; [`CloudError::OtherProcess`] when the process that is named does not have the directory open;
/// [`CloudError::StillRunning`] when the cloud has not ended after `patience`.
pub(crate) fn stop(data_dir: &Path, patience: Duration) -> Result<Option<Process>, CloudError> {
    let Some(process) = find(data_dir)? else {
        return Ok(None);
    };
    let other = || CloudError::OtherProcess { pid: process.pid };
    let pid = Pid::from_raw(process.pid).ok_or_else(other)?;
    if !has_open(process.pid, &data_dir.join(LOCK)) {
        return Err(other());
    }
    kill_process(pid, Signal::TERM).map_err(|error| CloudError::Files {
        doing: "stop the process of the cloud",
        source: error.into(),
    })?;
    let end = Instant::now() + patience;
    while is_locked(data_dir).map_err(failed)? {
        if Instant::now() >= end {
            return Err(CloudError::StillRunning { pid: process.pid });
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Some(process))
}

/// Whether a process has locked the directory.
fn is_locked(data_dir: &Path) -> io::Result<bool> {
    let file = match fs::File::open(data_dir.join(LOCK)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match file.file().try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a process has a file open. Where the system does not show that, it is assumed.
fn has_open(pid: i32, path: &Path) -> bool {
    let Ok(wanted) = fs::metadata(path) else {
        return false;
    };
    if !Path::new("/proc/self/fd").exists() {
        return true;
    }
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    entries.flatten().any(|entry| {
        // The link is followed to the file itself.
        fs::metadata(entry.path())
            .is_ok_and(|file| (file.dev(), file.ino()) == (wanted.dev(), wanted.ino()))
    })
}

fn failed(source: io::Error) -> CloudError {
    CloudError::Files {
        doing: "find out which cloud uses the data directory",
        source,
    }
}

/// This process among those of a cloud, for leases. `name` is what the front end is called, which others may be, too.
pub(crate) fn owner(name: &str) -> String {
    format!("{name}:{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_who_it_is_and_a_stale_word_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find(dir.path()).unwrap(), None);
        let held = begin(dir.path()).unwrap();
        assert!(matches!(find(dir.path()), Err(CloudError::Locked(_))));
        announce(dir.path(), "http://127.0.0.1:8773").unwrap();
        let said = find(dir.path()).unwrap().unwrap();
        assert_eq!(said.endpoint, "http://127.0.0.1:8773");
        assert_eq!(u32::try_from(said.pid).unwrap(), std::process::id());
        drop(held);
        assert!(dir.path().join(FILE).exists());
        assert_eq!(find(dir.path()).unwrap(), None);
        let again = begin(dir.path()).unwrap();
        assert!(matches!(find(dir.path()), Err(CloudError::Locked(_))));
        drop(again);
    }

    #[test]
    fn a_process_that_does_not_have_the_folder_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(stop(dir.path(), Duration::ZERO).unwrap(), None);
        let held = begin(dir.path()).unwrap();
        // The first process of the system does not have it open.
        fs::write(dir.path().join(FILE), "1\nhttp://127.0.0.1:1\n").unwrap();
        assert!(matches!(
            stop(dir.path(), Duration::ZERO),
            Err(CloudError::OtherProcess { pid: 1 })
        ));
        drop(held);
    }

    #[test]
    fn open_files_of_a_process_are_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(has_open(pid, file.path()));
        let path = file.path().to_owned();
        drop(file);
        assert!(!has_open(pid, &path));
    }
}
