//! `gumnut deregister`

use clap::Args;
use gumnut_manage::{Guard, each, once_each};
use gumnut_settings::Settings;
use gumnut_terminal::{Exit, Failure, Session};
use gumnut_types::{AccountId, ImageClass, ImageId};
use gumnut_workflows::CloudClient;
use serde_json::json;

/// Deregister images.
///
/// The bundle remains in the object store. On Eucalyptus 3 and later the first call hides the image and the
/// second removes it. A kernel or ramdisk that a registered image uses is not deregistered.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut deregister emi-9FE813FD")]
pub(crate) struct Deregister {
    /// The images
    #[arg(value_name = "ID", required = true)]
    ids: Vec<ImageId>,
    /// Deregister a kernel or ramdisk even if a registered image uses it, without listing the images
    #[arg(long)]
    force: bool,
    /// List what would be deregistered, and deregister nothing
    #[arg(long)]
    dry_run: bool,
}

impl Deregister {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let client = session.ec2(&settings)?;
        let cloud = CloudClient::of_ec2(client.clone());
        let mut ids = once_each(&self.ids);
        // Machine images first: the others are needed by them.
        ids.sort_by_key(|id| id.class() != ImageClass::Machine);
        let all = each(&ids, async |id| {
            if !self.force && id.class() != ImageClass::Machine {
                Guard::new(&cloud).await?.insist_unreferenced(id)?;
            }
            if self.dry_run {
                insist_on_right(id, &cloud, &settings).await?;
                session.output.say(format!("{id} would be deregistered"));
            } else {
                client.deregister_image(id).await?;
            }
            Ok(id.clone())
        })
        .await;
        all.finish(session, |done, failed| {
            let json = json!({
                "image_id": done.first().map(ImageId::as_str),
                "images": done.iter().map(ImageId::as_str).collect::<Vec<_>>(),
                "failed": failed,
                "dry_run": self.dry_run,
            });
            let lines = done.iter().map(|id| ["IMAGE", id.as_str()]).collect();
            (json, lines)
        })
    }
}

/// Refuses what the cloud would refuse: an image that is not there, or another account's.
async fn insist_on_right(
    id: &ImageId,
    cloud: &CloudClient,
    settings: &Settings,
) -> Result<(), anyhow::Error> {
    let owner = cloud.image(id).await?.owner_id;
    let owner: Option<AccountId> = owner.and_then(|owner| owner.parse().ok());
    match (owner, settings.account(None).ok()) {
        (Some(owner), Some(account)) if owner != account => {
            let message = format!(
                "{id} belongs to account {owner}: only that account and administrators of the cloud may deregister it"
            );
            Err(Failure::new(Exit::Refused, message).into())
        }
        _ => Ok(()),
    }
}
