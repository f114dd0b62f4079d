//! From a bundle in a store to one on this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::{Manifest, Part};
use gumnut_types::{Limits, PartName, Sha1Digest};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use crate::local::unreadable;
use crate::{Observer, PartOutput, Step, StoredBundle, WorkflowError, digest_of_file};

/// Parts that are fetched at the same time, unless it is said otherwise.
const JOBS: usize = 4;

/// A bundle in a store that is to be fetched into a directory.
#[derive(Clone, Debug)]
pub struct Download {
    bundle: StoredBundle,
    folder: PathBuf,
    jobs: usize,
    limits: Limits,
}

/// A bundle that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// Path of its manifest; the parts are next to it.
    pub manifest: PathBuf,
    /// How many parts it has.
    pub parts: usize,
    /// Bytes of all parts.
    pub bytes: u64,
}

impl Download {
    /// Fetches the bundle into a directory, which is made if it is missing; 4 parts at a time.
    pub fn new(bundle: StoredBundle, folder: impl Into<PathBuf>) -> Self {
        Self {
            bundle,
            folder: folder.into(),
            jobs: JOBS,
            limits: Limits::default(),
        }
    }

    /// Sets how many parts are fetched at the same time.
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

    /// Fetches every part, each compared with the manifest while it comes, and last the manifest. Files get their names when
    /// they are complete. Parts that are there already and right are not fetched again.
    ///
    /// # Errors
    /// [`WorkflowError::Exists`] when a file of the bundle would replace another; when a part is missing or damaged, when the
    /// store refuses or does not answer, and when the directory cannot be written.
    pub async fn run(&self, observer: Arc<dyn Observer>) -> Result<Downloaded, WorkflowError> {
        let key = &self.bundle.location.key;
        observer.step(&Step::ReadingManifest {
            name: key.file_name(),
        });
        let manifest = self.bundle.manifest(&self.limits).await?;
        let name: PartName = key
            .file_name()
            .parse()
            .map_err(|source| WorkflowError::FileName {
                key: key.clone(),
                source,
            })?;
        fs_err::create_dir_all(&self.folder)?;
        let path = self.folder.join(name.as_str());
        refuse_other(&path, manifest.bytes())?;
        let bytes = self.parts(manifest.manifest(), observer).await?;
        let temporary = Temporary::beside(&path);
        fs_err::write(&temporary.0, manifest.bytes())?;
        finish(temporary, &path).await?;
        Ok(Downloaded {
            manifest: path,
            parts: manifest.manifest().parts.len(),
            bytes,
        })
    }

    /// Fetches the parts that a manifest names into the directory, which exists; gives their bytes.
    ///
    /// # Errors
    /// [`WorkflowError::Exists`] when a part would replace another file; when a part is missing or damaged, when the store
    /// refuses or does not answer, and when the directory cannot be written.
    pub async fn parts(
        &self,
        manifest: &Manifest,
        observer: Arc<dyn Observer>,
    ) -> Result<u64, WorkflowError> {
        let expected = manifest.bundled_size;
        observer.step(&Step::Downloading { bytes: expected });
        let actual = stream::iter(&manifest.parts)
            .map(|part| {
                observer.step(&Step::Part {
                    name: part.name.as_str(),
                });
                self.part(part, &*observer)
            })
            .buffer_unordered(self.jobs.max(1))
            .try_fold(0, async |sum, size| Ok(sum + size))
            .await?;
        if actual != expected {
            return Err(WorkflowError::BundledSize { expected, actual });
        }
        Ok(actual)
    }

    /// Brings one part into the directory and gives its size in bytes.
    async fn part(&self, part: &Part, observer: &dyn Observer) -> Result<u64, WorkflowError> {
        let path = self.folder.join(part.name.as_str());
        if let Some(size) = already_there(&path, part.digest).await? {
            observer.advance(size);
            return Ok(size);
        }
        let mut file = PartFile::create(Temporary::beside(&path), observer)
            .await
            .map_err(|source| WorkflowError::Write {
                path: path.clone(),
                source,
            })?;
        let size = self
            .bundle
            .receive(part, None, &self.limits, &mut file)
            .await?;
        file.file.flush().await?;
        finish(file.temporary, &path).await?;
        Ok(size)
    }
}

/// A part that comes.
struct PartFile<'a> {
    temporary: Temporary,
    file: tokio::fs::File,
    observer: &'a dyn Observer,
}

impl<'a> PartFile<'a> {
    async fn create(temporary: Temporary, observer: &'a dyn Observer) -> io::Result<Self> {
        Ok(Self {
            file: tokio::fs::File::create(&temporary.0).await?,
            temporary,
            observer,
        })
    }
}

impl PartOutput for PartFile<'_> {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.observer.advance(bytes.len() as u64);
        self.file.write_all(&bytes).await
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.set_len(0).await?;
        self.file.rewind().await.map(drop)
    }
}

/// A file that goes away unless it gets its final name.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        Self(name.into())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone already when it has its final name.
        let _ = fs_err::remove_file(&self.0);
    }
}

/// Brings a file to the disk and gives it its name.
async fn finish(temporary: Temporary, path: &Path) -> Result<(), WorkflowError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        fs_err::File::open(&temporary.0)?.sync_all()?;
        fs_err::rename(&temporary.0, &path)
    })
    .await
    .map_err(|_| WorkflowError::Died)??;
    Ok(())
}

/// The size of the file in bytes if it is the part already. Another file of that name is not touched.
async fn already_there(path: &Path, expected: Sha1Digest) -> Result<Option<u64>, WorkflowError> {
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || digest_of_file(&file))
        .await
        .map_err(|_| WorkflowError::Died)?;
    match read {
        Ok((found, size)) if found == expected => Ok(Some(size)),
        Ok(_) => Err(WorkflowError::Exists(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(unreadable("part", path, source)),
    }
}

/// Refuses to replace a manifest that says something else.
fn refuse_other(path: &Path, bytes: &[u8]) -> Result<(), WorkflowError> {
    match fs_err::read(path) {
        Ok(found) if found != bytes => Err(WorkflowError::Exists(path.to_owned())),
        _ => Ok(()),
    }
}
