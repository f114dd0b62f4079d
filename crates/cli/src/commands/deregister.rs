//! `gumnut deregister`

use clap::Args;
use gumnut_settings::Settings;
use gumnut_terminal::{Exit, Failure, Session};
use gumnut_types::{AccountId, ImageClass, ImageId};
use gumnut_workflows::CloudClient;
use serde_json::json;

use super::guard::Guard;

/// Deregister an image.
///
/// The bundle stays in the object store. On Eucalyptus 3 and later the first call hides the image and the
/// second removes it. A kernel or ramdisk that a registered image has is not deregistered.
#[derive(Args)]
pub(crate) struct Deregister {
    /// The image
    id: ImageId,
    /// Deregister a kernel or ramdisk although a registered image has it, and without asking whether one has
    #[arg(long)]
    force: bool,
    /// Say what would be deregistered, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Deregister {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let client = session.ec2(&settings)?;
        let cloud = CloudClient::of_ec2(client.clone());
        if !self.force && self.id.class() != ImageClass::Machine {
            Guard::new(&cloud).await?.insist_unreferenced(&self.id)?;
        }
        if self.dry_run {
            self.insist_on_right(&cloud, &settings).await?;
            session
                .output
                .say(format!("{} would be deregistered", self.id));
        } else {
            client.deregister_image(&self.id).await?;
        }
        let json = json!({ "image_id": self.id.as_str(), "dry_run": self.dry_run });
        session.output.result(&json, &format!("IMAGE\t{}", self.id))
    }

    /// Refuses what the cloud would refuse: an image that is not there, or another account's.
    async fn insist_on_right(
        &self,
        cloud: &CloudClient,
        settings: &Settings,
    ) -> Result<(), anyhow::Error> {
        let owner = cloud.image(&self.id).await?.owner_id;
        let owner: Option<AccountId> = owner.and_then(|owner| owner.parse().ok());
        match (owner, settings.account(None).ok()) {
            (Some(owner), Some(account)) if owner != account => {
                let message = format!(
                    "{} belongs to account {owner}: only that and administrators of the cloud may deregister it",
                    self.id
                );
                Err(Failure::new(Exit::Refused, message).into())
            }
            _ => Ok(()),
        }
    }
}
