//! What is deleted from time to time: blobs that were given up, blobs that no row names, abandoned uploads.

use std::collections::HashSet;
use std::time::Duration;

use futures::TryStreamExt as _;
use gumnut_cloud_blobs::{BlobName, Folder};
use gumnut_cloud_catalogue::UploadRef;

use crate::decide::upload;
use crate::error::ObjectError;
use crate::garbage::parse;
use crate::object_store::ObjectStore;

/// How many blobs or uploads are asked for at a time.
const BATCH: usize = 1000;
/// How long a collector has its lease for; it is extended with each batch.
const LEASE: Duration = Duration::from_mins(5);
/// The name of that lease.
const NAME: &str = "collect";
const HOUR: Duration = Duration::from_hours(1);

/// What a round of the collector has deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// Blobs that were given up.
    pub garbage: u64,
    /// Blobs that no row names.
    pub orphans: u64,
    /// Bytes of the blobs that no row names.
    pub orphan_bytes: u64,
    /// Uploads that took longer than [`crate::ObjectLimits::upload_time`].
    pub uploads: u64,
}

/// How a round of the collector is done that somebody has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The age from which blobs are deleted that were given up or that no row names; `None` for those of the store of blobs.
    pub grace: Option<Duration>,
    /// Whether no process uses the store, as a caller must have made sure. Then blobs of all directories are looked at, those that
    /// were swept before, too, and a lease that a killed process has left does not count.
    pub is_alone: bool,
    /// Whether nothing is deleted, and only what would be is counted.
    pub is_dry: bool,
}

impl ObjectStore {
    /// Deletes what nobody needs any more, and gives its number; `None` when another process does so.
    ///
    /// Abandoned uploads are aborted in any store. In a store that several processes share, blobs that were given up are deleted
    /// after [`Grace::reader`], and blobs that no row names after [`Grace::orphan`]: each hour of them is listed once. A row
    /// for a blob that is half as old as that is refused, so that the two cannot meet.
    ///
    /// `owner` names the process. Two at once do no harm.
    ///
    /// [`Grace::reader`]: gumnut_cloud_blobs::Grace::reader
    /// [`Grace::orphan`]: gumnut_cloud_blobs::Grace::orphan
    ///
    /// # Errors
    /// [`ObjectError::Catalogue`] or [`ObjectError::Blob`] when one of the two cannot be used. What is left is deleted by a later
    /// round.
    pub async fn collect(&self, owner: &str) -> Result<Option<Collected>, ObjectError> {
        self.collect_by_hand(owner, Round::default()).await
    }

    /// Does a round of the collector as somebody has asked for it. A grace that is shorter than that of the store of blobs is for a
    /// store that no process uses: with others it deletes blobs whose rows are about to be committed, and those that are read.
    ///
    /// # Errors
    /// Those of [`ObjectStore::collect`].
    pub async fn collect_by_hand(
        &self,
        owner: &str,
        round: Round,
    ) -> Result<Option<Collected>, ObjectError> {
        let collector = Collector {
            store: self,
            owner,
            round,
        };
        collector.run().await
    }
}

/// A round of the collector.
struct Collector<'a> {
    store: &'a ObjectStore,
    owner: &'a str,
    round: Round,
}

impl Collector<'_> {
    async fn run(&self) -> Result<Option<Collected>, ObjectError> {
        let store = self.store;
        let mut collected = Collected::default();
        if !self.keeps_lease().await? {
            return Ok(None);
        }
        let grace = store.blobs.grace();
        let is_shared = !grace.reader.is_zero();
        let reader = self.round.grace.unwrap_or(grace.reader);
        if self.round.is_dry {
            let age = store.limits.upload_time;
            let (uploads, garbage) = store.catalogue.count_old(age, reader).await?;
            (collected.uploads, collected.garbage) = (uploads, garbage);
        } else {
            collected.uploads = self.abort_abandoned().await?;
            if is_shared {
                collected.garbage = self.delete_garbage(reader).await?;
            }
        }
        if let Some(orphan) = grace.orphan {
            self.sweep(self.round.grace.unwrap_or(orphan), &mut collected)
                .await?;
        }
        if self.needs_lease() {
            let given_back = store.catalogue.lease(NAME, self.owner, Duration::ZERO);
            given_back.await?;
        }
        Ok(Some(collected))
    }

    fn needs_lease(&self) -> bool {
        !self.round.is_alone && !self.round.is_dry
    }

    async fn keeps_lease(&self) -> Result<bool, ObjectError> {
        if !self.needs_lease() {
            return Ok(true);
        }
        Ok(self.store.catalogue.lease(NAME, self.owner, LEASE).await?)
    }

    async fn abort_abandoned(&self) -> Result<u64, ObjectError> {
        let (age, mut aborted) = (self.store.limits.upload_time, 0);
        while self.keeps_lease().await? {
            let found = self.store.catalogue.old_uploads(age, BATCH).await?;
            let is_all = found.len() < BATCH;
            let before = aborted;
            for at in found {
                aborted += u64::from(self.store.abandon(at).await?);
            }
            // Those that are not aborted would be found again.
            if is_all || aborted == before {
                break;
            }
        }
        Ok(aborted)
    }

    async fn delete_garbage(&self, grace: Duration) -> Result<u64, ObjectError> {
        let (store, mut deleted) = (self.store, 0);
        while self.keeps_lease().await? {
            let mut gone = store.catalogue.old_garbage(grace, BATCH).await?;
            let is_all = gone.len() < BATCH;
            let mut doomed = parse(&gone);
            let in_use = store.catalogue.named_blobs(gone.clone()).await?;
            if !in_use.is_empty() {
                // It cannot be, and bytes that somebody needs are worth more than room.
                tracing::error!(blobs = in_use.len(), "blobs that were given up have rows");
                let kept = parse(&in_use);
                doomed.retain(|name| !kept.contains(name));
            }
            // First the bytes: what a stop leaves in the list is deleted again.
            let pinned = store.blobs.delete(&doomed).await?;
            deleted += (doomed.len() - pinned.len()) as u64;
            gone.retain(|name| name.parse().map_or(true, |name| !pinned.contains(&name)));
            store.catalogue.forget_garbage(gone).await?;
            if is_all || !pinned.is_empty() {
                break;
            }
        }
        Ok(deleted)
    }

    /// Deletes the blobs without rows of all hours that are old enough.
    async fn sweep(&self, grace: Duration, collected: &mut Collected) -> Result<(), ObjectError> {
        let store = self.store;
        let now = u64::try_from(store.catalogue.ready().await? / 1000).unwrap_or(0);
        let folders = store.blobs.folders().await?;
        if self.round.is_alone {
            for folder in folders {
                self.sweep_folder(folder, grace, collected).await?;
            }
            return Ok(());
        }
        let mut hours: Vec<u32> = folders.into_iter().filter_map(Folder::hour).collect();
        // Hours that have begun are looked at when blobs of them can be old enough, which costs a list each time.
        let most = if grace < HOUR { Duration::ZERO } else { HOUR };
        let is_due = |hour: &u32| now >= end(*hour, most) + grace.as_secs();
        hours.retain(is_due);
        for hour in store.catalogue.unswept_hours(hours).await? {
            if !self.keeps_lease().await? {
                break;
            }
            let swept = self.sweep_folder(Folder::Hour(hour), grace, collected);
            let is_all = swept.await?;
            if is_all && !self.round.is_dry && now >= end(hour, HOUR) + grace.as_secs() {
                store.catalogue.keep_swept(hour).await?;
            }
        }
        Ok(())
    }

    /// Deletes the blobs without rows of a directory that are old enough, and gives whether all of its blobs are: an upload can take
    /// longer than the hour in which it began.
    async fn sweep_folder(
        &self,
        folder: Folder,
        grace: Duration,
        collected: &mut Collected,
    ) -> Result<bool, ObjectError> {
        let (store, mut is_all) = (self.store, true);
        let mut found = store.blobs.list(folder).try_chunks(BATCH);
        while let Some(mut batch) = found.try_next().await.map_err(|error| error.1)? {
            let listed = batch.len();
            batch.retain(|blob| blob.age >= grace);
            is_all &= batch.len() == listed;
            let names = batch.iter().map(|blob| blob.name.to_string());
            let unknown = store.catalogue.unknown_blobs(names.collect()).await?;
            let unknown: HashSet<BlobName> = parse(&unknown).into_iter().collect();
            batch.retain(|blob| unknown.contains(&blob.name));
            if !self.round.is_dry {
                let names: Vec<_> = batch.iter().map(|blob| blob.name).collect();
                store.blobs.delete(&names).await?;
            }
            collected.orphans += batch.len() as u64;
            collected.orphan_bytes += batch.iter().map(|blob| blob.size).sum::<u64>();
        }
        Ok(is_all)
    }
}

impl ObjectStore {
    /// How many blobs were given up and wait for their deletion.
    ///
    /// # Errors
    /// [`ObjectError::Catalogue`] when the catalogue cannot be used.
    pub async fn garbage(&self) -> Result<u64, ObjectError> {
        // Uploads are not asked for: none is as old as this.
        let counted = self.catalogue.count_old(Duration::MAX, Duration::ZERO);
        Ok(counted.await?.1)
    }

    /// Aborts an upload if it is as old as it was when it was found.
    async fn abandon(&self, at: UploadRef) -> Result<bool, ObjectError> {
        let age = i64::try_from(self.limits.upload_time.as_millis()).unwrap_or(i64::MAX);
        let (catalogue, upload) = (self.catalogue.clone(), at.clone());
        self.commit_and_discard(async move {
            let unit = catalogue.change_upload(at, move |state| {
                let until = state.now.saturating_sub(age);
                Ok::<_, ObjectError>(upload::abandon(state, &upload, until))
            });
            unit.await
        })
        .await
    }
}

/// When an hour that lasts for `most` ends, in seconds since 1970.
fn end(hour: u32, most: Duration) -> u64 {
    u64::from(hour) * HOUR.as_secs() + most.as_secs()
}
