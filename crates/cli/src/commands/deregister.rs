//! `gumnut deregister`

use clap::Args;
use gumnut_types::ImageId;
use serde_json::json;

use super::{Context, remote};

/// Deregister an image.
///
/// The bundle stays in the object store. On Eucalyptus 3 and later the first call hides the image and the
/// second removes it.
#[derive(Args)]
pub(crate) struct Deregister {
    /// The image
    id: ImageId,
}

impl Deregister {
    pub(crate) async fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let client = remote::ec2(context, &context.settings()?)?;
        client.deregister_image(&self.id).await?;
        let json = json!({ "image_id": self.id.as_str() });
        context.output.result(&json, &format!("IMAGE\t{}", self.id))
    }
}
