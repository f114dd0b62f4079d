//! The files of an image, read without mounting and with limits.

use std::collections::VecDeque;
use std::io;

use ext4_view::{Ext4, Ext4Error, Ext4Read, PathBuf};
use gumnut_signatures::Window;

use super::times::InodeTables;

/// All that may be read of one image; a healthy one needs a few hundred KiB.
const MAX_READ: u64 = 128 << 20;
/// A directory larger than this is not searched. A name is found by walking the directory, and a
/// made-up one can claim billions of blocks that are one and the same block.
const MAX_DIRECTORY: u64 = 4 << 20;
/// Longest target of a symbolic link, as Linux has it.
const MAX_LINK: u64 = 4096;
const MAX_LINKS: usize = 16;
const MAX_COMPONENTS: usize = 256;
/// Names that are taken from one directory.
const MAX_NAMES: usize = 4096;

/// A file system whose files can be asked for by path.
pub(super) struct Tree(Ext4);

/// The image as the library reads it, up to a limit.
struct Bounded {
    image: Window,
    left: u64,
    inodes: InodeTables,
}

impl Ext4Read for Bounded {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.left = self
            .left
            .checked_sub(dst.len() as u64)
            .ok_or_else(|| io::Error::other("too much to read for a healthy file system"))?;
        self.image.read_exact_at(dst, start_byte)?;
        self.inodes.replace_times(start_byte, dst);
        Ok(())
    }
}

impl Tree {
    pub(super) fn load(image: Window) -> Result<Self, Ext4Error> {
        // An image that cannot be read has no tables; the reader finds that out itself.
        let inodes = InodeTables::find(&image).unwrap_or_default();
        let left = MAX_READ;
        Ext4::load(Box::new(Bounded {
            image,
            left,
            inodes,
        }))
        .map(Self)
    }

    /// The names in a directory, sorted; none when there is no such directory.
    pub(super) fn names_in(&self, path: &str) -> Result<Vec<Vec<u8>>, Ext4Error> {
        let Some(folder) = self.resolve(path)? else {
            return Ok(Vec::new());
        };
        let metadata = self.0.symlink_metadata(&folder)?;
        if !metadata.is_dir() || metadata.len() > MAX_DIRECTORY {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in self.0.read_dir(&folder)?.take(MAX_NAMES) {
            let entry = entry?;
            let file_name = entry.file_name();
            let name: &[u8] = file_name.as_ref();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether `path` leads to a directory.
    pub(super) fn is_folder(&self, path: &str) -> Result<bool, Ext4Error> {
        match self.resolve(path)? {
            Some(path) => Ok(self.0.symlink_metadata(&path)?.is_dir()),
            None => Ok(false),
        }
    }

    /// Whether there is something in the place of this directory that is no directory itself.
    pub(super) fn is_something_else(&self, path: &str) -> Result<bool, Ext4Error> {
        match self.0.symlink_metadata(path) {
            Ok(metadata) => Ok(!metadata.is_dir()),
            Err(Ext4Error::NotFound | Ext4Error::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Length of a regular file in bytes; `None` when there is none.
    pub(super) fn file_length(&self, path: &str) -> Result<Option<u64>, Ext4Error> {
        let Some(path) = self.resolve(path)? else {
            return Ok(None);
        };
        let metadata = self.0.symlink_metadata(&path)?;
        let regular = metadata.file_type().is_regular_file();
        Ok(regular.then(|| metadata.len()))
    }

    /// Whether a file is there, is root's, and can be read and written by nobody else.
    pub(super) fn is_private(&self, path: &str) -> Result<bool, Ext4Error> {
        const OTHERS: u16 = 0o077;
        let Some(path) = self.resolve(path)? else {
            return Ok(false);
        };
        let metadata = self.0.symlink_metadata(&path)?;
        Ok(metadata.uid() == 0 && metadata.mode() & OTHERS == 0)
    }

    /// At most `limit` bytes from the start of a regular file; `None` when there is none.
    pub(super) fn read_file(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Ext4Error> {
        let Some(path) = self.resolve(path)? else {
            return Ok(None);
        };
        if !self
            .0
            .symlink_metadata(&path)?
            .file_type()
            .is_regular_file()
        {
            return Ok(None);
        }
        let mut file = self.0.open(&path)?;
        let length = usize::try_from(file.metadata().len()).unwrap_or(limit);
        let limit = limit.min(length);
        let mut bytes = vec![0; limit];
        let mut filled = 0;
        while filled < limit {
            match file.read_bytes(&mut bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(Some(bytes))
    }

    /// Where `path` leads, symbolic links followed inside the image; `None` when nothing is there.
    fn resolve(&self, path: &str) -> Result<Option<PathBuf>, Ext4Error> {
        let mut ahead: VecDeque<Vec<u8>> = components(path.as_bytes());
        let mut here: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == b".." {
                here.pop();
                continue;
            }
            if ahead.len() + here.len() > MAX_COMPONENTS || !self.searchable(&absolute(&here))? {
                return Ok(None);
            }
            here.push(name);
            let candidate = absolute(&here);
            let metadata = match self.0.symlink_metadata(&candidate) {
                Err(Ext4Error::NotFound) => return Ok(None),
                other => other?,
            };
            if metadata.is_symlink() {
                links += 1;
                if links > MAX_LINKS || metadata.len() > MAX_LINK {
                    return Ok(None);
                }
                let link = self.0.read_link(&candidate)?;
                let target: &[u8] = link.as_ref();
                here.pop();
                if target.starts_with(b"/") {
                    here.clear();
                }
                for name in components(target).into_iter().rev() {
                    ahead.push_front(name);
                }
            }
        }
        Ok(Some(absolute(&here)))
    }

    fn searchable(&self, path: &PathBuf) -> Result<bool, Ext4Error> {
        let metadata = self.0.symlink_metadata(path)?;
        Ok(metadata.is_dir() && metadata.len() <= MAX_DIRECTORY)
    }
}

fn components(path: &[u8]) -> VecDeque<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/');
    names
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

fn absolute(components: &[Vec<u8>]) -> PathBuf {
    let mut path = PathBuf::new("/");
    for name in components {
        path.push(name);
    }
    path
}
