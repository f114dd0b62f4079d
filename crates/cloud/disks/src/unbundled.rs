//! Images that were restored from their bundles, each once.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use gumnut_bundle::Progress;
use gumnut_cloud_images::{Images, OpenBundle};

use crate::error::DiskError;
use crate::kept::{Kept, Pin};

/// The images of a cloud, restored from their bundles on demand. Clones share them.
#[derive(Clone, Debug)]
pub struct Unbundled(Arc<Cache>);

/// Where images are kept, and how many.
#[derive(Clone)]
#[non_exhaustive]
pub struct UnbundledOptions {
    /// The directory, which is this cloud's alone.
    pub folder: PathBuf,
    /// Bytes that the images may take on the disk. Those that are in use are kept in any case.
    pub limit: u64,
    /// Bytes that are left free on the disk.
    pub reserve: u64,
    /// The bytes that are free where a directory is.
    free: fn(&Path) -> io::Result<u64>,
}

/// An image that was restored. Its file is kept as long as this value.
#[derive(Debug)]
pub struct UnbundledImage {
    cache: Arc<Cache>,
    path: PathBuf,
    length: u64,
    /// `None` only while it is dropped.
    pin: Option<Pin>,
}

struct Cache {
    options: UnbundledOptions,
    images: Images,
    state: Mutex<State>,
    /// How many images were restored.
    restored: AtomicU64,
    /// Whether the cloud ends.
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    kept: Kept,
    /// The images that are being restored, by name.
    running: HashMap<String, Running>,
}

/// A run that many can wait for.
type Running = Shared<BoxFuture<'static, Result<Restored, DiskError>>>;

/// What a run has made, as often as it is asked for.
#[derive(Clone, Debug)]
struct Restored {
    length: u64,
    pin: Pin,
}

/// Files of runs that were interrupted begin so.
const TEMPORARY: &str = ".gumnut-";

impl UnbundledOptions {
    /// Images in this directory, of at most 20 GiB, which leave 1 GiB of the disk free.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            limit: 20 << 30,
            reserve: 1 << 30,
            free: crate::room::free,
        }
    }
}

impl fmt::Debug for UnbundledOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnbundledOptions")
            .field("folder", &self.folder)
            .field("limit", &self.limit)
            .field("reserve", &self.reserve)
            .finish_non_exhaustive()
    }
}

impl Unbundled {
    /// Opens the directory, which is made if it is not there, and removes what interrupted runs have left.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(options: UnbundledOptions, images: Images) -> Result<Self, DiskError> {
        let folder = &options.folder;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(folder)
            .map_err(DiskError::system("create", folder))?;
        let kept = look(folder).map_err(DiskError::system("read", folder))?;
        let state = State {
            kept,
            ..State::default()
        };
        let cache = Arc::new(Cache {
            options,
            images,
            state: Mutex::new(state),
            restored: AtomicU64::default(),
            stopped: AtomicBool::default(),
        });
        cache.tidy();
        Ok(Self(cache))
    }

    /// The image of a bundle whose manifest has this SHA-256 in base64, restored now or before. Must be called in a runtime. When the
    /// future is dropped the run ends anyway.
    ///
    /// # Errors
    /// When the bundle cannot be opened, is damaged, or there is no room for its image.
    pub async fn get(
        &self,
        image: &str,
        manifest_sha256: &str,
    ) -> Result<UnbundledImage, DiskError> {
        let name = file_name(manifest_sha256)?;
        let path = self.0.options.folder.join(&name);
        let found = self.0.find_or_run(image, manifest_sha256, &name);
        let Restored { length, pin } = match found {
            Ok(kept) => {
                touch(&path);
                kept
            }
            Err(running) => running.await?,
        };
        Ok(UnbundledImage {
            cache: Arc::clone(&self.0),
            path,
            length,
            pin: Some(pin),
        })
    }

    /// How many images were restored since the directory was opened.
    pub fn restored(&self) -> u64 {
        self.0.restored.load(Ordering::Relaxed)
    }

    /// Ends the runs, now and from now on: the cloud ends.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

impl UnbundledImage {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the image in bytes, holes included.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Drop for UnbundledImage {
    fn drop(&mut self) {
        self.pin = None;
        self.cache.tidy();
    }
}

impl Cache {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere has left the tables as they were.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The image if it is kept, else the run that restores it, which begins now unless it has begun.
    fn find_or_run(
        self: &Arc<Self>,
        image: &str,
        manifest_sha256: &str,
        name: &str,
    ) -> Result<Restored, Running> {
        let mut state = self.state();
        if let Some((length, pin)) = state.kept.use_image(name) {
            return Ok(Restored { length, pin });
        }
        if let Some(running) = state.running.get(name) {
            return Err(running.clone());
        }
        let (cache, image) = (Arc::clone(self), image.to_owned());
        let (digest, name_of_run) = (manifest_sha256.to_owned(), name.to_owned());
        // A task of its own: who asked first may not wait until it ends.
        let task = tokio::spawn(cache.run(image.clone(), digest, name_of_run));
        let interrupted = |_| Err(DiskError::Interrupted(image));
        let running = task
            .map(|ended| ended.unwrap_or_else(interrupted))
            .boxed()
            .shared();
        state.running.insert(name.to_owned(), running.clone());
        Err(running)
    }

    /// Restores an image and puts it into the table, whatever happens.
    async fn run(
        self: Arc<Self>,
        image: String,
        manifest_sha256: String,
        name: String,
    ) -> Result<Restored, DiskError> {
        let (cache, of) = (Arc::clone(&self), image.clone());
        let path = self.options.folder.join(&name);
        let restored = tokio::spawn(async move {
            let opened = cache.images.open_bundle(&of, &manifest_sha256).await;
            let bundle = opened.map_err(|source| DiskError::Open {
                image: of.clone(),
                source,
            })?;
            let work = move || cache.restore(&of, bundle, &path);
            tokio::task::spawn_blocking(work).await.ok().transpose()
        });
        let restored = restored.await.unwrap_or(Ok(None));
        let mut state = self.state();
        state.running.remove(&name);
        let (length, on_disk) = restored?.ok_or(DiskError::Interrupted(image))?;
        let pin = state.kept.add(&name, length, on_disk);
        Ok(Restored { length, pin })
    }

    /// Restores an image into a file: its length, and what it takes on the disk, in bytes.
    fn restore(
        &self,
        image: &str,
        bundle: OpenBundle,
        path: &Path,
    ) -> Result<(u64, u64), DiskError> {
        let folder = &self.options.folder;
        self.make_room(image, bundle.image_size())?;
        let failed = |source| DiskError::Restore {
            image: image.to_owned(),
            source: Arc::new(source),
        };
        let restored = bundle.restore(path, folder, self).map_err(failed)?;
        for warning in &restored.warnings {
            tracing::warn!(image, %warning, "an image was restored");
        }
        // It is copied and never written again.
        let protected = fs_err::set_permissions(path, PermissionsExt::from_mode(0o400));
        let metadata = protected.and_then(|()| fs_err::metadata(path));
        let metadata = metadata.map_err(DiskError::system("protect", path))?;
        self.restored.fetch_add(1, Ordering::Relaxed);
        tracing::info!(image, bytes = metadata.len(), "restored from its bundle");
        Ok((metadata.len(), on_disk(&metadata)))
    }

    /// Removes images until there is room for one more.
    fn make_room(&self, image: &str, needed: u64) -> Result<(), DiskError> {
        let UnbundledOptions {
            folder,
            limit,
            reserve,
            free,
        } = &self.options;
        self.shrink(limit.saturating_sub(needed));
        loop {
            let free = free(folder).map_err(DiskError::system("ask for the room in", folder))?;
            let usable = free.saturating_sub(*reserve);
            if needed <= usable {
                return Ok(());
            }
            let oldest = self.state().kept.take_oldest();
            let Some(oldest) = oldest else {
                return Err(DiskError::NoRoom {
                    what: image.to_owned(),
                    needed,
                    free: usable,
                });
            };
            self.remove(&oldest);
        }
    }

    /// Removes images until the others are within the limit.
    fn tidy(&self) {
        self.shrink(self.options.limit);
    }

    fn shrink(&self, limit: u64) {
        loop {
            let oldest = {
                let mut state = self.state();
                if state.kept.on_disk() <= limit {
                    return;
                }
                state.kept.take_oldest()
            };
            let Some(oldest) = oldest else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn remove(&self, name: &str) {
        if let Err(error) = fs_err::remove_file(self.options.folder.join(name)) {
            tracing::warn!(%error, "an image that was not used for long is kept");
        }
    }
}

impl Progress for Cache {
    fn cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The name of the file: the digest in hex.
fn file_name(manifest_sha256: &str) -> Result<String, DiskError> {
    let digest = data_encoding::BASE64.decode(manifest_sha256.as_bytes());
    match digest {
        Ok(digest) if digest.len() == 32 => Ok(data_encoding::HEXLOWER.encode(&digest)),
        _ => Err(DiskError::Digest(manifest_sha256.to_owned())),
    }
}

/// What is in the directory, in the order in which it was used; what interrupted runs have left is removed.
fn look(folder: &Path) -> io::Result<Kept> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with(TEMPORARY) {
            fs_err::remove_file(entry.path())?;
            continue;
        }
        let metadata = entry.metadata()?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if metadata.is_file() && name.len() == 64 && name.bytes().all(is_hex) {
            found.push((metadata.modified()?, name, metadata));
        }
    }
    found.sort_by_key(|(used, ..)| *used);
    let mut kept = Kept::default();
    for (_, name, metadata) in found {
        kept.add(&name, metadata.len(), on_disk(&metadata));
    }
    Ok(kept)
}

/// Bytes that a file takes on the disk.
fn on_disk(metadata: &std::fs::Metadata) -> u64 {
    metadata.blocks() * 512
}

/// Remembers the use of an image for the next start.
fn touch(path: &Path) {
    let file = fs_err::File::open(path);
    if let Err(error) = file.and_then(|file| file.file().set_modified(SystemTime::now())) {
        tracing::debug!(%error, "the use of an image is not remembered");
    }
}

#[cfg(test)]
mod tests;
