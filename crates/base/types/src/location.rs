//! Where things are in the object store.

use std::fmt;
use std::str::FromStr;

/// The name of a bucket.
///
/// Old clouds accept more than DNS allows, so this refuses only what cannot be a path segment or
/// breaks requests; the store has the last word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName(String);

/// Why a text is no bucket name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a bucket name has 2 to 255 of the characters A-Z a-z 0-9 . _ - and starts with a letter or digit"
)]
pub struct BucketNameError;

/// The key of an object: 1 to 1024 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// Why a text is no object key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an object key has 1 to 1024 bytes, no control characters, and no empty, `.` or `..` segment"
)]
pub struct ObjectKeyError;

/// `bucket/key` of a manifest, the form in which images are registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManifestLocation {
    /// The bucket.
    pub bucket: BucketName,
    /// The key of the manifest; the parts are beside it.
    pub key: ObjectKey,
}

/// Why a text is no manifest location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is no slash.
    #[error("a location has the form BUCKET/KEY")]
    NoSlash,
    /// The part before the first slash is no bucket name.
    #[error(transparent)]
    Bucket(#[from] BucketNameError),
    /// The part behind the first slash is no key.
    #[error(transparent)]
    Key(#[from] ObjectKeyError),
}

impl BucketName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ObjectKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the last slash.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The key of `name` in the same directory as this key.
    ///
    /// # Errors
    /// When the joined key is too long.
    pub fn sibling(&self, name: &str) -> Result<Self, ObjectKeyError> {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}").parse(),
            None => name.parse(),
        }
    }
}

impl FromStr for BucketName {
    type Err = BucketNameError;

    fn from_str(text: &str) -> Result<Self, BucketNameError> {
        let starts = text
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric);
        if (2..=255).contains(&text.len())
            && starts
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(BucketNameError)
        }
    }
}

impl FromStr for ObjectKey {
    type Err = ObjectKeyError;

    fn from_str(text: &str) -> Result<Self, ObjectKeyError> {
        let segments_ok = text
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."));
        if (1..=1024).contains(&text.len()) && segments_ok && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ObjectKeyError)
        }
    }
}

impl FromStr for ManifestLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        // Clouds drop leading slashes of a registered location, so people have written them.
        let (bucket, key) = text
            .trim_start_matches('/')
            .split_once('/')
            .ok_or(LocationError::NoSlash)?;
        Ok(Self {
            bucket: bucket.parse()?,
            key: key.parse()?,
        })
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ManifestLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_splits_at_the_first_slash() {
        let location: ManifestLocation = "/bucket/a/b.manifest.xml".parse().unwrap();
        assert_eq!(location.bucket.as_str(), "bucket");
        assert_eq!(location.key.as_str(), "a/b.manifest.xml");
        assert_eq!(location.key.file_name(), "b.manifest.xml");
        assert_eq!(
            location.key.sibling("b.part.00").unwrap().as_str(),
            "a/b.part.00"
        );
        assert_eq!(location.to_string(), "bucket/a/b.manifest.xml");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "",
            "bucket",
            "b/",
            "bucket/",
            "bucket/a//b",
            "bucket/../x",
            "-b/x",
            "bu cket/x",
        ] {
            assert!(text.parse::<ManifestLocation>().is_err(), "{text}");
        }
        assert!("k\u{7}".parse::<ObjectKey>().is_err());
        assert!("k".repeat(1025).parse::<ObjectKey>().is_err());
    }
}
