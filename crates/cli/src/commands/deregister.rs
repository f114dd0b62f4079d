//! `gumnut deregister`

use clap::Args;
use gumnut_terminal::Session;
use gumnut_types::ImageId;
use serde_json::json;

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
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        client.deregister_image(&self.id).await?;
        let json = json!({ "image_id": self.id.as_str() });
        session.output.result(&json, &format!("IMAGE\t{}", self.id))
    }
}
