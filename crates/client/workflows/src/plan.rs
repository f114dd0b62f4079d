//! What is to be published, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use gumnut_bundle::{Level, TarForm};
use gumnut_disk_image as disk;
use gumnut_types::{AccountId, Architecture, BucketName, ImageId};
use gumnut_walrus_client::CannedAcl;
use serde::{Deserialize, Serialize};

use crate::{WorkflowError, text};

/// Ends of file names that say nothing about an image, from the last to the first.
const ENDINGS: [&str; 11] = [
    ".gz", ".xz", ".zst", ".tgz", ".tar", ".img", ".raw", ".qcow2", ".vmdk", ".vdi", ".vhd",
];
/// Lengths of bucket names that every store takes.
const SHORTEST_BUCKET: usize = 3;
const LONGEST_BUCKET: usize = 63;

/// What is to be published, and how. It stands in the journal, so that a run can go on without its command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// A tarball of images, the folder that one was unpacked to, or a disk image. An absolute path.
    pub target: PathBuf,
    /// The file of the kernel, instead of the one that is found.
    pub kernel_file: Option<PathBuf>,
    /// The file of the ramdisk, instead of the one that is found.
    pub ramdisk_file: Option<PathBuf>,
    /// A kernel that is registered already.
    #[serde(with = "text::option")]
    pub kernel: Option<ImageId>,
    /// A ramdisk that is registered already.
    #[serde(with = "text::option")]
    pub ramdisk: Option<ImageId>,
    /// Whose kernel and ramdisk are taken from a tarball.
    #[serde(with = "text")]
    pub hypervisor: Hypervisor,
    /// The architecture, instead of the one that the images show.
    #[serde(with = "text::option")]
    pub architecture: Option<Architecture>,
    /// The size that the disk gets first, in bytes.
    pub size: Option<u64>,
    /// The bucket, instead of one named after the target.
    #[serde(with = "text::option")]
    pub bucket: Option<BucketName>,
    /// What comes before every key.
    pub prefix: Option<String>,
    /// Whether images are registered.
    pub register: bool,
    /// The name of the machine image, which must be new in the account.
    pub name: Option<String>,
    /// What the machine image is for.
    pub description: Option<String>,
    /// Whether everybody may run the images.
    pub public: bool,
    /// Tags of the machine image.
    pub tags: BTreeMap<String, String>,
    /// Who may read the objects; without one, what the store does then.
    #[serde(with = "text::option")]
    pub acl: Option<CannedAcl>,
    /// The owner.
    #[serde(with = "text")]
    pub account: AccountId,
    /// Where the bucket is made.
    pub bucket_location: Option<String>,
    /// How the bundles are made.
    pub form: Form,
    /// Whether images with grave faults are published all the same.
    pub ignore_checks: bool,
    /// What makes a run another one than an earlier one with the same plan; empty otherwise.
    pub again: String,
}

impl Plan {
    /// The same once more: what it makes is new, and lies beside what is there.
    #[must_use]
    pub fn once_more(self) -> Self {
        let mut random = [0; 4];
        // Without random numbers the time has to do; nothing secret hangs on it.
        if getrandom::fill(&mut random).is_err() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            random = now.unwrap_or_default().subsec_nanos().to_be_bytes();
        }
        Self {
            again: HEXLOWER.encode(&random),
            ..self
        }
    }

    /// A bucket named after the target: its file name in lower case, without what names its form.
    pub(crate) fn default_bucket(&self) -> Result<BucketName, WorkflowError> {
        let name = self.target.file_name().and_then(|name| name.to_str());
        let mut name = name.unwrap_or_default().to_ascii_lowercase();
        for ending in ENDINGS {
            if let Some(stem) = name.strip_suffix(ending) {
                name = stem.to_owned();
            }
        }
        let legal = |c: char| {
            if c.is_ascii_alphanumeric() { c } else { '-' }
        };
        let name: String = name.chars().map(legal).take(LONGEST_BUCKET).collect();
        let name = name.trim_matches('-');
        if name.len() < SHORTEST_BUCKET {
            return Err(WorkflowError::NoBucket(self.target.clone()));
        }
        name.parse()
            .map_err(|_| WorkflowError::NoBucket(self.target.clone()))
    }
}

/// How bundles are made. The images are the same whatever this says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Bytes of each part but the last.
    pub part_size: NonZeroU64,
    /// How hard to compress.
    #[serde(with = "text")]
    pub level: Level,
    /// Whether holes are left out of the stream.
    pub sparse: bool,
}

impl Form {
    pub(crate) fn tar(&self) -> TarForm {
        if self.sparse {
            TarForm::Sparse
        } else {
            TarForm::Plain
        }
    }
}

/// The hypervisor that kernels in a tarball are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hypervisor {
    /// KVM.
    #[default]
    Kvm,
    /// Xen, paravirtual.
    Xen,
}

impl From<Hypervisor> for disk::Hypervisor {
    fn from(hypervisor: Hypervisor) -> Self {
        match hypervisor {
            Hypervisor::Kvm => Self::Kvm,
            Hypervisor::Xen => Self::Xen,
        }
    }
}

impl fmt::Display for Hypervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Xen => "xen",
        })
    }
}

/// Why a text names no hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hypervisor is kvm or xen")]
pub struct HypervisorError;

impl FromStr for Hypervisor {
    type Err = HypervisorError;

    fn from_str(text: &str) -> Result<Self, HypervisorError> {
        match text {
            "kvm" => Ok(Self::Kvm),
            "xen" => Ok(Self::Xen),
            _ => Err(HypervisorError),
        }
    }
}
