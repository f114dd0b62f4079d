//! A bundle in a cloud, as people name it.

use std::fmt;
use std::str::FromStr;

use gumnut_types::{ImageId, ImageIdError, LocationError, ManifestLocation};

/// A bundle in a cloud: by the id of an image that is made of it, or by the location of its manifest.
///
/// As text an id, or `BUCKET/KEY`; a text with a slash is a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleRef {
    /// The bundle of an image.
    Image(ImageId),
    /// The bundle whose manifest is here.
    Location(ManifestLocation),
}

/// Why a text names no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is neither an image id nor the BUCKET/KEY of a manifest")]
pub enum BundleRefError {
    /// It has a slash and is no location.
    Location(#[source] LocationError),
    /// It has none and is no id.
    Image(#[source] ImageIdError),
}

impl FromStr for BundleRef {
    type Err = BundleRefError;

    fn from_str(text: &str) -> Result<Self, BundleRefError> {
        if text.contains('/') {
            let location = text.parse().map_err(BundleRefError::Location)?;
            Ok(Self::Location(location))
        } else {
            Ok(Self::Image(text.parse().map_err(BundleRefError::Image)?))
        }
    }
}

impl fmt::Display for BundleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(id) => id.fmt(f),
            Self::Location(location) => location.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_location() {
        let parse = str::parse::<BundleRef>;
        assert!(matches!(parse("emi-9FE813FD"), Ok(BundleRef::Image(_))));
        assert!(matches!(
            parse("bucket/disk.img.manifest.xml"),
            Ok(BundleRef::Location(_))
        ));
        assert!(matches!(parse("bucket"), Err(BundleRefError::Image(_))));
        assert!(matches!(parse("B/"), Err(BundleRefError::Location(_))));
    }
}
