//! Tags of images.

use gumnut_transport::TransportError;
use gumnut_types::ImageId;

use crate::Ec2Client;
use crate::client::Parameters;

impl Ec2Client {
    /// Gives an image tags: keys and values. An existing tag gets the new value.
    ///
    /// # Errors
    /// When the cloud refuses, as those before Eucalyptus 3.3 do.
    pub async fn create_tags(
        &self,
        id: &ImageId,
        tags: impl IntoIterator<Item = (&str, &str)>,
    ) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ResourceId.1", id.as_str());
        for (index, (key, value)) in (1..).zip(tags) {
            parameters.add(format!("Tag.{index}.Key"), key);
            parameters.add(format!("Tag.{index}.Value"), value);
        }
        self.command("CreateTags", parameters).await
    }

    /// Takes tags from an image, by their keys and whatever their values. A tag that is not there is as good as removed.
    ///
    /// # Errors
    /// When the cloud refuses, as those before Eucalyptus 3.3 do.
    pub async fn delete_tags<'a>(
        &self,
        id: &ImageId,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ResourceId.1", id.as_str());
        for (index, key) in (1..).zip(keys) {
            parameters.add(format!("Tag.{index}.Key"), key);
        }
        self.command("DeleteTags", parameters).await
    }
}
