//! A bundle in a cloud, by the id of its image or by the location of its manifest.

use std::fmt;
use std::str::FromStr;

use gumnut_types::{ImageId, ManifestLocation};
use gumnut_workflows::{Site, StoredBundle};

use super::{Context, remote};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// A bundle as a user names it.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// That of an image.
    Image(ImageId),
    /// That of a manifest.
    Location(ManifestLocation),
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let refused = |error: anyhow::Error| {
            let message = "this is neither the id of an image nor BUCKET/KEY of a manifest";
            Failure::new(Exit::Usage, message).because(error)
        };
        if text.contains('/') {
            let location = text.parse().map(Self::Location);
            return location.map_err(|error: gumnut_types::LocationError| refused(error.into()));
        }
        let id = text.parse().map(Self::Image);
        id.map_err(|error: gumnut_types::ImageIdError| refused(error.into()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(id) => id.fmt(f),
            Self::Location(location) => location.fmt(f),
        }
    }
}

impl Place {
    /// Where the bundle is, for which the cloud is asked when an image is named.
    pub(crate) async fn find(
        &self,
        context: &Context<'_>,
        settings: &Settings,
    ) -> Result<StoredBundle, anyhow::Error> {
        let store = remote::walrus(context, settings)?;
        let location = match self {
            Self::Location(location) => location.clone(),
            Self::Image(id) => {
                let site = Site {
                    store: store.clone(),
                    ec2: Some(remote::ec2(context, settings)?),
                };
                site.location(id).await?
            }
        };
        Ok(remote::stored(&store, &location))
    }
}
