//! `gumnut delete`

use clap::Args;
use gumnut_terminal::{Lines, Session, parts};
use gumnut_types::{Limits, ManifestLocation, ObjectKey};
use gumnut_workflows::StoredBundle;
use serde_json::json;

use super::guard::{Guard, object_lines};

/// Delete a bundle from the object store.
///
/// Parts first; the manifest goes last, and only when every part is gone, so that an interrupted run can be
/// repeated. Local files are never touched. The bundle of a registered image is not deleted: `gumnut retire` takes the image
/// back and deletes its bundle.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut delete image-bucket/disk.img.manifest.xml")]
pub(crate) struct Delete {
    /// Location of the manifest
    #[arg(value_name = "BUCKET/KEY")]
    location: ManifestLocation,
    /// Delete the bundle although a registered image needs it, and without asking the EC2 service whether one does
    #[arg(long)]
    force: bool,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

impl Delete {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let cloud = session.cloud(&settings)?;
        let bundle = StoredBundle {
            store: cloud.store()?.clone(),
            location: self.location.clone(),
        };
        let manifest = bundle.manifest(&Limits::default()).await?;
        let all = &manifest.manifest().parts;
        let mut keys = all
            .iter()
            .map(|part| bundle.part_key(&part.name))
            .collect::<Result<Vec<_>, _>>()?;
        if !self.force {
            let guard = Guard::new(&cloud).await?;
            guard.insist_unused(&self.location, &keys).await?;
        }
        keys.push(self.location.key.clone());
        if self.dry_run {
            return self.preview(session, &keys);
        }
        bundle.delete(all).await?;
        session
            .output
            .say(format!("deleted {} and the manifest", parts(all.len())));
        let json = json!({
            "location": self.location.to_string(),
            "parts_deleted": all.len(),
            "dry_run": false,
        });
        session.output.result(&json, &Lines::one(&self.location))
    }

    /// The objects in the order in which they would be deleted.
    fn preview(&self, session: &Session, keys: &[ObjectKey]) -> Result<(), anyhow::Error> {
        let count = keys.len() - 1;
        session.output.say(format!(
            "{} and the manifest would be deleted",
            parts(count)
        ));
        let objects: Vec<_> = keys
            .iter()
            .map(|key| format!("{}/{key}", self.location.bucket))
            .collect();
        let json = json!({
            "location": self.location.to_string(),
            "parts_deleted": count,
            "objects": objects,
            "dry_run": true,
        });
        session.output.result(&json, &object_lines(&objects))
    }
}
