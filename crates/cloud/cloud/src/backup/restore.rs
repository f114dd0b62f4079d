//! Restoring a backup.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::Serialize;

use super::check;
use super::error::BackupError;
use super::folder::{self, Complete};
use super::make::{KEPT, kept_files};
use super::manifest::{File, Objects};
use super::place::{copy, make_folder, place, sync_folder};
use crate::data_dir::{CATALOGUE, CATALOGUE_MARK, DataDir};
use crate::error::CloudError;

/// A data directory that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Restored {
    /// The backup that was used.
    pub backup: PathBuf,
    /// When the backup was made, in the form of RFC 3339.
    pub made: String,
    /// Objects and parts of uploads that are files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Restores a backup, or the last one in a directory of backups, to a data directory that is empty or not there.
pub(crate) fn restore(from: &Path, to: &Path, may_link: bool) -> Result<Restored, CloudError> {
    let backup = folder::find(from)?;
    insist_on_free(to)?;
    let begun = begin(to)?;
    let filled = fill(&backup, &begun, may_link).and_then(|()| {
        fs::rename(&begun, to)
            .and_then(|()| sync_folder(&parent(to)))
            .map_err(BackupError::writing(
                to,
                "give the restored directory its name",
            ))
            .map_err(CloudError::from)
    });
    if let Err(error) = filled {
        // The error that counts is the first.
        let _ = fs::remove_dir_all(&begun);
        return Err(error);
    }
    Ok(Restored {
        backup: backup.path,
        made: backup.manifest.made,
        objects: backup.manifest.objects.count,
        bytes: backup.manifest.objects.bytes,
    })
}

/// Insists on a directory that is empty or not there.
fn insist_on_free(to: &Path) -> Result<(), CloudError> {
    let first = match fs::read_dir(to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map(|mut entries| entries.next()),
    };
    match first {
        Ok(None) => Ok(()),
        Ok(Some(_)) => {
            // One that is in use is an error of its own.
            DataDir::look_at(to)?;
            Err(BackupError::NotEmpty(to.to_owned()).into())
        }
        Err(error) => Err(BackupError::reading("read the directory to restore to")(error).into()),
    }
}

/// Makes the directory in which the data directory grows before it gets its name. One that a restore has left is removed.
fn begin(to: &Path) -> Result<PathBuf, BackupError> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let begun = parent(to).join(format!(".{name}.restore.partial"));
    match fs::remove_dir_all(&begun) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => {
            removed.map_err(BackupError::reading(
                "remove what a restore before has left",
            ))?;
        }
    }
    make_folder(&begun.join("objects")).map_err(BackupError::writing(
        to,
        "create the directory to restore to",
    ))?;
    Ok(begun)
}

/// The directory that a path is in.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Restores everything: first what is compared with the manifest, then the objects, each of which is read and compared.
fn fill(backup: &Complete, begun: &Path, may_link: bool) -> Result<(), CloudError> {
    let Complete { path, manifest } = backup;
    let reading = || BackupError::reading("read the backup");
    let writing = || BackupError::writing(begun, "write the restored directory");
    let wrong = changed(backup).map_err(reading())?;
    check::insist_on_none(path, wrong)?;
    let catalogue = begun.join(CATALOGUE);
    for file in [CATALOGUE, CATALOGUE_MARK] {
        copy(&path.join(file), &begun.join(file)).map_err(writing())?;
    }
    let known = check::known(&catalogue)?;
    let blobs: Vec<_> = known.blobs.iter().map(|(_, blob)| blob.clone()).collect();
    let mut wrong = known.faults;
    if Objects::of(&blobs) != manifest.objects {
        wrong.push("the catalogue names other objects than the manifest".to_owned());
    }
    let objects = path.join("objects");
    for blob in &blobs {
        let size = fs::metadata(objects.join(&blob.name)).map(|found| found.len());
        match size {
            Ok(size) if size == blob.size => {}
            Ok(size) => wrong.push(format!(
                "objects/{} has {size} bytes, not {}",
                blob.name, blob.size
            )),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    check::insist_on_none(path, wrong)?;
    for name in manifest.files.keys() {
        let to = begun.join(name);
        make_folder(to.parent().unwrap_or(begun))
            .and_then(|()| copy(&path.join(name), &to))
            .and_then(|()| sync_folder(to.parent().unwrap_or(begun)))
            .map_err(writing())?;
    }
    for blob in &blobs {
        let to = begun.join("objects").join(&blob.name);
        place(&objects.join(&blob.name), &to, may_link).map_err(writing())?;
    }
    check::insist_on_none(path, check::bytes(begun, &known.blobs)?)?;
    sync_folder(&begun.join("objects"))
        .and_then(|()| sync_folder(begun))
        .map_err(writing())?;
    Ok(())
}

/// What of the catalogue and the files with keys is not as the manifest says. Where it returns nothing, the paths in the manifest are
/// those of files in the backup.
fn changed(backup: &Complete) -> io::Result<Vec<String>> {
    let Complete { path, manifest } = backup;
    let mut found = BTreeMap::new();
    for kept in KEPT {
        for file in kept_files(path, kept)? {
            let name = file.to_string_lossy().into_owned();
            found.insert(name, File::of(&path.join(&file))?);
        }
    }
    let mut wrong = Vec::new();
    for name in found.keys().chain(manifest.files.keys()) {
        match (found.get(name), manifest.files.get(name)) {
            (Some(found), Some(expected)) if found == expected => {}
            (Some(_), Some(_)) => wrong.push(format!("{name} has other content")),
            (None, _) => wrong.push(format!("{name} is missing")),
            (_, None) => wrong.push(format!("{name} is not in the manifest")),
        }
    }
    match File::of(&path.join(CATALOGUE)) {
        Ok(file) if file == manifest.catalogue => {}
        Ok(_) => wrong.push(format!("{CATALOGUE} has other content")),
        Err(error) => wrong.push(error.to_string()),
    }
    if !path.join(CATALOGUE_MARK).exists() {
        wrong.push(format!("{CATALOGUE_MARK} is missing"));
    }
    wrong.dedup();
    Ok(wrong)
}
