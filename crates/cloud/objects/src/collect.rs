//! What is deleted from time to time: blobs that were given up, blobs that no row names, abandoned uploads.

use std::time::Duration;

use futures::TryStreamExt as _;
use gumnut_cloud_blobs::{BlobName, Folder, Found};
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
    pub garbage: usize,
    /// Blobs that no row names.
    pub orphans: usize,
    /// Uploads that took longer than [`crate::ObjectLimits::upload_time`].
    pub uploads: usize,
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
        let mut collected = Collected::default();
        if !self.keeps_lease(owner).await? {
            return Ok(None);
        }
        collected.uploads = self.abort_abandoned(owner).await?;
        let grace = self.blobs.grace();
        if !grace.reader.is_zero() {
            collected.garbage = self.delete_garbage(owner, grace.reader).await?;
        }
        if let Some(orphan) = grace.orphan {
            collected.orphans = self.sweep(owner, orphan).await?;
        }
        self.catalogue.lease(NAME, owner, Duration::ZERO).await?;
        Ok(Some(collected))
    }

    async fn keeps_lease(&self, owner: &str) -> Result<bool, ObjectError> {
        Ok(self.catalogue.lease(NAME, owner, LEASE).await?)
    }

    async fn abort_abandoned(&self, owner: &str) -> Result<usize, ObjectError> {
        let (age, mut aborted) = (self.limits.upload_time, 0);
        while self.keeps_lease(owner).await? {
            let found = self.catalogue.old_uploads(age, BATCH).await?;
            let is_all = found.len() < BATCH;
            let before = aborted;
            for at in found {
                aborted += usize::from(self.abandon(at).await?);
            }
            // Those that are not aborted would be found again.
            if is_all || aborted == before {
                break;
            }
        }
        Ok(aborted)
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

    async fn delete_garbage(&self, owner: &str, grace: Duration) -> Result<usize, ObjectError> {
        let mut deleted = 0;
        while self.keeps_lease(owner).await? {
            let mut gone = self.catalogue.old_garbage(grace, BATCH).await?;
            let is_all = gone.len() < BATCH;
            let mut doomed = parse(&gone);
            let in_use = self.catalogue.named_blobs(gone.clone()).await?;
            if !in_use.is_empty() {
                // It cannot be, and bytes that somebody needs are worth more than room.
                tracing::error!(blobs = in_use.len(), "blobs that were given up have rows");
                let kept = parse(&in_use);
                doomed.retain(|name| !kept.contains(name));
            }
            // First the bytes: what a stop leaves in the list is deleted again.
            let pinned = self.blobs.delete(&doomed).await?;
            deleted += doomed.len() - pinned.len();
            gone.retain(|name| name.parse().map_or(true, |name| !pinned.contains(&name)));
            self.catalogue.forget_garbage(gone).await?;
            if is_all || !pinned.is_empty() {
                break;
            }
        }
        Ok(deleted)
    }

    /// Deletes the blobs without rows of all hours that are old enough.
    async fn sweep(&self, owner: &str, grace: Duration) -> Result<usize, ObjectError> {
        let mut deleted = 0;
        let now = u64::try_from(self.catalogue.ready().await? / 1000).unwrap_or(0);
        let mut hours: Vec<u32> = Vec::new();
        for folder in self.blobs.folders().await? {
            hours.extend(folder.hour());
        }
        // Hours that have begun are looked at when blobs of them can be old enough, which costs a list each time.
        let most = if grace < HOUR { Duration::ZERO } else { HOUR };
        let is_due = |hour: &u32| now >= end(*hour, most) + grace.as_secs();
        hours.retain(is_due);
        for hour in self.catalogue.unswept_hours(hours).await? {
            if !self.keeps_lease(owner).await? {
                break;
            }
            deleted += self.sweep_hour(hour, grace).await?;
            if now >= end(hour, HOUR) + grace.as_secs() {
                self.catalogue.keep_swept(hour).await?;
            }
        }
        Ok(deleted)
    }

    async fn sweep_hour(&self, hour: u32, grace: Duration) -> Result<usize, ObjectError> {
        let mut deleted = 0;
        let mut found = self.blobs.list(Folder::Hour(hour)).try_chunks(BATCH);
        while let Some(batch) = found.try_next().await.map_err(|error| error.1)? {
            deleted += self.delete_unknown(&batch, grace).await?;
        }
        Ok(deleted)
    }

    async fn delete_unknown(&self, found: &[Found], grace: Duration) -> Result<usize, ObjectError> {
        let old = found.iter().filter(|blob| blob.age >= grace);
        let names: Vec<String> = old.map(|blob| blob.name.to_string()).collect();
        let unknown: Vec<BlobName> = parse(&self.catalogue.unknown_blobs(names).await?);
        self.blobs.delete(&unknown).await?;
        Ok(unknown.len())
    }
}

/// When an hour that lasts for `most` ends, in seconds since 1970.
fn end(hour: u32, most: Duration) -> u64 {
    u64::from(hour) * HOUR.as_secs() + most.as_secs()
}
