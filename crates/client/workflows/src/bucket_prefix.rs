//! A place in an object store.

use std::fmt;
use std::str::FromStr;

use gumnut_types::{BucketName, BucketNameError, ManifestLocation, ObjectKey, ObjectKeyError};

use crate::WorkflowError;

/// A bucket, and what comes before every key in it. As text `BUCKET[/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPrefix {
    /// The bucket.
    pub bucket: BucketName,
    /// What comes before every key, without the slash at its end; `None`: names are keys.
    pub prefix: Option<String>,
}

/// Why a text names no bucket and prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketPrefixError {
    /// The bucket has an illegal name.
    #[error(transparent)]
    Bucket(#[from] BucketNameError),
    /// No key can begin with the prefix.
    #[error(transparent)]
    Prefix(#[from] ObjectKeyError),
}

impl FromStr for BucketPrefix {
    type Err = BucketPrefixError;

    fn from_str(text: &str) -> Result<Self, BucketPrefixError> {
        let (bucket, rest) = text.split_once('/').unwrap_or((text, ""));
        let prefix = rest.trim_end_matches('/');
        if !prefix.is_empty() {
            prefix.parse::<ObjectKey>()?;
        }
        Ok(Self {
            bucket: bucket.parse()?,
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        })
    }
}

impl fmt::Display for BucketPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.bucket),
            None => self.bucket.fmt(f),
        }
    }
}

impl BucketPrefix {
    /// The key of an object of this name: `PREFIX/NAME`.
    ///
    /// # Errors
    /// [`WorkflowError::Key`] when no object can have that key.
    pub fn key(&self, name: &str) -> Result<ObjectKey, WorkflowError> {
        let key = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        };
        key.parse()
            .map_err(|source| WorkflowError::Key { key, source })
    }

    /// Where an object of this name is.
    ///
    /// # Errors
    /// [`WorkflowError::Key`] when no object can have its key.
    pub fn location(&self, name: &str) -> Result<ManifestLocation, WorkflowError> {
        Ok(ManifestLocation {
            bucket: self.bucket.clone(),
            key: self.key(name)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_comes_before_every_key() {
        let place: BucketPrefix = "images/web/".parse().unwrap();
        assert_eq!(place.to_string(), "images/web");
        assert_eq!(
            place.location("disk.part.00").unwrap().to_string(),
            "images/web/disk.part.00"
        );
        let bare: BucketPrefix = "images".parse().unwrap();
        assert_eq!(bare.prefix, None);
        assert_eq!(bare.key("disk.part.00").unwrap().as_str(), "disk.part.00");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "/web", "I mages"] {
            assert!(text.parse::<BucketPrefix>().is_err(), "{text:?}");
        }
    }
}
