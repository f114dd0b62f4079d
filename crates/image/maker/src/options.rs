//! What an image should be like.

use std::path::PathBuf;

use gumnut_ext::{FileSystem, Label, Size};
use gumnut_tree::{ContainerChoice, Patterns, TarLimits};

use crate::running::Running;

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceForm {
    /// A directory with the files of a system.
    Directory,
    /// A tar archive with the files of a system.
    Tar,
    /// A container image: an OCI layout or the archive of `docker save`, as a directory or an archive.
    Container,
}

/// The UUID of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystemUuid {
    /// Derived from names and attributes, so that equal sources give equal images.
    OfSource,
    /// A new one.
    Random,
    /// This one.
    Given([u8; 16]),
}

/// What to do with `/etc/fstab`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fstab {
    /// The line of the root is changed if it does not fit the image, and added if there is none. The old file is kept as
    /// `fstab.gumnut`.
    Fit,
    /// It is left as it is.
    Keep,
    /// It gets one line, that of the root.
    Generate,
    /// It gets this content.
    Content(Vec<u8>),
}

/// A file to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The file on this machine.
    pub local: PathBuf,
    /// Path in the image.
    pub path: Vec<u8>,
    /// Permissions. `None`: as the file has them.
    pub permissions: Option<u16>,
}

impl Addition {
    /// Reads `LOCAL:/PATH` or `LOCAL:/PATH:MODE`, with the mode in octal. `None`: it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, rest) = text.split_once(":/")?;
        let (path, mode) = match rest.rsplit_once(':') {
            None => (rest, None),
            Some((path, mode)) => (path, Some(u16::from_str_radix(mode, 8).ok()?)),
        };
        if local.is_empty() || path.is_empty() || mode.is_some_and(|mode| mode > 0o7777) {
            return None;
        }
        Some(Self {
            local: PathBuf::from(local),
            path: path.as_bytes().to_vec(),
            permissions: mode,
        })
    }
}

/// Files that are left out unless they are to be kept.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Names that are left out.
    pub names: Patterns,
    /// Names of files that are left out if they contain a private key.
    pub private_keys: Patterns,
}

/// The `/sbin/init` to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// Runs this command of the shell.
    Command(String),
    /// Runs what a container of the image would run.
    OfContainer,
}

/// Everything about an image beside its source.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub struct MakeOptions {
    /// What the source is. `None`: detected from its content.
    pub form: Option<SourceForm>,
    /// Which image of a container source.
    pub container: ContainerChoice,
    /// Version and features of the file system.
    pub file_system: FileSystem,
    /// Size of the image.
    pub size: Size,
    /// Name of the file system.
    pub label: Label,
    /// UUID of the file system.
    pub uuid: FileSystemUuid,
    /// Number of inodes. `None`: as many as usual for the size.
    pub inodes: Option<u64>,
    /// Time of what is made, in seconds since 1970. `None`: that of the youngest file.
    pub epoch: Option<u32>,
    /// Files that are left out.
    pub exclude: Patterns,
    /// Whether secrets and what is true for one machine only are removed.
    pub seal: bool,
    /// Files that are kept although they are secret.
    pub keep: Patterns,
    /// Files that are left out, with what `keep` says. `None`: no others.
    pub filter: Option<Filter>,
    /// Whether all files get root as their owner and group.
    pub owner_root: bool,
    /// What happens to `/etc/fstab`.
    pub fstab: Fstab,
    /// Files that are added.
    pub additions: Vec<Addition>,
    /// An init to be made.
    pub init: Option<Init>,
    /// Whether the file system is not meant to be started: it needs no init, and nothing is added.
    pub only_file_system: bool,
    /// Whether a system without an init is an error.
    pub needs_init: bool,
    /// Whether devices are kept.
    pub devices: bool,
    /// Whether a file that changes while it is read is an error.
    pub strict: bool,
    /// Limits on the source.
    pub limits: TarLimits,
    /// The system whose files are read, if it is running.
    pub running: Option<Running>,
    /// Whether what is mounted below a directory is read, too.
    pub other_file_systems: bool,
    /// Paths below a directory where something is mounted that is read, too.
    pub mounts: Vec<Vec<u8>>,
    /// Files of this machine that are left out of a directory because they are being written.
    pub outputs: Vec<PathBuf>,
}

impl Default for MakeOptions {
    /// ext4 as large as needed, secrets kept.
    fn default() -> Self {
        Self {
            form: None,
            container: ContainerChoice::default(),
            file_system: FileSystem::Ext4,
            size: Size::Free {
                percent: 10,
                at_least: 128 << 20,
            },
            label: Label::default(),
            uuid: FileSystemUuid::OfSource,
            inodes: None,
            epoch: None,
            exclude: Patterns::default(),
            seal: false,
            keep: Patterns::default(),
            filter: None,
            owner_root: false,
            fstab: Fstab::Fit,
            additions: Vec::new(),
            init: None,
            only_file_system: false,
            needs_init: true,
            devices: true,
            strict: false,
            limits: TarLimits::default(),
            running: None,
            other_file_systems: false,
            mounts: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_have_a_place_and_perhaps_a_mode() {
        let read = |text: &str| {
            let addition = Addition::parse(text).unwrap();
            let path = String::from_utf8(addition.path).unwrap();
            (
                addition.local.display().to_string(),
                path,
                addition.permissions,
            )
        };
        let plain = ("motd".to_owned(), "etc/motd".to_owned(), None);
        assert_eq!(read("motd:/etc/motd"), plain);
        let all = ("/a/key".to_owned(), "root/key".to_owned(), Some(0o600));
        assert_eq!(read("/a/key:/root/key:600"), all);
        for wrong in [
            "motd",
            "motd:etc/motd",
            ":/x",
            "x:/",
            "x:/y:9",
            "x:/y:10000",
        ] {
            assert_eq!(Addition::parse(wrong), None, "{wrong}");
        }
    }
}
