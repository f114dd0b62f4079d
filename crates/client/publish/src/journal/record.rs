//! The lines of a journal.

use gumnut_crypto::WrappedSecret;
use gumnut_types::{BucketName, ImageClass, ImageId, ManifestLocation, PartName, Sha1Digest};
use serde::{Deserialize, Serialize};

use crate::{Form, Plan, text};

/// The form of journals that this version writes and reads.
pub(crate) const VERSION: u32 = 1;

/// A line of a journal. Each says what is done, or what is about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum Record {
    /// The run begins.
    Begun {
        version: u32,
        /// When, in seconds since 1970.
        at: u64,
        plan: Box<Plan>,
        /// Endpoints of the store and the EC2 service.
        site: String,
        /// The digest of content and plan.
        identity: String,
    },
    /// The bucket is about to be made.
    MakingBucket {
        #[serde(with = "text")]
        bucket: BucketName,
    },
    /// The disk was copied and resized.
    Prepared(Prepared),
    /// The parts of an image are about to be sent; what was said of it before no longer holds.
    Sealing {
        #[serde(with = "text")]
        role: ImageClass,
        sealing: Sealing,
    },
    /// A part is in the store.
    Stored {
        #[serde(with = "text")]
        role: ImageClass,
        part: StoredPart,
    },
    /// All parts of an image are in the store; the signed manifest is about to be put.
    Sealed {
        #[serde(with = "text")]
        role: ImageClass,
        manifest: String,
    },
    /// The manifest is in the store, too.
    Bundled {
        #[serde(with = "text")]
        role: ImageClass,
    },
    /// The image is about to be registered.
    Registering {
        #[serde(with = "text")]
        role: ImageClass,
    },
    /// The image is registered.
    Registered {
        #[serde(with = "text")]
        role: ImageClass,
        #[serde(with = "text")]
        id: ImageId,
        #[serde(with = "text")]
        location: ManifestLocation,
    },
    /// Everything is done.
    Complete {
        /// Whether everybody may run the images.
        public: bool,
        /// Their tags.
        tags: std::collections::BTreeMap<String, String>,
    },
}

/// The copy of a disk, as it was when it was complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prepared {
    /// The image's name in the tarball.
    pub(crate) name: String,
    /// Length in bytes.
    pub(crate) length: u64,
    /// Seconds and nanoseconds of its last change.
    pub(crate) modified: (i64, i64),
}

/// How the parts of an image are made. Equal values make equal parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealing {
    /// Where the manifest goes.
    #[serde(with = "text")]
    pub(crate) location: ManifestLocation,
    /// The key, which only the user's private key opens.
    #[serde(with = "wrapped")]
    pub(crate) key: WrappedSecret,
    /// The iv, which only the user's private key opens.
    #[serde(with = "wrapped")]
    pub(crate) iv: WrappedSecret,
    pub(crate) form: Form,
}

/// A part that is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPart {
    pub(crate) index: u32,
    #[serde(with = "text")]
    pub(crate) name: PartName,
    /// Length in bytes.
    pub(crate) size: u64,
    /// SHA-1, as in the manifest.
    #[serde(with = "text")]
    pub(crate) digest: Sha1Digest,
    /// MD5 in hex, the tag that most stores give it.
    pub(crate) md5: String,
}

/// Wrapped secrets as hex.
mod wrapped {
    use gumnut_crypto::WrappedSecret;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        value: &WrappedSecret,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<WrappedSecret, D::Error> {
        let text = String::deserialize(deserializer)?;
        WrappedSecret::from_hex(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a journal that a version before this one wrote.
    const OLD: [&str; 6] = [
        r#"{"record":"making_bucket","bucket":"images"}"#,
        r#"{"record":"prepared","name":"disk.img","length":4096,"modified":[1700000000,5]}"#,
        r#"{"record":"stored","role":"kernel","part":{"index":0,"name":"vmlinuz.part.00","size":16,"digest":"da39a3ee5e6b4b0d3255bfef95601890afd80709","md5":"d41d8cd98f00b204e9800998ecf8427e"}}"#,
        r#"{"record":"bundled","role":"ramdisk"}"#,
        r#"{"record":"registered","role":"machine","id":"emi-9FE813FD","location":"images/disk.img.manifest.xml"}"#,
        r#"{"record":"complete","public":true,"tags":{"release":"12"}}"#,
    ];

    #[test]
    fn lines_of_older_versions_are_read_and_written_alike() {
        for line in OLD {
            let record: Record = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
        }
    }
}
