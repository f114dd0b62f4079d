//! Where a workflow works, and as whom.

use gumnut_ec2_client::{DescribeImages, Ec2Client, Image};
use gumnut_types::{ImageId, ManifestLocation};
use gumnut_walrus_client::WalrusClient;

use crate::PublishError;

/// A cloud: its object store and, where it has one, its EC2 service.
#[derive(Clone, Debug)]
pub struct Site {
    /// The object store.
    pub store: WalrusClient,
    /// The EC2 service; without one nothing is registered and ids mean nothing.
    pub ec2: Option<Ec2Client>,
}

impl Site {
    /// The EC2 service.
    ///
    /// # Errors
    /// When the site has none.
    pub fn ec2(&self) -> Result<&Ec2Client, PublishError> {
        self.ec2.as_ref().ok_or(PublishError::NoEc2)
    }

    /// The image of an id.
    ///
    /// # Errors
    /// When the cloud refuses, or knows no such image.
    pub async fn image(&self, id: &ImageId) -> Result<Image, PublishError> {
        let wanted = DescribeImages {
            ids: vec![id.clone()],
            ..DescribeImages::default()
        };
        let images = self.ec2()?.describe_images(&wanted).await?;
        let same = |image: &Image| image.image_id.eq_ignore_ascii_case(id.as_str());
        let found = images.into_iter().find(same);
        found.ok_or_else(|| PublishError::NoImage(id.clone()))
    }

    /// Where the manifest of an image lies.
    ///
    /// # Errors
    /// As [`Site::image`]; and when the image has no manifest, as one that lies on a snapshot.
    pub async fn location(&self, id: &ImageId) -> Result<ManifestLocation, PublishError> {
        let image = self.image(id).await?;
        let location = image.location.unwrap_or_default();
        location
            .parse()
            .map_err(|_| PublishError::NoManifest { id: id.clone() })
    }
}
