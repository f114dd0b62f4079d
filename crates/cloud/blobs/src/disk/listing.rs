//! What is in a directory.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use fs_err as fs;
use futures::{Stream, TryStreamExt as _, stream};

use super::folders::{existing, name_of};
use crate::store::blocking;
use crate::{BlobError, Found};

/// Files that are looked at before the list continues elsewhere.
const BATCH: usize = 1000;

/// Lists the blobs in the directory at `path`. Other files are passed over.
pub(super) fn list(path: PathBuf) -> impl Stream<Item = Result<Found, BlobError>> + Send + 'static {
    let start = Listing {
        path,
        entries: None,
    };
    stream::try_unfold(start, |listing| async {
        blocking::<_, BlobError>(move || Ok(listing.batch()?)).await
    })
    .map_ok(|batch| stream::iter(batch.into_iter().map(Ok)))
    .try_flatten()
}

struct Listing {
    path: PathBuf,
    /// `None` before the first batch.
    entries: Option<fs::ReadDir>,
}

impl Listing {
    /// The next blobs, or `None` at the end.
    fn batch(mut self) -> io::Result<Option<(Vec<Found>, Self)>> {
        let mut entries = match self.entries.take() {
            Some(entries) => entries,
            None => match existing(fs::read_dir(&self.path))? {
                Some(entries) => entries,
                None => return Ok(None),
            },
        };
        let mut batch = Vec::new();
        for entry in entries.by_ref() {
            let entry = entry?;
            let Some(name) = name_of(&entry) else {
                continue;
            };
            let Some(metadata) = existing(entry.metadata())? else {
                continue;
            };
            batch.push(Found {
                name,
                size: metadata.len(),
                age: SystemTime::now()
                    .duration_since(metadata.modified()?)
                    .unwrap_or_default(),
            });
            if batch.len() == BATCH {
                break;
            }
        }
        self.entries = Some(entries);
        Ok((!batch.is_empty()).then_some((batch, self)))
    }
}
