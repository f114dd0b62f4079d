//! What is to be published, and how.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use gumnut_bundle::{BundleOptions, Level, TarForm};
use gumnut_disk_image::Hypervisor;
use gumnut_types::{AccountId, Architecture, BucketName, ImageClass, ImageId};
use gumnut_walrus_client::CannedAcl;
use gumnut_workflows::{BucketPrefix, WorkflowError};
use serde::{Deserialize, Serialize};

use crate::path::seen;
use crate::tree::Tree;
use crate::{path, text};

/// Ends of file names that say nothing about an image, from the last to the first.
const ENDINGS: [&str; 23] = [
    ".gz", ".xz", ".zst", ".bz2", ".lz4", ".lzma", ".lzo", ".lz", ".tgz", ".txz", ".tbz2", ".tzst",
    ".tar", ".ova", ".img", ".raw", ".dd", ".qcow2", ".vmdk", ".vdi", ".vhd", ".vhdx", ".vpc",
];
/// Length of bucket names that every store takes.
const LONGEST_BUCKET: usize = 63;

/// What is to be published, and how. It stands in the journal, so that a run can continue without its command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(with = "path")]
    pub(crate) target: PathBuf,
    #[serde(with = "text")]
    pub(crate) account: AccountId,
    #[serde(flatten)]
    pub(crate) images: Images,
    #[serde(flatten)]
    pub(crate) storage: Storage,
    #[serde(flatten)]
    pub(crate) registration: Registration,
    pub(crate) form: Form,
    pub(crate) ignore_checks: bool,
    /// `None`: the target has images already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tree: Option<Tree>,
    /// What makes a run another one than an earlier one with the same plan; empty otherwise.
    #[serde(rename = "again")]
    pub(crate) nonce: String,
}

/// Which images are taken, and what becomes of them before they are bundled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// An absolute path of the kernel's file; `None`: the one that is found in the target.
    #[serde(default, with = "path::option")]
    pub kernel_file: Option<PathBuf>,
    /// An absolute path of the ramdisk's file; `None`: the one that is found in the target.
    #[serde(default, with = "path::option")]
    pub ramdisk_file: Option<PathBuf>,
    /// A kernel that is registered already; `None`: one is published, if the image needs it.
    #[serde(with = "text::option")]
    pub kernel: Option<ImageId>,
    /// A ramdisk that is registered already; `None`: one is published, if there is one.
    #[serde(with = "text::option")]
    pub ramdisk: Option<ImageId>,
    /// Whose kernel and ramdisk are taken from a tarball.
    #[serde(with = "text")]
    pub hypervisor: Hypervisor,
    /// The architecture; `None`: the one that the images show.
    #[serde(with = "text::option")]
    pub architecture: Option<Architecture>,
    /// The size that the disk gets first, in a copy, in bytes; `None`: it remains as it is.
    pub size: Option<u64>,
}

/// Where in the object store the bundles go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// The bucket, which is made when it is missing; `None`: one named after the target and the account.
    #[serde(with = "text::option")]
    pub bucket: Option<BucketName>,
    /// What comes before every key; `None`: names of files are keys.
    pub prefix: Option<String>,
    /// Who may read the objects; `None` leaves it to the store.
    #[serde(with = "text::option")]
    pub acl: Option<CannedAcl>,
    /// The `LocationConstraint` of a bucket that is made; `None`: where the store makes buckets.
    pub bucket_location: Option<String>,
}

/// How the images are registered with the EC2 service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Whether they are registered at all.
    pub register: bool,
    /// The name of the machine image, which must be new in the account.
    pub name: Option<String>,
    /// What the machine image is for.
    pub description: Option<String>,
    /// Whether everybody may run the images.
    pub public: bool,
    /// Tags of the machine image.
    pub tags: BTreeMap<String, String>,
}

impl Default for Registration {
    /// They are registered, without a name, for their owner.
    fn default() -> Self {
        Self {
            register: true,
            name: None,
            description: None,
            public: false,
            tags: BTreeMap::new(),
        }
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
    /// Whether holes are left out of the stream, as an old-GNU sparse member of the tarball.
    pub sparse: bool,
}

impl Default for Form {
    /// That of [`BundleOptions::default`].
    fn default() -> Self {
        let BundleOptions {
            part_size, level, ..
        } = BundleOptions::default();
        Self {
            part_size,
            level,
            sparse: false,
        }
    }
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

impl Plan {
    /// Publishes a target for its owner: a tarball of images, the directory that one was unpacked to, or a disk image. `target` is
    /// an absolute path, because the run may continue in another directory.
    pub fn new(target: impl Into<PathBuf>, account: AccountId) -> Self {
        Self {
            target: target.into(),
            account,
            images: Images::default(),
            storage: Storage::default(),
            registration: Registration::default(),
            form: Form::default(),
            ignore_checks: false,
            tree: None,
            nonce: String::new(),
        }
    }

    /// The target as somebody in the current directory calls it, for messages and for opening it.
    pub(crate) fn target(&self) -> PathBuf {
        seen(&self.target)
    }

    /// The files of the kernel and the ramdisk that the plan names, as somebody in the current directory calls them.
    pub(crate) fn files(&self) -> impl Iterator<Item = (ImageClass, PathBuf)> {
        [
            (ImageClass::Kernel, &self.images.kernel_file),
            (ImageClass::Ramdisk, &self.images.ramdisk_file),
        ]
        .into_iter()
        .filter_map(|(class, path)| Some((class, seen(path.as_ref()?))))
    }

    /// Sets which images are taken, and what becomes of them before they are bundled.
    #[must_use]
    pub fn images(mut self, images: Images) -> Self {
        self.images = images;
        self
    }

    /// Sets where the bundles go; a bucket named after the target and the account otherwise.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Sets how the images are registered; without a name, for their owner, otherwise.
    #[must_use]
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = registration;
        self
    }

    /// Sets how the bundles are made.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Sets whether images are published in which a check has found what keeps an instance from starting.
    #[must_use]
    pub fn ignore_checks(mut self, ignore: bool) -> Self {
        self.ignore_checks = ignore;
        self
    }

    /// Says that the target is a tree of files; [`crate::Publisher::publish_tree`] makes its images.
    #[must_use]
    pub fn tree(mut self, tree: Tree) -> Self {
        self.tree = Some(tree);
        self
    }

    /// Makes new bundles and images although the same are there; they are next to those.
    #[must_use]
    pub fn once_more(mut self) -> Self {
        let mut random = [0; 4];
        // Without random numbers the time has to do; nothing secret hangs on it.
        if getrandom::fill(&mut random).is_err() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            random = now.unwrap_or_default().subsec_nanos().to_be_bytes();
        }
        self.nonce = HEXLOWER.encode(&random);
        self
    }

    /// Whether images are registered.
    pub fn registers(&self) -> bool {
        self.registration.register
    }

    /// Where the bundles go.
    pub(crate) fn bucket_prefix(&self) -> Result<BucketPrefix, WorkflowError> {
        let parts: Vec<_> = [
            self.storage.prefix.as_deref().unwrap_or_default(),
            &self.nonce,
        ]
        .into_iter()
        .map(|part| part.trim_matches('/'))
        .filter(|part| !part.is_empty())
        .collect();
        Ok(BucketPrefix {
            bucket: match &self.storage.bucket {
                Some(bucket) => bucket.clone(),
                None => self.default_bucket()?,
            },
            prefix: (!parts.is_empty()).then(|| parts.join("/")),
        })
    }

    /// A bucket of your own, named after the target and the account: the file name in lower case without what names its form, a
    /// hyphen, and the number of the account. Names of buckets are shared by all accounts of a cloud.
    fn default_bucket(&self) -> Result<BucketName, WorkflowError> {
        let file_name = self.target.file_name().and_then(|name| name.to_str());
        let mut stem = file_name.unwrap_or_default().to_ascii_lowercase();
        for ending in ENDINGS {
            if let Some(rest) = stem.strip_suffix(ending) {
                stem = rest.to_owned();
            }
        }
        let legal: String = stem
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let account = self.account.as_str();
        let room = LONGEST_BUCKET - account.len() - 1;
        let cut: String = legal.trim_matches('-').chars().take(room).collect();
        let name = cut.trim_end_matches('-');
        if name.is_empty() {
            return Err(WorkflowError::NoBucket(self.target.clone()));
        }
        format!("{name}-{account}")
            .parse()
            .map_err(|_| WorkflowError::NoBucket(self.target.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a journal has it that a version before this one wrote.
    const OLD: &str = r#"{"target":"/images/disk.img","kernel_file":null,"ramdisk_file":null,"kernel":"eki-90461381",
        "ramdisk":null,"hypervisor":"kvm","architecture":null,"size":4294967296,"bucket":"images","prefix":"web",
        "register":true,"name":"debian","description":null,"public":true,"tags":{"release":"12"},"acl":"aws-exec-read",
        "account":"000100000000","bucket_location":null,
        "form":{"part_size":10485760,"level":"5","sparse":false},"ignore_checks":false,"again":"0123abcd"}"#;

    #[test]
    fn the_journal_has_plans_flat_and_under_their_old_names() {
        let plan: Plan = serde_json::from_str(OLD).unwrap();
        assert_eq!(plan.nonce, "0123abcd");
        assert_eq!(plan.images.size, Some(4 << 30));
        assert_eq!(plan.registration.name.as_deref(), Some("debian"));
        assert_eq!(
            plan.bucket_prefix().unwrap().to_string(),
            "images/web/0123abcd"
        );
        let old: serde_json::Value = serde_json::from_str(OLD).unwrap();
        assert_eq!(serde_json::to_value(&plan).unwrap(), old);
    }

    #[test]
    fn paths_that_are_no_text_are_kept() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/x/b\xff.img".to_vec()));
        let plan = Plan::new(&odd, "000100000000".parse().unwrap()).images(Images {
            kernel_file: Some(odd.clone()),
            ..Images::default()
        });
        let written = serde_json::to_string(&plan).unwrap();
        let read: Plan = serde_json::from_str(&written).unwrap();
        assert_eq!(read, plan);
        assert_eq!(read.target, odd);
    }

    #[test]
    fn a_bucket_is_named_after_the_target_and_the_account() {
        let bucket = |target: &str| {
            let plan = Plan::new(target, "000100000000".parse().unwrap());
            plan.bucket_prefix().map(|place| place.bucket.to_string())
        };
        assert_eq!(
            bucket("/x/Debian_12.qcow2").unwrap(),
            "debian-12-000100000000"
        );
        assert_eq!(bucket("/x/images.tar.gz").unwrap(), "images-000100000000");
        assert_eq!(bucket("/x/a.img").unwrap(), "a-000100000000");
        let long = bucket(&format!("/x/{}.img", "long-name.".repeat(20))).unwrap();
        // Legal in S3 and Walrus: at most 63 small letters, digits and single hyphens between them.
        assert_eq!(
            long,
            "long-name-long-name-long-name-long-name-long-name-000100000000"
        );
        assert!(long.len() <= LONGEST_BUCKET);
        assert!(matches!(
            bucket("/x/...img"),
            Err(WorkflowError::NoBucket(_))
        ));
    }
}
