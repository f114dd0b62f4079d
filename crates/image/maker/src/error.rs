//! Why an image cannot be made.

use std::io;
use std::path::PathBuf;

use gumnut_disk_image::DiskImageError;
use gumnut_ext::ExtError;
use gumnut_tree::{TarError, TreeError};
use gumnut_types::Fault;
use thiserror::Error;

/// Why an image cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The source cannot become a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The file system cannot be planned or written.
    #[error(transparent)]
    Ext(#[from] ExtError),
    /// The new file cannot be created, or the result is not as it should be.
    #[error(transparent)]
    Image(#[from] DiskImageError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// Standard input cannot be read, or there is no room for it.
    #[error("cannot keep standard input in a temporary file")]
    Spool(#[source] io::Error),
    /// The source is no directory and no tar archive.
    #[error("{name} is neither a directory nor a tar archive")]
    NotATree {
        /// What it is called.
        name: String,
        /// Why it is no archive.
        source: TarError,
    },
    /// All files of a directory are of one user, as after unpacking without root.
    #[error("all files in {} belong to user {user}, and in the image they would not belong to root", path.display())]
    OneOwner {
        /// The directory.
        path: PathBuf,
        /// Number of the user.
        user: u32,
    },
    /// Nothing that Linux could start.
    #[error("there is no /sbin/init: the image could not be started")]
    NoInit,
    /// An init was asked for that cannot be made.
    #[error("no init can be made: {0}")]
    Init(
        /// What is missing.
        &'static str,
    ),
    /// A kernel or ramdisk was asked for that is not there.
    #[error("there is no {0} in /boot")]
    NoKernel(
        /// Kernel or ramdisk.
        &'static str,
    ),
    /// Files changed while they were read.
    #[error("{0} files changed while they were read, and no image was made")]
    Changed(
        /// Number of the files.
        u64,
    ),
    /// e2fsck found something to correct, which is an error of gumnut.
    #[error("e2fsck does not accept the new file system: {0}")]
    NotClean(
        /// The beginning of what it printed.
        String,
    ),
    /// No random numbers.
    #[error("the system has no random numbers for a UUID")]
    Random(#[source] getrandom::Error),
    /// A file was to be added that is not a regular file.
    #[error("{} is not a regular file and cannot be added", .0.display())]
    Addition(
        /// The file.
        PathBuf,
    ),
}

impl MakeError {
    /// Who can do something about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Tree(error) => error.fault(),
            Self::Ext(ExtError::Write(_)) | Self::Spool(_) | Self::Random(_) => Fault::System,
            Self::Ext(ExtError::Label(_) | ExtError::Inodes { .. }) => Fault::Usage,
            Self::Image(error) => error.fault(),
            Self::NotClean(_) => Fault::Unexpected,
            Self::NotATree { source, .. } => source.fault(),
            _ => Fault::Input,
        }
    }

    /// What to try next; `None` if the message says enough.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OneOwner { .. } => {
                "give all files to root with --owner root, or use a tar archive, which has the owners".to_owned()
            }
            Self::NoInit => {
                "name a program with --init, use a tree with an init system, or add --only-fs for a file system that is not to be started".to_owned()
            }
            Self::Ext(ExtError::TooSmall { needed, .. }) => {
                format!("use --size {needed} or more, or leave out --size")
            }
            Self::Tree(TreeError::Open { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "run as root, or leave the file out with --exclude".to_owned()
            }
            Self::Tree(TreeError::TooManyBytes { .. }) => "raise --max-size".to_owned(),
            Self::Tree(TreeError::TooManyFiles(_)) => "raise --max-entries".to_owned(),
            Self::Changed(_) => "stop the programs that write to them, or leave out --strict".to_owned(),
            _ => return None,
        })
    }
}
