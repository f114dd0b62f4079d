#![doc = include_str!("../README.md")]

mod account;
mod architecture;
mod class;
mod device;
mod digest;
mod existing;
mod fault;
mod id;
mod kind;
mod limits;
mod location;
mod name;
mod part;
mod printable;
mod progress;
mod secret;
mod size;

pub use account::{AccountId, AccountIdError, ImageOwner, ImageOwnerError};
pub use architecture::{Architecture, ArchitectureError};
pub use class::{ImageClass, ImageClassError};
pub use device::{BlockDeviceMapping, BlockDeviceMappingError};
pub use digest::{DigestError, Sha1Digest};
pub use existing::Existing;
pub use fault::Fault;
pub use id::{ImageId, ImageIdError};
pub use kind::ImageKind;
pub use limits::Limits;
pub use location::{
    BucketName, BucketNameError, LocationError, ManifestLocation, ObjectKey, ObjectKeyError,
};
pub use name::{ImageName, NameError, PartName};
pub use part::PartIndex;
pub use printable::{printable, printable_json};
pub use progress::{NoProgress, Progress};
pub use secret::SecretString;
pub use size::{ByteSize, ByteSizeError, SizeRangeError};
