//! Checking a store that several processes share, while they use it.
//!
//! What is found by two looks is only told when it cannot come of a change in between: no blob is written twice, no row names a blob
//! before it is stored, and no blob is deleted while a row names it. So a blob that is missing although a row that was read before is
//! there afterwards is lost; and a blob without a row that is older than any commit allows is nobody's, if it is there still.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use gumnut_cloud_blobs::{BlobError, BlobName, BlobStore, Folder, Found};
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, KnownBlob};
use gumnut_types::Progress;
use md5::{Digest as _, Md5};

use super::report::{Finding, MOST_FINDINGS, Report};
use crate::error::CloudError;

/// Blobs that are asked for at a time.
const BATCH: usize = 1000;
/// Blobs that are read or looked for at the same time.
const AT_ONCE: usize = 8;
/// How often a blob is read whose bytes do not come to the end.
const TRIES: u32 = 3;

/// Checks what rows name and what is stored; with `is_deep` it reads all bytes. Changes nothing.
pub(crate) async fn check_shared(
    catalogue: &Catalogue,
    blobs: &Arc<dyn BlobStore>,
    is_deep: bool,
    progress: &dyn Progress,
) -> Result<Report, CloudError> {
    let mut check = Check {
        catalogue,
        blobs,
        progress,
        report: Report::default(),
        listed: HashMap::new(),
        named: HashMap::new(),
        of_wrong_size: HashSet::new(),
    };
    for fault in catalogue.faults().await? {
        let finding = Finding::Catalogue(format!("is damaged: {fault}"));
        check.report.add(finding);
    }
    if is_deep {
        check.report.check_inline(catalogue).await?;
    }
    // Before the rows: a blob that is put meanwhile is then looked for by its name.
    for folder in blobs.folders().await? {
        check.list(folder).await?;
    }
    check.look_at_rows(is_deep).await?;
    if !is_deep {
        check.look_for_missing().await?;
    }
    let mut report = check.report;
    report.findings.sort_by_key(ToString::to_string);
    Ok(report)
}

struct Check<'a> {
    catalogue: &'a Catalogue,
    blobs: &'a Arc<dyn BlobStore>,
    progress: &'a dyn Progress,
    report: Report,
    /// The blobs that were listed and have rows.
    listed: HashMap<Folder, Names>,
    /// The blobs that rows name.
    named: HashMap<Folder, Names>,
    /// Some of the blobs whose size is wrong.
    of_wrong_size: HashSet<BlobName>,
}

/// Stands for the names of many blobs of a directory, which would not all be held in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Names {
    count: u64,
    /// The random parts of the names, added up bit by bit.
    sum: [u8; 16],
}

impl Names {
    fn add(&mut self, name: BlobName) {
        self.count += 1;
        for (sum, byte) in self.sum.iter_mut().zip(name.random()) {
            *sum ^= byte;
        }
    }
}

impl Check<'_> {
    async fn list(&mut self, folder: Folder) -> Result<(), CloudError> {
        let mut found = self.blobs.list(folder).try_chunks(BATCH);
        while let Some(batch) = found.try_next().await.map_err(|error| error.1)? {
            self.compare(batch).await?;
        }
        Ok(())
    }

    /// Compares blobs that were listed with their rows.
    async fn compare(&mut self, mut batch: Vec<Found>) -> Result<(), CloudError> {
        let known = self.catalogue.find_blobs(names(&batch)).await?;
        let known: HashMap<_, _> = known
            .into_iter()
            .map(|blob| (blob.name.clone(), blob))
            .collect();
        batch.retain(|found| {
            let Some(row) = known.get(&found.name.to_string()) else {
                return true;
            };
            self.listed
                .entry(found.name.folder())
                .or_default()
                .add(found.name);
            if row.size != found.size {
                self.report.add(Finding::BlobSize {
                    object: row.object.clone(),
                    blob: row.name.clone(),
                    expected: row.size,
                    found: found.size,
                });
                if self.of_wrong_size.len() < MOST_FINDINGS {
                    self.of_wrong_size.insert(found.name);
                }
            }
            false
        });
        let unknown = self.catalogue.unknown_blobs(names(&batch)).await?;
        let unknown: HashSet<_> = unknown.into_iter().collect();
        let before = batch.len();
        batch.retain(|found| unknown.contains(&found.name.to_string()));
        self.report.given_up += (before - batch.len()) as u64;
        self.judge(batch).await
    }

    /// Says of blobs without rows which of them are nobody's.
    async fn judge(&mut self, mut unknown: Vec<Found>) -> Result<(), CloudError> {
        let least = self.blobs.grace().orphan.unwrap_or_default();
        let before = unknown.len();
        unknown.retain(|found| found.age >= least);
        self.report.recent += (before - unknown.len()) as u64;
        let names = unknown.iter().map(|found| found.name);
        let still = self.are_there(names.collect()).await?;
        for (found, is_there) in unknown.iter().zip(still) {
            // One that is gone was given up and deleted after it was listed.
            if is_there {
                self.report.add(Finding::OrphanBlob {
                    blob: found.name.to_string(),
                    size: found.size,
                    age: found.age,
                });
            }
        }
        Ok(())
    }

    /// Which of these blobs can be found at this moment.
    async fn are_there(&self, names: Vec<BlobName>) -> Result<Vec<bool>, BlobError> {
        let looks = names.into_iter().map(|name| async move {
            match self.blobs.check(&[name]).await {
                Ok(()) => Ok(true),
                Err(BlobError::NotFound(_)) => Ok(false),
                Err(error) => Err(error),
            }
        });
        stream::iter(looks).buffered(AT_ONCE).try_collect().await
    }

    /// Counts what rows name, and reads it if asked to.
    async fn look_at_rows(&mut self, is_deep: bool) -> Result<(), CloudError> {
        let mut after = String::new();
        while let Some(page) = page(self.catalogue, &mut after).await? {
            let mut sound = Vec::new();
            for row in page {
                self.report.files += 1;
                self.report.bytes += row.size;
                match row.name.parse::<BlobName>() {
                    Ok(name) => {
                        self.named.entry(name.folder()).or_default().add(name);
                        sound.push((name, row));
                    }
                    Err(error) => {
                        let fault = format!("is damaged: {}: {error}", row.object);
                        self.report.add(Finding::Catalogue(fault));
                    }
                }
            }
            if is_deep {
                self.read(sound).await?;
            }
        }
        Ok(())
    }

    /// Compares the bytes of blobs with the digests of their rows.
    async fn read(&mut self, rows: Vec<(BlobName, KnownBlob)>) -> Result<(), CloudError> {
        let wanted = rows
            .into_iter()
            .filter(|(name, _)| !self.of_wrong_size.contains(name));
        let reads = wanted.map(|(name, row)| self.fault(name, row));
        let reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        let found: Vec<_> = reads.try_collect().await?;
        for finding in found.into_iter().flatten() {
            self.report.add(finding);
        }
        Ok(())
    }

    /// What is wrong with the bytes of a blob; `None` when they are as they were, or when its row is gone.
    async fn fault(&self, name: BlobName, row: KnownBlob) -> Result<Option<Finding>, CloudError> {
        let mut tries = 1;
        let (object, blob) = (row.object.clone(), row.name.clone());
        let finding = loop {
            match self.digest(name, row.size).await {
                Ok(md5) if md5 == row.md5 => return Ok(None),
                Ok(_) => break Finding::BlobDigest { object, blob },
                Err(BlobError::NotFound(_)) => break Finding::BlobMissing { object, blob },
                Err(_) if tries < TRIES => tries += 1,
                Err(BlobError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    break Finding::BlobDigest { object, blob };
                }
                Err(error) => return Err(error.into()),
            }
        };
        Ok(self.is_named(&row).await?.then_some(finding))
    }

    /// The MD5 of the bytes of a blob, in hex.
    async fn digest(&self, name: BlobName, size: u64) -> Result<String, BlobError> {
        let mut md5 = Md5::new();
        let mut bytes = self.blobs.get(name, 0..size).await?;
        while let Some(piece) = bytes.try_next().await? {
            md5.update(&piece);
            self.progress.advance(piece.len() as u64);
        }
        Ok(HEXLOWER.encode(&md5.finalize()))
    }

    /// Whether the row is there still.
    async fn is_named(&self, row: &KnownBlob) -> Result<bool, CatalogueError> {
        let found = self.catalogue.find_blobs(vec![row.name.clone()]).await?;
        Ok(!found.is_empty())
    }

    /// Looks for the blobs of rows where those that were listed are others.
    async fn look_for_missing(&mut self) -> Result<(), CloudError> {
        if self.listed == self.named {
            return Ok(());
        }
        let mut after = String::new();
        while let Some(page) = page(self.catalogue, &mut after).await? {
            let mut doubtful = Vec::new();
            for row in page {
                // Names that are none have been told of.
                let Ok(name) = row.name.parse::<BlobName>() else {
                    continue;
                };
                let folder = name.folder();
                if self.listed.get(&folder) != self.named.get(&folder) {
                    doubtful.push((name, row));
                }
            }
            let names = doubtful.iter().map(|(name, _)| *name);
            let are_there = self.are_there(names.collect()).await?;
            for ((_, row), is_there) in doubtful.into_iter().zip(are_there) {
                if !is_there && self.is_named(&row).await? {
                    let (object, blob) = (row.object, row.name);
                    self.report.add(Finding::BlobMissing { object, blob });
                }
            }
        }
        Ok(())
    }
}

/// The next blobs that rows name, behind the name `after`, which becomes that of the last; `None` at the end.
async fn page(
    catalogue: &Catalogue,
    after: &mut String,
) -> Result<Option<Vec<KnownBlob>>, CatalogueError> {
    let page = catalogue.known_blobs(after, BATCH).await?;
    let Some(last) = page.last() else {
        return Ok(None);
    };
    after.clone_from(&last.name);
    Ok(Some(page))
}

fn names(found: &[Found]) -> Vec<String> {
    found.iter().map(|blob| blob.name.to_string()).collect()
}
