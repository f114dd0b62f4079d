//! What a backup must have.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use gumnut_cloud_catalogue::KnownBlob;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::BackupError;

/// The form of the manifests of this program.
const FORMAT: u32 = 1;
/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;
/// Most bytes of a manifest that are read.
const MOST_BYTES: u64 = 16 << 20;

/// What a backup must have, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The version of the program that made it.
    pub(super) program: String,
    /// When it was made, in the form of RFC 3339.
    pub(super) made: String,
    /// The id of the catalogue.
    pub(super) cloud: String,
    /// The file of the catalogue.
    pub(super) catalogue: File,
    /// The files with keys, by their paths.
    pub(super) files: BTreeMap<String, File>,
    /// The blobs.
    pub(super) objects: Objects,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) bytes: u64,
    /// In hex.
    pub(super) sha256: String,
}

/// The blobs that the catalogue names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Objects {
    pub(super) count: u64,
    pub(super) bytes: u64,
    /// Of their names, sizes and MD5 digests, a line each, in the order of their names; in hex.
    pub(super) sha256: String,
}

impl File {
    /// What a manifest says of this file.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let mut file = fs::File::open(path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => {
                    hash.update(&buffer[..count]);
                    bytes += count as u64;
                }
            }
        }
        let sha256 = HEXLOWER.encode(&hash.finalize());
        Ok(Self { bytes, sha256 })
    }
}

impl Objects {
    /// What a manifest says of these blobs, which are in the order of their names.
    pub(super) fn of(blobs: &[KnownBlob]) -> Self {
        let mut hash = Sha256::new();
        for blob in blobs {
            hash.update(format!("{} {} {}\n", blob.name, blob.size, blob.md5));
        }
        Self {
            count: blobs.len() as u64,
            bytes: blobs.iter().map(|blob| blob.size).sum(),
            sha256: HEXLOWER.encode(&hash.finalize()),
        }
    }
}

impl Manifest {
    pub(super) fn new(
        made: String,
        cloud: String,
        catalogue: File,
        files: BTreeMap<String, File>,
        objects: Objects,
    ) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made,
            cloud,
            catalogue,
            files,
            objects,
        }
    }

    /// Writes the manifest, durably, to a file that is not there.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    }

    /// Reads a manifest; `None` when there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, BackupError> {
        let mut text = String::new();
        let read =
            fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
        let unusable = |reason: String| BackupError::Manifest {
            path: path.to_owned(),
            reason,
        };
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(unusable("it is not text".to_owned()));
            }
            read => read.map_err(BackupError::reading("read the manifest of a backup"))?,
        };
        let format: Format = serde_json::from_str(&text).map_err(|it| unusable(it.to_string()))?;
        if format.format != FORMAT {
            let known = format!(
                "it has format {}, this program supports {FORMAT}",
                format.format
            );
            return Err(unusable(known));
        }
        let manifest = serde_json::from_str(&text).map_err(|it| unusable(it.to_string()))?;
        Ok(Some(manifest))
    }
}

/// What every manifest has, whatever its format is.
#[derive(Deserialize)]
struct Format {
    format: u32,
}
