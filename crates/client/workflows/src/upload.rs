//! From a bundle on this machine to one in a store.

use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::Part;
use gumnut_types::{Limits, ManifestLocation, ObjectKey, PartIndex, Sha1Digest};
use gumnut_walrus_client::Content;
use sha1::{Digest as _, Sha1};

use crate::destination::Stored;
use crate::local::{read_bounded, unreadable};
use crate::{Destination, LocalBundle, Observer, Step, WorkflowError, digest_of_file};

/// Parts up to this size are held in memory while they are sent; larger ones are read twice.
const IN_MEMORY: u64 = 32 << 20;
/// Parts that are sent at the same time, unless it is said otherwise.
const JOBS: usize = 4;

/// A bundle on this machine that is to be put into a store.
#[derive(Clone, Debug)]
pub struct Upload {
    bundle: LocalBundle,
    destination: Destination,
    first: PartIndex,
    with_manifest: bool,
    bucket_location: Option<String>,
    jobs: usize,
    limits: Limits,
}

/// What putting a bundle into a store would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPreview {
    /// Where its manifest would be.
    pub location: ManifestLocation,
    /// Whether the bucket would be made.
    pub makes_bucket: bool,
    /// Objects that would be put, in this order.
    pub puts: Vec<ObjectKey>,
    /// Those of them that would replace an object of another content.
    pub replaces: Vec<ObjectKey>,
    /// Parts that are there already.
    pub parts_skipped: usize,
    /// Bytes of the objects that would be put.
    pub bytes: u64,
}

/// A bundle that is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// Where its manifest is.
    pub location: ManifestLocation,
    /// Parts that were sent.
    pub parts_sent: usize,
    /// Parts that were there already.
    pub parts_skipped: usize,
    /// Bytes of the parts that were sent.
    pub bytes_sent: u64,
}

impl Upload {
    /// Puts the bundle there: all parts, 4 at a time, and the manifest.
    pub fn new(bundle: LocalBundle, destination: Destination) -> Self {
        Self {
            bundle,
            destination,
            first: PartIndex(0),
            with_manifest: true,
            bucket_location: None,
            jobs: JOBS,
            limits: Limits::default(),
        }
    }

    /// Begins with this part; those before it are there already.
    #[must_use]
    pub fn first(mut self, part: PartIndex) -> Self {
        self.first = part;
        self
    }

    /// Sets whether the manifest is put, too.
    #[must_use]
    pub fn with_manifest(mut self, with_manifest: bool) -> Self {
        self.with_manifest = with_manifest;
        self
    }

    /// Sets the `LocationConstraint` of a bucket that has to be made; `None`: where the store makes buckets.
    #[must_use]
    pub fn bucket_location(mut self, location: Option<&str>) -> Self {
        self.bucket_location = location.map(str::to_owned);
        self
    }

    /// Sets how many parts are sent at the same time.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Sets what is too large to be read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Creates the bucket if it is missing, puts the parts, each compared with the manifest before it is sent, and last the
    /// manifest. Parts that the store has already are not sent.
    ///
    /// # Errors
    /// When the manifest or a part is missing, unreadable or damaged, before anything is sent where that can be; and when the
    /// store refuses or does not answer. What was sent remains, and another run continues from there.
    pub async fn run(&self, observer: Arc<dyn Observer>) -> Result<Uploaded, WorkflowError> {
        let manifest = self.bundle.manifest(&self.limits)?;
        let file_name = self.bundle.path().file_name();
        let name = file_name.and_then(|name| name.to_str()).unwrap_or_default();
        let location = self.destination.location(name)?;
        let all = &manifest.manifest().parts;
        let parts = &all[all.len().min(self.first.as_usize())..];
        self.check_presence(parts)?;
        let bucket_location = self.bucket_location.as_deref();
        self.destination
            .prepare(bucket_location, &*observer)
            .await?;
        observer.step(&Step::Uploading {
            bytes: manifest.manifest().bundled_size,
        });
        let uploaded = stream::iter(parts)
            .map(|part| {
                observer.step(&Step::Part {
                    name: part.name.as_str(),
                });
                self.send(part, &*observer)
            })
            .buffer_unordered(self.jobs.max(1))
            .try_fold(Uploaded::none(location), async |mut uploaded, sent| {
                uploaded.parts_sent += usize::from(sent > 0);
                uploaded.parts_skipped += usize::from(sent == 0);
                uploaded.bytes_sent += sent;
                Ok(uploaded)
            })
            .await?;
        if self.with_manifest {
            let content = Content::bytes(manifest.bytes().to_vec());
            self.destination.put(name, &content).await?;
        }
        Ok(uploaded)
    }

    /// Looks at everything as [`Upload::run`] does, each part compared with the manifest, and changes nothing.
    ///
    /// # Errors
    /// Those of [`Upload::run`], as far as they are found before anything is changed.
    pub async fn preview(&self) -> Result<UploadPreview, WorkflowError> {
        let manifest = self.bundle.manifest(&self.limits)?;
        let file_name = self.bundle.path().file_name();
        let name = file_name.and_then(|name| name.to_str()).unwrap_or_default();
        let mut preview = UploadPreview {
            location: self.destination.location(name)?,
            makes_bucket: self.destination.is_missing().await?,
            puts: Vec::new(),
            replaces: Vec::new(),
            parts_skipped: 0,
            bytes: 0,
        };
        let all = &manifest.manifest().parts;
        let parts = &all[all.len().min(self.first.as_usize())..];
        self.check_presence(parts)?;
        for part in parts {
            let path = self.bundle.parts().join(part.name.as_str());
            let content = read_part(&path, part.digest).await?;
            let is_new = self
                .look(part.name.as_str(), &content, &mut preview)
                .await?;
            preview.parts_skipped += usize::from(!is_new);
        }
        if self.with_manifest {
            let content = Content::bytes(manifest.bytes().to_vec());
            let _ = self.look(name, &content, &mut preview).await?;
        }
        Ok(preview)
    }

    /// Notes what would be done with an object; says whether it would be put.
    async fn look(
        &self,
        name: &str,
        content: &Content,
        preview: &mut UploadPreview,
    ) -> Result<bool, WorkflowError> {
        let key = self.destination.target.key(name)?;
        let state = if preview.makes_bucket {
            Stored::Missing
        } else {
            self.destination.stored(name, content).await?
        };
        if state == Stored::Same {
            return Ok(false);
        }
        if state == Stored::Other {
            preview.replaces.push(key.clone());
        }
        preview.puts.push(key);
        preview.bytes += content.length();
        Ok(true)
    }

    /// Insists that every part is there before anything is sent.
    fn check_presence(&self, parts: &[Part]) -> Result<(), WorkflowError> {
        for part in parts {
            let path = self.bundle.parts().join(part.name.as_str());
            fs_err::metadata(&path).map_err(|source| unreadable("part", &path, source))?;
        }
        Ok(())
    }

    /// Sends one part, unless the store has it; gives the bytes that were sent.
    async fn send(&self, part: &Part, observer: &dyn Observer) -> Result<u64, WorkflowError> {
        let path = self.bundle.parts().join(part.name.as_str());
        let content = read_part(&path, part.digest).await?;
        let sent = self
            .destination
            .put_if_missing(part.name.as_str(), &content)
            .await?;
        observer.advance(content.length());
        Ok(if sent { content.length() } else { 0 })
    }
}

impl Uploaded {
    fn none(location: ManifestLocation) -> Self {
        Self {
            location,
            parts_sent: 0,
            parts_skipped: 0,
            bytes_sent: 0,
        }
    }
}

/// Reads a part and compares it with its digest.
async fn read_part(path: &Path, expected: Sha1Digest) -> Result<Content, WorkflowError> {
    let metadata = fs_err::metadata(path).map_err(|source| unreadable("part", path, source))?;
    let (content, actual) = if metadata.len() <= IN_MEMORY {
        let bytes = read_bounded("part", path, IN_MEMORY)?;
        let digest = Sha1Digest::from_bytes(Sha1::digest(&bytes).into());
        (Content::bytes(bytes), digest)
    } else {
        let (digest, _) =
            digest_of_file(path).map_err(|source| unreadable("part", path, source))?;
        (Content::file(path).await?, digest)
    };
    if actual != expected {
        return Err(WorkflowError::LocalPartDamaged {
            path: path.to_owned(),
            expected,
            actual,
        });
    }
    Ok(content)
}
