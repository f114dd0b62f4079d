//! From a stored bundle to an image.
//!
//! ```text
//! store ─> parts, each compared with the manifest, in a directory beside the target ─> unbundle ─> image
//! ```
//!
//! Parts come in parallel and wait in the directory, so that a run that is killed loses only those that were under way, and so
//! that neither the network nor the disk waits for the other. The image is restored while later parts are still
//! coming.

mod arrivals;
mod folder;
mod part_file;

use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_bundle::{ImageFile, Progress, UnbundleWarning, Unbundled, unbundle};
use gumnut_manifest::{OpenManifest, Part};
use gumnut_types::Limits;
use gumnut_walrus_client::ObjectHead;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_blocking;

pub use self::folder::Folder;
use self::part_file::PartFile;
use crate::{Observer, Step, StoredBundle, WorkflowError};
use arrivals::{Arrival, Arrivals};

/// Parts that are asked for at the same time, unless it is said otherwise.
const JOBS: usize = 4;

/// An image that is to be fetched.
#[derive(Clone)]
pub struct Fetch {
    bundle: StoredBundle,
    manifest: OpenManifest,
    jobs: usize,
    limits: Limits,
}

/// An image that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes, holes included.
    pub image_size: u64,
    /// How many parts came from the store.
    pub parts_fetched: usize,
    /// How many were here already.
    pub parts_kept: usize,
    /// Bytes of those that came.
    pub bytes_fetched: u64,
    /// What is odd about the bundle.
    pub warnings: Vec<UnbundleWarning>,
}

/// Where a part is.
#[derive(Clone, Debug)]
enum Place {
    /// In the directory.
    Here(u64),
    /// In the store.
    Stored(ObjectHead),
}

impl Place {
    fn size(&self) -> u64 {
        match self {
            Self::Here(size) => *size,
            Self::Stored(head) => head.size,
        }
    }
}

impl Fetch {
    /// Fetches the image of a bundle, whose manifest is trusted and opened; 4 parts at a time.
    pub fn new(bundle: StoredBundle, manifest: OpenManifest) -> Self {
        Self {
            bundle,
            manifest,
            jobs: JOBS,
            limits: Limits::default(),
        }
    }

    /// Sets how many parts are asked for at the same time.
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

    /// Fetches the image into a file, which gets its name when everything was found right.
    ///
    /// # Errors
    /// When a part is missing or damaged, when the image is not what the manifest says, and when the store refuses. What
    /// has come and is right remains in the directory for the next run.
    pub async fn run(
        &self,
        folder: &Folder,
        image: ImageFile,
        observer: Arc<dyn Observer>,
    ) -> Result<Fetched, WorkflowError> {
        observer.step(&Step::Fetching {
            bytes: self.manifest.manifest().bundled_size,
        });
        let places = self.find(folder, &*observer).await?;
        let parts_kept = places
            .iter()
            .filter(|place| matches!(place, Place::Here(_)))
            .count();
        let (sender, receiver) = channel(places.len().max(1));
        let sizes = places.iter().map(Place::size).collect();
        let mut arrivals = Arrivals::new(receiver, sizes);
        let (manifest, limits) = (self.manifest.clone(), self.limits.clone());
        let progress = StopOnly(Arc::clone(&observer));
        let restoring =
            spawn_blocking(move || unbundle(&manifest, &mut arrivals, image, &limits, &progress));
        let came = self.bring(folder, &places, sender, &observer).await;
        let restored = restoring.await.map_err(|_| WorkflowError::Died)?;
        // That a part did not come is the cause of what the restoring says then.
        let bytes_fetched = came?;
        let Unbundled {
            path,
            image_size,
            warnings,
        } = restored?;
        Ok(Fetched {
            path,
            image_size,
            parts_fetched: places.len() - parts_kept,
            parts_kept,
            bytes_fetched,
            warnings,
        })
    }

    fn parts(&self) -> &[Part] {
        &self.manifest.manifest().parts
    }

    /// Finds out where each part is before anything is fetched: a bundle that is not whole is not worth the way.
    async fn find(
        &self,
        folder: &Folder,
        observer: &dyn Observer,
    ) -> Result<Vec<Place>, WorkflowError> {
        folder
            .keep_only(self.parts())
            .map_err(|source| WorkflowError::Folder {
                path: folder.path().to_owned(),
                source,
            })?;
        let places: Vec<_> = stream::iter(self.parts())
            .map(|part| self.place(folder, part, observer))
            .buffered(self.jobs.max(1))
            .try_collect()
            .await?;
        let expected = self.manifest.manifest().bundled_size;
        let actual = places.iter().map(Place::size).fold(0, u64::saturating_add);
        if actual != expected {
            return Err(WorkflowError::PartSizes { expected, actual });
        }
        Ok(places)
    }

    async fn place(
        &self,
        folder: &Folder,
        part: &Part,
        observer: &dyn Observer,
    ) -> Result<Place, WorkflowError> {
        let (path, digest) = (folder.part(part.digest), part.digest);
        let kept = spawn_blocking(move || folder::kept(&path, digest))
            .await
            .map_err(|_| WorkflowError::Died)?
            .map_err(|source| cannot_keep(part, source))?;
        if let Some(size) = kept {
            observer.advance(size);
            return Ok(Place::Here(size));
        }
        let head = self.bundle.part_head(&part.name, &self.limits).await?;
        Ok(Place::Stored(head))
    }

    /// Brings all parts into the directory and says of each in its turn; gives the bytes that came.
    async fn bring(
        &self,
        folder: &Folder,
        places: &[Place],
        sender: Sender<Arrival>,
        observer: &Arc<dyn Observer>,
    ) -> Result<u64, WorkflowError> {
        let mut parts = stream::iter(self.parts().iter().zip(places))
            .map(|(part, place)| self.bring_one(folder, part, place, observer))
            .buffered(self.jobs.max(1));
        let mut sum = 0;
        while let Some((arrival, bytes)) = parts.try_next().await? {
            sum += bytes;
            if sender.send(arrival).await.is_err() {
                // Nobody waits for more; the restoring side says why.
                break;
            }
        }
        Ok(sum)
    }

    async fn bring_one(
        &self,
        folder: &Folder,
        part: &Part,
        place: &Place,
        observer: &Arc<dyn Observer>,
    ) -> Result<(Arrival, u64), WorkflowError> {
        let path = folder.part(part.digest);
        let arrival = Arrival {
            index: part.index,
            path: path.clone(),
        };
        let Place::Stored(head) = place else {
            return Ok((arrival, 0));
        };
        let mut file = PartFile::begin(folder, Arc::clone(observer))
            .map_err(|source| cannot_keep(part, source))?;
        let (bundle, limits) = (&self.bundle, &self.limits);
        let size = bundle.receive(part, Some(head), limits, &mut file).await?;
        file.finish(&path)
            .await
            .map_err(|source| cannot_keep(part, source))?;
        Ok((arrival, size))
    }
}

fn cannot_keep(part: &Part, source: std::io::Error) -> WorkflowError {
    WorkflowError::KeepPart {
        name: part.name.clone(),
        source,
    }
}

/// Whether to continue, and nothing else: how far the work is, receives when parts come.
struct StopOnly(Arc<dyn Observer>);

impl Progress for StopOnly {
    fn advance(&self, _bytes: u64) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}
