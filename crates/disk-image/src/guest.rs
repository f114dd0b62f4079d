//! What a root file system says about the system on it, read without mounting.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ext4_view::{Ext4, Ext4Error, Ext4Read, PathBuf};
use gumnut_types::Architecture;

use crate::elf::{self, Elf};
use crate::text::printable;

/// The system on a root file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guest {
    /// For which processor `/sbin/init`, or else `/bin/ls`, is made.
    pub architecture: Option<Architecture>,
    /// The name of the distribution and its version, in its own words.
    pub release: Option<String>,
    /// The device that `/etc/fstab` mounts on `/`, as written there.
    pub root_device: Option<String>,
    /// The kernel releases that have modules, sorted.
    pub module_versions: Vec<String>,
}

/// All that may be read of one image; a healthy one needs a few hundred KiB.
const MAX_READ: u64 = 128 << 20;
/// A text file of which more is not read, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// A directory larger than this is not searched. A name is found by walking the directory, and a
/// made-up one can claim billions of blocks that are all the same block.
const MAX_DIRECTORY: u64 = 4 << 20;
/// Longest target of a symbolic link, as Linux has it.
const MAX_LINK: u64 = 4096;
const MAX_LINKS: usize = 16;
const MAX_COMPONENTS: usize = 256;
const MAX_MODULE_VERSIONS: usize = 64;
/// Longest piece of text to show, in bytes.
const MAX_SHOWN: usize = 256;

impl Guest {
    /// Reads the file system in `file`. The caller has checked the superblock: the library keeps
    /// one record per block group in memory.
    pub(crate) fn read(file: File) -> Result<Self, Ext4Error> {
        let tree = Tree(Ext4::load(Box::new(Bounded {
            file,
            left: MAX_READ,
        }))?);
        Ok(Self {
            architecture: tree.architecture()?,
            release: tree.release()?,
            root_device: tree.root_device()?,
            module_versions: tree.module_versions()?,
        })
    }
}

/// The image as the library reads it, up to a limit.
struct Bounded {
    file: File,
    left: u64,
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
        Ok(self.file.read_exact_at(dst, start_byte)?)
    }
}

struct Tree(Ext4);

impl Tree {
    fn architecture(&self) -> Result<Option<Architecture>, Ext4Error> {
        for path in ["/sbin/init", "/bin/ls"] {
            let header = self.read_file(path, elf::HEADER)?;
            // The init of some systems is a script.
            if let Some(elf) = header.as_deref().and_then(Elf::parse) {
                return Ok(elf.architecture);
            }
        }
        Ok(None)
    }

    fn release(&self) -> Result<Option<String>, Ext4Error> {
        for path in ["/etc/os-release", "/usr/lib/os-release"] {
            if let Some(name) = self
                .read_file(path, MAX_TEXT)?
                .as_deref()
                .and_then(pretty_name)
            {
                return Ok(Some(name));
            }
        }
        let line = self.read_file("/etc/redhat-release", MAX_TEXT)?;
        Ok(line.and_then(|text| Some(printable(text.split(|b| *b == b'\n').next()?, MAX_SHOWN))))
    }

    fn root_device(&self) -> Result<Option<String>, Ext4Error> {
        let fstab = self.read_file("/etc/fstab", MAX_TEXT)?;
        Ok(fstab.as_deref().and_then(root_device))
    }

    fn module_versions(&self) -> Result<Vec<String>, Ext4Error> {
        for path in ["/lib/modules", "/usr/lib/modules"] {
            if let Some(folder) = self.resolve(path)? {
                return self.folders_in(&folder);
            }
        }
        Ok(Vec::new())
    }

    fn folders_in(&self, folder: &PathBuf) -> Result<Vec<String>, Ext4Error> {
        let metadata = self.0.symlink_metadata(folder)?;
        if !metadata.is_dir() || metadata.len() > MAX_DIRECTORY {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in self.0.read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if name != b"." && name != b".." && entry.file_type()?.is_dir() {
                names.push(printable(name, MAX_SHOWN));
            }
            if names.len() == MAX_MODULE_VERSIONS {
                break;
            }
        }
        names.sort();
        Ok(names)
    }

    /// At most `limit` bytes from the start of a regular file; `None` when there is none.
    fn read_file(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Ext4Error> {
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
                let target = self.0.read_link(&candidate)?;
                let target: &[u8] = target.as_ref();
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

fn pretty_name(os_release: &[u8]) -> Option<String> {
    let mut lines = os_release.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| line.strip_prefix(b"PRETTY_NAME="))?;
    let value = printable(value.trim_ascii(), MAX_SHOWN);
    let value = value.trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

fn root_device(fstab: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(fstab);
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let mut mounts = lines.map(|line| {
        let mut fields = line.split_whitespace();
        (fields.next(), fields.next())
    });
    let (device, _) = mounts.find(|(_, mount_point)| *mount_point == Some("/"))?;
    device.map(|device| printable(device.as_bytes(), MAX_SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_line_of_an_fstab_is_found() {
        let fstab = b"# /dev/sda9 / old\n\n  proc /proc proc\nLABEL=root\t/\text3 defaults 1 1\n";
        assert_eq!(root_device(fstab).as_deref(), Some("LABEL=root"));
        assert_eq!(root_device(b"proc /proc proc\n/dev/sda1\n"), None);
    }

    #[test]
    fn the_name_of_a_release_loses_its_quotes() {
        let text = b"ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(
            pretty_name(text).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(pretty_name(b"PRETTY_NAME=\"\"\n"), None);
        assert_eq!(pretty_name(b"NAME=x"), None);
    }
}
