//! Moving a whole cloud: its catalogue and the bytes of its objects.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use gumnut_cloud_blobs::{BlobError, BlobName, BlobStore, Body, BoxError, PutError, Tap};
use gumnut_cloud_catalogue::{
    Clock, Database, KnownBlob, Transfer, begin_move, insist_on_served, is_moved_to, undo_move,
};
use gumnut_cloud_postgres::PostgresCatalogue;
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::Progress;
use md5::{Digest as _, Md5};

use crate::blobs;
use crate::config::{BlobsSource, CatalogueSource, Config};
use crate::data_dir::{CATALOGUE, DataDir, is_empty};
use crate::error::CloudError;
use crate::sessions::insist_on_nobody;

/// Blobs that are asked for at a time.
const BATCH: usize = 1000;
/// Blobs that are copied at the same time.
const AT_ONCE: usize = 4;

/// What becomes of the bytes of objects when a cloud moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveBlobs {
    /// They are copied to the other store, which must be empty.
    Copy,
    /// They are there already, because it is the same store or because they were copied by other means.
    Keep,
}

/// What was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Relocated {
    /// Rows of the catalogue.
    pub rows: u64,
    /// Blobs that were copied.
    pub copied: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// Blobs that were there already.
    pub present: u64,
    /// Whether the cloud had been moved to this place before, so that nothing was left to do.
    pub was_moved: bool,
}

/// A catalogue that rows are copied from or to.
enum Opened {
    Sqlite(SqliteCatalogue),
    Postgres(PostgresCatalogue),
}

impl Opened {
    fn transfer(&self) -> &dyn Transfer {
        match self {
            Self::Sqlite(catalogue) => catalogue,
            Self::Postgres(catalogue) => catalogue,
        }
    }

    fn database(&self) -> &dyn Database {
        match self {
            Self::Sqlite(catalogue) => catalogue,
            Self::Postgres(catalogue) => catalogue,
        }
    }

    fn sqlite(data_dir: &Path) -> Result<Self, CloudError> {
        let path = data_dir.join(CATALOGUE);
        let opened = SqliteCatalogue::open(&path, Clock::system());
        let opened = opened.map_err(|error| CloudError::of_catalogue(&path, error))?;
        Ok(Self::Sqlite(opened))
    }

    /// The catalogue of a cloud that exists.
    async fn existing(config: &Config) -> Result<Self, CloudError> {
        match &config.catalogue {
            CatalogueSource::Sqlite => Self::sqlite(&config.data_dir),
            CatalogueSource::Postgres(postgres) => {
                let opened = PostgresCatalogue::open_existing(postgres, Clock::system());
                Ok(Self::Postgres(opened.await?))
            }
        }
    }

    /// The catalogue of a cloud to be, with its tables.
    async fn new(config: &Config) -> Result<Self, CloudError> {
        match &config.catalogue {
            CatalogueSource::Sqlite => Self::sqlite(&config.data_dir),
            CatalogueSource::Postgres(postgres) => {
                let opened = PostgresCatalogue::open(postgres, Clock::system());
                Ok(Self::Postgres(opened.await?))
            }
        }
    }
}

/// Moves a cloud. See [`crate::Cloud::relocate`].
pub(crate) async fn relocate(
    from: &Config,
    to: &Config,
    blobs: Option<MoveBlobs>,
    progress: &dyn Progress,
) -> Result<Relocated, CloudError> {
    insist_on_cloud(from)?;
    let _locked = lock(from, Some(to))?;
    for config in [from, to] {
        // Before the connections of this program.
        if let CatalogueSource::Postgres(postgres) = &config.catalogue {
            insist_on_nobody(postgres).await?;
        }
    }
    let (source, target) = (Opened::existing(from).await?, Opened::new(to).await?);
    let place = place(to);
    let is_begun = !target.transfer().steps().await?.is_empty();
    // The command may have been interrupted when all was done.
    if !is_begun
        && is_moved_to(source.transfer(), &place).await?
        && !target.database().accounts().await?.accounts.is_empty()
    {
        return Ok(Relocated {
            was_moved: true,
            ..Relocated::default()
        });
    }
    if !is_begun {
        insist_on_served(source.transfer()).await?;
    }
    let (own, other) = (
        &from.secret_files().master_key,
        &to.secret_files().master_key,
    );
    if !other.take_over(own)? {
        return Err(CloudError::OtherMasterKey {
            from: own.path().to_owned(),
            to: other.path().to_owned(),
        });
    }
    let cluster = source.database().secret(blobs::CLUSTER.to_owned()).await?;
    let copy = Copy {
        from: blobs::open_for(&from.blobs, &from.data_dir, cluster.clone()).await?,
        to: blobs::open_for(&to.blobs, &to.data_dir, cluster).await?,
        relocated: Counts::default(),
        progress,
    };
    let blobs = blobs.unwrap_or_else(|| usual(from, to));
    if blobs == MoveBlobs::Copy && !is_begun {
        copy.insist_on_room().await?;
    }
    let rename = |name: &str| match blobs {
        MoveBlobs::Copy => Some(copy.name(name.parse().ok()?).to_string()),
        MoveBlobs::Keep => None,
    };
    let begun = begin_move(source.transfer(), target.transfer(), &rename).await?;
    match blobs {
        MoveBlobs::Copy => copy.all(source.database()).await?,
        MoveBlobs::Keep => copy.insist_on_all(source.database()).await?,
    }
    let rows = begun.finish(source.transfer(), target.transfer(), &place, &rename);
    Ok(copy.relocated.with_rows(rows.await?))
}

/// Lets a cloud start again that was moved. See [`crate::Cloud::undo_relocate`].
pub(crate) async fn undo(config: &Config) -> Result<(), CloudError> {
    insist_on_cloud(config)?;
    let _locked = lock(config, None)?;
    let opened = Opened::existing(config).await?;
    Ok(undo_move(opened.transfer()).await?)
}

fn insist_on_cloud(config: &Config) -> Result<(), CloudError> {
    let data_dir = &config.data_dir;
    let is_here = matches!(config.catalogue, CatalogueSource::Sqlite);
    if is_here && is_empty(data_dir, &data_dir.join(CATALOGUE))? {
        return Err(CloudError::NoCloud(data_dir.clone()));
    }
    Ok(())
}

/// Locks the data directory of a cloud, if it has something of it, and that of the cloud to be, which may get a master key.
fn lock(from: &Config, to: Option<&Config>) -> Result<Vec<DataDir>, CloudError> {
    let mut locked = Vec::new();
    let is_elsewhere = !matches!(from.catalogue, CatalogueSource::Sqlite)
        && !matches!(from.blobs, BlobsSource::Disk);
    if !is_elsewhere {
        locked.push(DataDir::open(&from.data_dir)?);
    }
    if let Some(to) = to {
        let paths = [&from.data_dir, &to.data_dir].map(fs_err::canonicalize);
        let is_locked = matches!(&paths, [Ok(one), Ok(other)] if one == other) && !is_elsewhere;
        if !is_locked {
            locked.push(DataDir::open(&to.data_dir)?);
        }
    }
    Ok(locked)
}

/// What becomes of the bytes when nothing is said: those in the same store are kept.
fn usual(from: &Config, to: &Config) -> MoveBlobs {
    let is_same = match (&from.blobs, &to.blobs) {
        (BlobsSource::Disk, BlobsSource::Disk) => from.data_dir == to.data_dir,
        #[cfg(feature = "bucket")]
        (BlobsSource::Bucket(one), BlobsSource::Bucket(other)) => {
            let place = |url: &gumnut_cloud_bucket::BucketUrl| {
                (url.bucket.clone(), url.prefix.clone(), url.endpoint.clone())
            };
            place(&one.url) == place(&other.url)
        }
        #[cfg(feature = "bucket")]
        _ => false,
    };
    if is_same {
        MoveBlobs::Keep
    } else {
        MoveBlobs::Copy
    }
}

/// Where the catalogue of a cloud is, as the mark in the old one says it.
fn place(config: &Config) -> String {
    match &config.catalogue {
        CatalogueSource::Sqlite => format!("the data directory {}", config.data_dir.display()),
        CatalogueSource::Postgres(postgres) => format!("PostgreSQL at {postgres}"),
    }
}

/// What has been moved so far.
#[derive(Default)]
struct Counts {
    copied: AtomicU64,
    bytes: AtomicU64,
    present: AtomicU64,
}

impl Counts {
    fn with_rows(&self, rows: u64) -> Relocated {
        Relocated {
            rows,
            copied: self.copied.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            present: self.present.load(Ordering::Relaxed),
            was_moved: false,
        }
    }
}

/// Blobs that are copied from one store to another.
struct Copy<'a> {
    from: Arc<dyn BlobStore>,
    to: Arc<dyn BlobStore>,
    relocated: Counts,
    /// Hears of bytes that are copied or there already.
    progress: &'a dyn Progress,
}

impl Copy<'_> {
    /// The name of a blob in the other store.
    fn name(&self, name: BlobName) -> BlobName {
        name.within_folder(self.to.folder_for(name.folder()))
    }

    /// Insists that there are no blobs in the other store.
    async fn insist_on_room(&self) -> Result<(), CloudError> {
        for folder in self.to.folders().await? {
            if self.to.list(folder).try_next().await?.is_some() {
                return Err(CloudError::BlobsNotEmpty);
            }
        }
        if !self.to.unfinished().await?.is_empty() {
            return Err(CloudError::BlobsNotEmpty);
        }
        Ok(())
    }

    /// Copies the blobs that rows name and that are not there.
    async fn all(&self, catalogue: &dyn Database) -> Result<(), CloudError> {
        // What was being copied when the command was interrupted is not whole.
        let unfinished = self.to.unfinished().await?;
        self.to.delete(&unfinished).await?;
        let mut after = String::new();
        while let Some(page) = page(catalogue, &mut after).await? {
            let copies = page.into_iter().map(|blob| self.one(blob));
            let copies = stream::iter(copies).buffer_unordered(AT_ONCE);
            copies.try_collect::<()>().await?;
        }
        Ok(())
    }

    async fn one(&self, blob: KnownBlob) -> Result<(), CloudError> {
        let name = parse(&blob)?;
        let new = self.name(name);
        match self.to.check(&[new]).await {
            Ok(()) => {
                self.relocated.present.fetch_add(1, Ordering::Relaxed);
                self.progress.advance(blob.size);
                return Ok(());
            }
            Err(BlobError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let failed = |source: BoxError| CloudError::MoveBlob {
            object: blob.object.clone(),
            source,
        };
        let bytes = match self.from.get(name, 0..blob.size).await {
            Err(error @ BlobError::NotFound(_)) => return Err(failed(error.into())),
            got => got?,
        };
        let expected = Expected {
            md5: Md5::new(),
            expected: blob.md5.clone(),
        };
        let body = Body::stream(bytes).of_length(Some(blob.size));
        match self.to.put_as(new, body, Box::new(expected)).await {
            Ok(put) => drop(put.keep()),
            Err(PutError::Refused(error)) => return Err(failed(error)),
            Err(PutError::Blob(error)) => return Err(error.into()),
            Err(error) => return Err(failed(error.into())),
        }
        self.relocated.copied.fetch_add(1, Ordering::Relaxed);
        self.relocated.bytes.fetch_add(blob.size, Ordering::Relaxed);
        self.progress.advance(blob.size);
        Ok(())
    }

    /// Insists that all blobs that rows name are in the other store.
    async fn insist_on_all(&self, catalogue: &dyn Database) -> Result<(), CloudError> {
        let mut after = String::new();
        while let Some(page) = page(catalogue, &mut after).await? {
            let looks = page.iter().map(|blob| async move {
                let name = parse(blob)?;
                match self.to.check(&[name]).await {
                    Err(error @ BlobError::NotFound(_)) => Err(CloudError::MoveBlob {
                        object: blob.object.clone(),
                        source: error.into(),
                    }),
                    looked => Ok(looked?),
                }
            });
            let looks = stream::iter(looks).buffer_unordered(AT_ONCE);
            looks.try_collect::<()>().await?;
            let count = page.len() as u64;
            self.relocated.present.fetch_add(count, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn parse(blob: &KnownBlob) -> Result<BlobName, CloudError> {
    blob.name.parse().map_err(|error| CloudError::MoveBlob {
        object: blob.object.clone(),
        source: Box::new(error),
    })
}

/// The next blobs that rows name, behind the name `after`, which becomes that of the last; `None` at the end.
async fn page(
    catalogue: &dyn Database,
    after: &mut String,
) -> Result<Option<Vec<KnownBlob>>, CloudError> {
    let page = catalogue.known_blobs(after.clone(), BATCH).await?;
    let Some(last) = page.last() else {
        return Ok(None);
    };
    after.clone_from(&last.name);
    Ok(Some(page))
}

/// Refuses a body whose MD5 is not that of its row.
struct Expected {
    md5: Md5,
    /// In hex.
    expected: String,
}

/// The bytes of a blob are not what they were.
#[derive(Debug, thiserror::Error)]
#[error("the blob is damaged, its digest is wrong")]
struct Damaged;

impl Tap for Expected {
    fn bytes(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        let found = self.md5().map(|md5| HEXLOWER.encode(&md5));
        if found.as_ref() == Some(&self.expected) {
            return Ok(());
        }
        Err(Damaged.into())
    }

    fn md5(&self) -> Option<[u8; 16]> {
        Some(self.md5.clone().finalize().into())
    }
}
