//! Files with the bytes of objects. Their names are random; the catalogue knows what they belong to.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use fs_err as fs;

/// The folder of the files, and which of them are being read. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Blobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    objects: PathBuf,
    temporary: PathBuf,
    pins: Mutex<HashMap<String, Pin>>,
}

/// A file that is being read, which may have been given up in the meantime.
#[derive(Debug, Default)]
struct Pin {
    readers: usize,
    discarded: bool,
}

impl Blobs {
    /// Opens the folders below `data_dir`, makes them if needed, and drops what was never finished.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let objects = data_dir.join("objects");
        let temporary = data_dir.join("tmp");
        for folder in [&objects, &temporary] {
            fs::create_dir_all(folder)?;
        }
        for entry in fs::read_dir(&temporary)? {
            fs::remove_file(entry?.path())?;
        }
        // The folders themselves must be as durable as what is put into them.
        sync_folder(data_dir)?;
        let pins = Mutex::default();
        Ok(Self(Arc::new(Inner {
            objects,
            temporary,
            pins,
        })))
    }

    /// Removes files that no row of the catalogue names: a stop came between their arrival and the row, or
    /// between the end of the row and theirs. Gives their number.
    pub(crate) fn sweep(&self, known: &HashSet<String>) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.0.objects)? {
            let entry = entry?;
            let is_known = entry
                .file_name()
                .to_str()
                .is_some_and(|name| known.contains(name));
            if !is_known {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Gives up files whose rows are gone; those that are being read go with their last reader.
    pub(crate) fn discard<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        for name in names {
            if let Some(pin) = self.pins().get_mut(name) {
                pin.discarded = true;
            } else {
                self.remove(name);
            }
        }
    }

    /// Keeps a file until [`Blobs::unpin`]. Call it while the catalogue is locked, so that the row that names the
    /// file cannot go before.
    pub(super) fn pin(&self, name: &str) {
        self.pins().entry(name.to_owned()).or_default().readers += 1;
    }

    pub(super) fn unpin(&self, name: &str) {
        let mut pins = self.pins();
        let Some(pin) = pins.get_mut(name) else {
            return;
        };
        pin.readers -= 1;
        if pin.readers > 0 {
            return;
        }
        let discarded = pin.discarded;
        pins.remove(name);
        drop(pins);
        if discarded {
            self.remove(name);
        }
    }

    /// A file that is left over is swept at the next start, so that a failure here costs room and no more.
    fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path(name)) {
            tracing::warn!(%error, "a file of the store could not be removed");
        }
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<String, Pin>> {
        self.0.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a finished file lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.objects.join(name)
    }

    /// Where a file lies while it is written.
    pub(super) fn temporary_path(&self, name: &str) -> PathBuf {
        self.0.temporary.join(name)
    }

    /// Makes the names in the folder of finished files durable.
    pub(super) fn sync_objects(&self) -> io::Result<()> {
        sync_folder(&self.0.objects)
    }
}

/// A name that no other file has: 128 random bits in hex.
pub(super) fn random_name() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Whether a name may be one of those.
pub(super) fn is_random_name(name: &str) -> bool {
    HEXLOWER
        .decode(name.as_bytes())
        .is_ok_and(|bytes| bytes.len() == 16)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}
