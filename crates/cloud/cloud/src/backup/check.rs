//! Whether what was placed is what must be there.

use std::path::Path;

use futures::executor::block_on;
use gumnut_cloud_blobs::BlobName;
use gumnut_cloud_catalogue::{Catalogue, Clock, KnownBlob};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::NoProgress;

use super::error::BackupError;
use crate::error::CloudError;
use crate::fsck;

/// What the catalogue of a backup says.
pub(super) struct Known {
    /// The id of the cloud.
    pub(super) cloud: String,
    /// The blobs, in the order of their names.
    pub(super) blobs: Vec<(BlobName, KnownBlob)>,
    /// What does not hold together.
    pub(super) faults: Vec<String>,
}

/// Reads the copy of a catalogue.
pub(super) fn known(catalogue: &Path) -> Result<Known, CloudError> {
    let failed = |error| CloudError::of_catalogue(catalogue, error);
    let opened = SqliteCatalogue::look_at_copy(catalogue, Clock::system()).map_err(failed)?;
    let cloud = block_on(opened.id()).map_err(failed)?;
    let opened = Catalogue::new(opened);
    let mut faults = block_on(opened.faults()).map_err(failed)?;
    let known = block_on(fsck::known_blobs(&opened)).map_err(failed)?;
    let mut blobs = Vec::with_capacity(known.len());
    for blob in known {
        // A name is joined to paths.
        match blob.name.parse::<BlobName>() {
            Ok(name) => blobs.push((name, blob)),
            Err(error) => faults.push(format!("{}: {error}", blob.object)),
        }
    }
    Ok(Known {
        cloud,
        blobs,
        faults,
    })
}

/// Reads all blobs in the directory of a backup or of data, and compares them with their digests.
pub(super) fn bytes(
    folder: &Path,
    blobs: &[(BlobName, KnownBlob)],
) -> Result<Vec<String>, BackupError> {
    let mut wrong = Vec::new();
    for (_, blob) in blobs {
        let found = fsck::fault(folder, blob, &NoProgress)
            .map_err(BackupError::reading("read an object"))?;
        wrong.extend(found.map(|finding| finding.to_string()));
    }
    Ok(wrong)
}

/// Insists that nothing is wrong with a backup.
pub(super) fn insist_on_none(path: &Path, wrong: Vec<String>) -> Result<(), BackupError> {
    let count = wrong.len();
    match wrong.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(BackupError::Damaged {
            path: path.to_owned(),
            first,
            count,
        }),
    }
}
