//! What says whether two sources have the same contents.

use std::io::{ErrorKind, Read};

use gumnut_types::Progress;
use sha2::{Digest as _, Sha256};

use crate::error::TreeError;
use crate::file_tree::{FileKind, FileTree, Origin};
use crate::layout::Source;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

impl Source {
    /// The SHA-256 of the contents of the files that are left in the tree, or of the archives as they are stored. Names and
    /// attributes are not in it. All of the source is read for it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn digest(&self, tree: &FileTree, progress: &dyn Progress) -> Result<[u8; 32], TreeError> {
        let mut hash = Sha256::new();
        match self {
            Self::Archives(archives) => {
                for mut reader in archives.stored() {
                    add(&mut hash, &mut reader, progress)?;
                }
            }
            Self::Directory(directory) => {
                let mut walk = tree.walk();
                while let Some((_, id)) = walk.next_file() {
                    if let FileKind::File(content) = &tree.entry(id).kind
                        && let Origin::Path(path) = &content.origin
                        && let Some(mut file) = directory.open_file(id, path)?
                    {
                        add(&mut hash, &mut file, progress)?;
                    }
                }
            }
        }
        Ok(hash.finalize().into())
    }
}

/// Adds bytes and then their number, so that no two sequences of files look alike.
fn add(hash: &mut Sha256, reader: &mut dyn Read, progress: &dyn Progress) -> Result<(), TreeError> {
    let mut buffer = vec![0; BUFFER];
    let mut length = 0_u64;
    loop {
        if progress.cancelled() {
            return Err(TreeError::Cancelled);
        }
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(TreeError::Read(error)),
        };
        hash.update(&buffer[..count]);
        progress.advance(count as u64);
        length += count as u64;
    }
    hash.update(length.to_le_bytes());
    Ok(())
}
