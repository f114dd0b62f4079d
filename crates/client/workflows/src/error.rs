//! What can go wrong in a workflow.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use gumnut_bundle::{BundleError, SplitterError};
use gumnut_crypto::CryptoError;
use gumnut_disk_image::DiskImageError;
use gumnut_manifest::ManifestError;
use gumnut_transport::TransportError;
use gumnut_types::{
    BucketName, Fault, ImageClass, ImageId, ManifestLocation, NameError, ObjectKey, ObjectKeyError,
    PartName, Sha1Digest,
};

use crate::{RunId, RunIdError};

/// Why a workflow ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// The cloud has no object store.
    #[error("this command needs an object store, and no endpoint is set")]
    NoStore,
    /// The cloud has no EC2 service.
    #[error("this command needs an EC2 service, and no endpoint is set")]
    NoEc2,
    /// The cloud does not show this image.
    #[error("the cloud has no image {0}, or it is not visible to you")]
    NoImage(ImageId),
    /// The image is not made of a bundle.
    #[error("{id} has no manifest in the object store")]
    NoManifest {
        /// The image.
        id: ImageId,
    },
    /// The cloud refused, or did not answer.
    #[error(transparent)]
    Transport(#[from] TransportError),

    /// The target has not exactly one of something.
    #[error("{} contains {}", target.display(), listed(found, what))]
    Ambiguous {
        /// The target.
        target: PathBuf,
        /// What one was expected of.
        what: &'static str,
        /// What was found.
        found: Vec<PathBuf>,
    },
    /// A file name cannot name a bundle.
    #[error("{} cannot name a bundle", path.display())]
    ImageName {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: NameError,
    },
    /// A key would be illegal.
    #[error("{key:?} is not a valid object key")]
    Key {
        /// The key.
        key: String,
        /// Why.
        #[source]
        source: ObjectKeyError,
    },
    /// No bucket can be named after the target.
    #[error("the name of {} cannot be used as a bucket name", .0.display())]
    NoBucket(PathBuf),
    /// Neither the plan nor the images have an architecture.
    #[error("cannot detect the architecture of the images")]
    UnknownArchitecture,
    /// A bare file system without a kernel.
    #[error("the disk has no partition table, so it needs a kernel to start")]
    NoKernel,
    /// The checks have found what keeps an instance from starting.
    #[error("the images did not pass their checks: {}", counted(*grave, "error"))]
    Checks {
        /// How many findings.
        grave: usize,
    },
    /// Another bundle is where this one would be.
    #[error("{0} is the manifest of another image")]
    Taken(ManifestLocation),
    /// The store refuses the ACL.
    #[error("the store does not support this ACL")]
    AclRefused(#[source] TransportError),
    /// The store refuses the bucket, or does not say whether there is one.
    #[error("cannot use the bucket {bucket}")]
    CheckBucket {
        /// The bucket.
        bucket: BucketName,
        /// Why.
        source: TransportError,
    },
    /// The store does not make the bucket.
    #[error("cannot create the bucket {bucket}")]
    CreateBucket {
        /// The bucket.
        bucket: BucketName,
        /// Why.
        source: TransportError,
    },
    /// There is no such bucket.
    #[error("there is no bucket {0} (NoSuchBucket)")]
    NoSuchBucket(BucketName),
    /// There is no such object in a bucket that the caller may list.
    #[error("there is no object {} in the bucket {} (NoSuchKey)", .0.key, .0.bucket)]
    NoSuchKey(ManifestLocation),
    /// The bucket belongs to somebody else, and the caller may not write to it.
    #[error("the bucket {0} belongs to another account, and you may only read it")]
    ForeignBucket(BucketName),
    /// The id of a kernel or ramdisk names none that can be used.
    #[error("{id} cannot be used as {class}: {reason}")]
    Unusable {
        /// The id.
        id: ImageId,
        /// What it should be.
        class: ImageClass,
        /// Why not, as a clause.
        reason: String,
    },
    /// The cloud says in advance that it would not register the image.
    #[error("the cloud would not register the {class}")]
    NotRegistered {
        /// What the image is for.
        class: ImageClass,
        /// Why.
        source: TransportError,
    },
    /// An image that would be another one has the name.
    #[error("the image {id} has the name {name:?} already")]
    NameTaken {
        /// The name.
        name: String,
        /// The image that has it.
        id: String,
    },
    /// The store does not take an object.
    #[error("cannot write the object {key}")]
    WriteObject {
        /// Its key.
        key: ObjectKey,
        /// Why.
        source: TransportError,
    },
    /// The store does not hold what was sent.
    #[error("the stored bundle of {0} differs from what was sent")]
    Altered(ManifestLocation),
    /// The image is not what its stored parts were made of.
    #[error("the image has changed since its first parts were stored")]
    Differs,
    /// The images of a tree cannot be made.
    #[error("cannot make the images")]
    Make {
        /// Whose fault it is.
        fault: Fault,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The images of a tree are not in the directory of the run, and it is not known how to make them.
    #[error("the image of {} was not complete when the run {run} was interrupted", target.display())]
    NotMade {
        /// The run.
        run: RunId,
        /// The tree.
        target: PathBuf,
    },
    /// There is no such run.
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// A run that has come to its end cannot be given up.
    #[error("the run {0} is complete")]
    Complete(RunId),
    /// The run belongs to another cloud.
    #[error("the run {run} is for another cloud: {site}")]
    OtherSite {
        /// The run.
        run: RunId,
        /// Endpoints of its cloud.
        site: String,
    },
    /// The target is not what it was when the run began.
    #[error("{} has changed since the run {run} began", target.display())]
    TargetChanged {
        /// The run.
        run: RunId,
        /// The target.
        target: PathBuf,
    },
    /// The journal cannot be read or written.
    #[error("cannot use the journal {}", path.display())]
    Journal {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the run cannot be written or read.
    #[error("cannot use the working file {}", path.display())]
    Scratch {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Private key and certificate of the owner are not one pair.
    #[error("the certificate of {subject} does not belong to the private key")]
    KeysDiffer {
        /// Whose certificate it is.
        subject: String,
    },
    /// The owner's certificate is needed.
    #[error("no certificate is set")]
    NoUserCertificate,
    /// A manifest is not signed by whom it should be.
    #[error("the manifest is not trusted")]
    NotTrusted(#[source] Box<ManifestError>),
    /// A file of a bundle cannot be read.
    #[error("cannot read the {what} {}", path.display())]
    Unreadable {
        /// `manifest` or `part`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of a bundle is larger than is read.
    #[error("{} is larger than {limit} bytes, too large for a {what}", path.display())]
    FileTooLarge {
        /// `manifest` or `part`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A directory is where a manifest should be.
    #[error("{} is a directory, not a manifest", .0.display())]
    ManifestIsFolder(PathBuf),
    /// A file is no manifest.
    #[error("{} is not a valid manifest", path.display())]
    LocalManifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<ManifestError>,
    },
    /// A part on this machine is not the one that the manifest lists.
    #[error(
        "the part {} is damaged: its digest is {actual}, the manifest says {expected}",
        path.display()
    )]
    LocalPartDamaged {
        /// Its file.
        path: PathBuf,
        /// What the manifest says.
        expected: Sha1Digest,
        /// What it has.
        actual: Sha1Digest,
    },
    /// There is a bundle of this name in the directory.
    #[error("a bundle of this name already exists")]
    BundleExists(#[source] SplitterError),
    /// The file would replace one of the bundle's.
    #[error("{} is a file of the bundle itself", .0.display())]
    OwnFile(PathBuf),
    /// No file can be called like the manifest.
    #[error("{key} is not a valid file name")]
    FileName {
        /// The manifest's key.
        key: ObjectKey,
        /// Why.
        source: NameError,
    },
    /// Another file has the name of one of the bundle's.
    #[error("{} already exists and is not part of this bundle", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The parts that came have another size together than the manifest says.
    #[error("the parts have {actual} bytes, the manifest says {expected}")]
    BundledSize {
        /// What the manifest says, in bytes.
        expected: u64,
        /// What they have, in bytes.
        actual: u64,
    },
    /// What is where a manifest should is none.
    #[error("{location} is not a valid manifest")]
    StoredManifest {
        /// Where it is.
        location: ManifestLocation,
        /// Why.
        #[source]
        source: Box<ManifestError>,
    },
    /// There is no bundle at a location.
    #[error("there is no bundle {0}")]
    NoBundle(ManifestLocation),
    /// Something is needed by an image that remains.
    #[error("{what} is used by {by}")]
    InUse {
        /// An image or a bundle.
        what: String,
        /// The images that need it.
        by: String,
    },
    /// The cloud has an id of a form that is not known.
    #[error("the cloud has an image {0:?}, which is not a valid id")]
    UnknownId(String),
    /// A deregistered image is still there.
    #[error("{id} is deregistered, but the cloud still lists it")]
    StillThere {
        /// The image.
        id: ImageId,
    },
    /// A part cannot are next to the manifest.
    #[error("the name of the part `{name}` is not a valid object key")]
    PartKey {
        /// The part.
        name: PartName,
        /// Why.
        #[source]
        source: ObjectKeyError,
    },
    /// A part is not in the store.
    #[error("the bundle is incomplete: there is no part {bucket}/{key}")]
    PartMissing {
        /// Where it should be.
        bucket: BucketName,
        /// Its key.
        key: ObjectKey,
    },
    /// A part is larger than the limit.
    #[error("the stored part {key} has {size} bytes; the limit is {limit}")]
    PartTooLarge {
        /// Its key.
        key: ObjectKey,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The parts together have another size than the manifest says.
    #[error("the stored parts have {actual} bytes in total, the manifest says {expected}")]
    PartSizes {
        /// What the manifest says.
        expected: u64,
        /// What they have.
        actual: u64,
    },
    /// A part is not the one that the manifest lists.
    #[error(
        "the stored part {key} is damaged: its {size} bytes have the digest {actual}, the manifest says {expected}"
    )]
    PartDamaged {
        /// Its key.
        key: ObjectKey,
        /// Its size in bytes.
        size: u64,
        /// What the manifest says.
        expected: Sha1Digest,
        /// What it has.
        actual: Sha1Digest,
    },
    /// A part cannot be kept.
    #[error("cannot write the part `{name}`")]
    KeepPart {
        /// The part.
        name: PartName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The directory of what has been fetched cannot be used.
    #[error("cannot use the directory {}", path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is in the way is not the directory of an earlier run.
    #[error("{} exists and was not created by an earlier run of yours", path.display())]
    NotOurs {
        /// What is there.
        path: PathBuf,
    },
    /// Another run uses the directory.
    #[error("another process is fetching the same file: it uses {}", path.display())]
    Busy {
        /// The directory.
        path: PathBuf,
    },

    /// A name of a run makes no sense.
    #[error(transparent)]
    RunId(#[from] RunIdError),
    /// The parts of a bundle on this machine cannot be named, found, read or written.
    #[error(transparent)]
    Splitter(#[from] SplitterError),
    /// A file of the workflow cannot be read or written; the error names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The images cannot be read, checked or resized.
    #[error(transparent)]
    DiskImage(#[from] DiskImageError),
    /// An image cannot be bundled.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A manifest cannot be made or understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A key cannot be used.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The workflow was told to stop.
    #[error("interrupted")]
    Cancelled,
    /// A thread ended without a word.
    #[error("a thread panicked, which is a bug in gumnut: please report it")]
    Died,
}

/// As in `1 error`, `2 errors`.
fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// What was found where one was expected.
fn listed(found: &[PathBuf], what: &str) -> String {
    if found.is_empty() {
        return format!("no {what}");
    }
    let names: Vec<_> = found
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let (count, names) = (names.len(), names.join(", "));
    format!("{count} files that may be its {what}: {names}")
}
