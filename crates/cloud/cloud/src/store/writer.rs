//! A file on its way into the store.

use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use fs_err as fs;
use md5::{Digest as _, Md5};
use rustix::fs::{Advice, fadvise};

use super::Blobs;
use super::blobs::random_name;
use crate::checksum::{Algorithm, Hasher};

/// A file that is being written under a temporary name; removed when dropped before [`BlobWriter::finish`].
#[derive(Debug)]
pub(crate) struct BlobWriter {
    blobs: Blobs,
    name: String,
    temporary: Temporary,
    file: fs::File,
    size: u64,
    /// Of a checksum beside the MD5.
    checksum: Option<Hasher>,
    /// How many of them the disk was told of.
    handed: u64,
    md5: Md5,
}

/// A file in its place that no row names yet; removed when dropped before [`Blob::keep`].
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    /// In base64, when one was asked for.
    pub(crate) checksum: Option<(Algorithm, String)>,
    name: String,
    place: Temporary,
}

/// Removes its file unless told otherwise.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl BlobWriter {
    /// A new file, of which a checksum may be wanted.
    pub(crate) fn create(blobs: &Blobs, checksum: Option<Algorithm>) -> io::Result<Self> {
        let name = random_name()?;
        let path = blobs.temporary_path(&name);
        let file = fs::File::create_new(&path)?;
        Ok(Self {
            blobs: blobs.clone(),
            name,
            temporary: Temporary(Some(path)),
            file,
            size: 0,
            checksum: checksum.map(Hasher::new),
            handed: 0,
            md5: Md5::new(),
        })
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.md5.update(bytes);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Lets the disk begin with what it has not got yet, so that [`BlobWriter::finish`] has less to wait for.
    pub(crate) fn begin_sync(&mut self) {
        let length = NonZeroU64::new(self.size - self.handed);
        // Linux begins to write what it is told that nobody needs in memory; what is not written yet stays.
        if let Err(error) = fadvise(&self.file, self.handed, length, Advice::DontNeed) {
            tracing::debug!(%error, "the disk was not told to begin");
        }
        self.handed = self.size;
    }

    /// The MD5 of the bytes so far.
    pub(crate) fn md5(&self) -> [u8; 16] {
        self.md5.clone().finalize().into()
    }

    /// Brings the file to the disk and to its place.
    ///
    /// The name changes before the bytes are synced: file systems with a journal then bring both to the disk in one
    /// go. What a power cut leaves half done no row names.
    pub(crate) fn finish(mut self) -> io::Result<Blob> {
        let path = self.blobs.path(&self.name);
        fs::rename(self.blobs.temporary_path(&self.name), &path)?;
        self.temporary.0 = None;
        let place = Temporary(Some(path));
        self.file.sync_all()?;
        self.blobs.sync_objects()?;
        Ok(Blob {
            size: self.size,
            md5: self.md5.finalize().into(),
            checksum: self.checksum.map(Hasher::finish),
            name: self.name,
            place,
        })
    }
}

impl Blob {
    /// The name by which rows name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The MD5 in hex.
    pub(crate) fn etag(&self) -> String {
        HEXLOWER.encode(&self.md5)
    }

    /// Leaves the file where it is: a row names it, or may.
    pub(crate) fn keep(mut self) {
        self.place.0 = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(%error, "a temporary file could not be removed");
        }
    }
}
