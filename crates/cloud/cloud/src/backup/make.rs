//! Making a backup.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fs_err as fs;
use gumnut_cloud_blobs::{BlobName, DiskHold};
use gumnut_cloud_catalogue::{CatalogueError, Clock, KnownBlob};
use gumnut_cloud_sqlite::SqliteCatalogue;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::check::{self, Known};
use super::error::BackupError;
use super::folder::Backups;
use super::manifest::{File, Manifest, Objects};
use super::place::{Placed, copy, files_below, make_folder, place, sync_folder};
use crate::data_dir::{BACKUP_MANIFEST, CATALOGUE};
use crate::error::CloudError;

/// Files and directories beside the catalogue and the objects that make a cloud the one that it is.
pub(super) const KEPT: [&str; 3] = ["keys", "credentials", "master.key"];

/// How a backup is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// Copy files of the cloud, even where hard links are possible.
    pub copy: bool,
    /// Read all objects of the backup and compare them with their digests.
    pub verify: bool,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Backup {
    /// Where it is.
    #[serde(rename = "backup")]
    pub path: PathBuf,
    /// Objects and parts of uploads in it that are files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were not copied: they share their file with the cloud or an earlier backup, or an interrupted one had it.
    pub linked: u64,
}

impl BackupOptions {
    /// Whether to copy files that could be linked, and whether to read all of the backup.
    pub fn new(copy: bool, verify: bool) -> Self {
        Self { copy, verify }
    }
}

/// Makes a backup of a data directory, whose cloud may run, in a directory for backups.
pub(crate) fn make(
    data_dir: &Path,
    to: &Path,
    options: BackupOptions,
) -> Result<Backup, CloudError> {
    let mut backups = Backups::open(to, data_dir)?;
    let now = Clock::system().now();
    let stamp = format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z");
    let text = |formatted: Result<String, time::error::Format>| {
        formatted.map_err(|error| BackupError::Files {
            doing: "write the time",
            source: io::Error::other(error),
        })
    };
    let (name, made) = (text(now.format(stamp))?, text(now.format(&Rfc3339))?);
    let begun = backups.begin(&name)?;
    let filled = Filling {
        data_dir,
        begun: &begun,
        options,
        linked: 0,
    }
    .fill(&mut backups, made);
    match filled {
        Ok((objects, linked)) => Ok(Backup {
            path: backups.complete(&begun, &name)?,
            objects: objects.count,
            bytes: objects.bytes,
            linked,
        }),
        Err(error) => {
            // The error that counts is the first; what is left is cleared by the next backup.
            let _ = fs::remove_dir_all(&begun);
            Err(error)
        }
    }
}

/// A backup that is being made.
struct Filling<'a> {
    data_dir: &'a Path,
    begun: &'a Path,
    options: BackupOptions,
    linked: u64,
}

impl Filling<'_> {
    fn fill(mut self, backups: &mut Backups, made: String) -> Result<(Objects, u64), CloudError> {
        // From here on what the catalogue names is there until the hold ends.
        let doing = "hold the objects of the cloud";
        let hold = DiskHold::take(self.data_dir).map_err(BackupError::reading(doing))?;
        let catalogue = self.begun.join(CATALOGUE);
        self.copy_catalogue(&catalogue)?;
        let known = check::known(&catalogue)?;
        check::insist_on_none(self.data_dir, known.faults.clone())?;
        backups.are_of(&known.cloud)?;
        // Files of keys are there before rows name them, so they come after the catalogue.
        let files = self.copy_files()?;
        let last = backups.last()?.map(|last| last.path.join("objects"));
        for (name, blob) in &known.blobs {
            self.place(&hold, last.as_deref(), *name, blob)?;
        }
        drop(hold);
        self.remove_others(&known)
            .map_err(self.writing("clear the backup"))?;
        if self.options.verify {
            let wrong = check::bytes(self.begun, &known.blobs)?;
            check::insist_on_none(self.begun, wrong)?;
        }
        let blobs: Vec<_> = known.blobs.into_iter().map(|(_, blob)| blob).collect();
        let objects = Objects::of(&blobs);
        let catalogue = File::of(&catalogue).map_err(self.writing("read the catalogue"))?;
        let manifest = Manifest::new(made, known.cloud, catalogue, files, objects.clone());
        sync_folder(&self.begun.join("objects"))
            .and_then(|()| manifest.write(&self.begun.join(BACKUP_MANIFEST)))
            .and_then(|()| sync_folder(self.begun))
            .map_err(self.writing("write the manifest"))?;
        Ok((objects, self.linked))
    }

    fn copy_catalogue(&self, to: &Path) -> Result<(), CloudError> {
        let from = self.data_dir.join(CATALOGUE);
        match SqliteCatalogue::copy(&from, to) {
            Err(CatalogueError::Full(source)) => Err(BackupError::Full {
                path: self.begun.to_owned(),
                source: io::Error::other(source),
            }
            .into()),
            copied => copied.map_err(|error| CloudError::of_catalogue(&from, error)),
        }
    }

    fn copy_files(&self) -> Result<BTreeMap<String, File>, BackupError> {
        let mut copied = BTreeMap::new();
        let doing = "copy the files with keys";
        for kept in KEPT {
            let files = kept_files(self.data_dir, kept).map_err(self.writing(doing))?;
            for path in files {
                let to = self.begun.join(&path);
                let folder = to.parent().unwrap_or(self.begun);
                let file = make_folder(folder)
                    .and_then(|()| copy(&self.data_dir.join(&path), &to))
                    .and_then(|()| sync_folder(folder))
                    .and_then(|()| File::of(&to))
                    .map_err(self.writing(doing))?;
                copied.insert(path.to_string_lossy().into_owned(), file);
            }
        }
        Ok(copied)
    }

    /// Places the file of a blob: from a backup before this one, else from the cloud.
    fn place(
        &mut self,
        hold: &DiskHold,
        last: Option<&Path>,
        name: BlobName,
        blob: &KnownBlob,
    ) -> Result<(), BackupError> {
        let to = self.begun.join("objects").join(&blob.name);
        let is_right = |path: &Path| fs::metadata(path).is_ok_and(|it| it.len() == blob.size);
        let doing = "copy an object";
        // One that an interrupted backup has left.
        if is_right(&to) {
            self.linked += 1;
            return Ok(());
        }
        let earlier = last.map(|last| last.join(&blob.name));
        let placed = match earlier.filter(|earlier| is_right(earlier)) {
            Some(earlier) => place(&earlier, &to, true),
            None => hold.with_file(name, |path| place(path, &to, !self.options.copy)),
        };
        match placed {
            Ok(Placed::Linked) => self.linked += 1,
            Ok(Placed::Copied) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(object(blob, "is missing".to_owned()));
            }
            Err(error) => return Err(self.writing(doing)(error)),
        }
        if is_right(&to) {
            return Ok(());
        }
        let found = fs::metadata(&to).map_err(self.writing(doing))?.len();
        Err(object(
            blob,
            format!("has {found} bytes, not {}", blob.size),
        ))
    }

    /// Removes what an interrupted backup has left and this one does not need.
    fn remove_others(&self, known: &Known) -> io::Result<()> {
        let needed: HashSet<&str> = known.blobs.iter().map(|(_, blob)| &blob.name[..]).collect();
        for entry in fs::read_dir(self.begun.join("objects"))? {
            let entry = entry?;
            if !needed.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn writing(&self, doing: &'static str) -> impl FnOnce(io::Error) -> BackupError + use<> {
        BackupError::writing(self.begun, doing)
    }
}

/// The files of one of [`KEPT`], relative to the data directory.
pub(super) fn kept_files(data_dir: &Path, kept: &str) -> io::Result<Vec<PathBuf>> {
    if data_dir.join(kept).is_file() {
        return Ok(vec![kept.into()]);
    }
    files_below(data_dir, kept)
}

fn object(blob: &KnownBlob, what: String) -> BackupError {
    BackupError::Object {
        object: blob.object.clone(),
        blob: blob.name.clone(),
        what,
    }
}
