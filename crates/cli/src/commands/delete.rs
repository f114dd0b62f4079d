//! `gumnut delete`

use clap::Args;
use gumnut_manage::{Guard, each, object_lines, once_each};
use gumnut_terminal::{Lines, Session, parts};
use gumnut_types::{Limits, ManifestLocation, ObjectKey};
use gumnut_workflows::{CloudClient, StoredBundle};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Delete bundles from the object store.
///
/// Deletes the parts first, and then the manifest if every part was deleted, so that an interrupted command can be run
/// again. Local files are never deleted. The bundle of a registered image is not deleted: `gumnut retire` deregisters the
/// image and deletes its bundle.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut delete image-bucket/disk.img.manifest.xml")]
pub(crate) struct Delete {
    /// Locations of the manifests
    #[arg(value_name = "BUCKET/KEY", required = true)]
    locations: Vec<ManifestLocation>,
    /// Delete the bundle even if a registered image needs it, without asking the EC2 service
    #[arg(long)]
    force: bool,
    /// List what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

impl Delete {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let cloud = session.cloud(&settings)?;
        let guard = OnceCell::new();
        each(&once_each(&self.locations), async |location| {
            self.one(session, &cloud, &guard, location).await
        })
        .await
        .finish_alike(session)
    }

    /// The images are asked for once, when there is a bundle that one of them may need.
    async fn one<'a>(
        &self,
        session: &Session,
        cloud: &'a CloudClient,
        guard: &OnceCell<Guard<'a>>,
        location: &ManifestLocation,
    ) -> Result<(Value, Lines), anyhow::Error> {
        let bundle = StoredBundle {
            store: cloud.store()?.clone(),
            location: location.clone(),
        };
        let manifest = bundle.manifest(&Limits::default()).await?;
        let all = &manifest.manifest().parts;
        let mut keys = all
            .iter()
            .map(|part| bundle.part_key(&part.name))
            .collect::<Result<Vec<_>, _>>()?;
        if !self.force {
            let guard = guard.get_or_try_init(|| Guard::new(cloud)).await?;
            guard.insist_unused(location, &keys).await?;
        }
        keys.push(location.key.clone());
        if self.dry_run {
            return Ok(preview(session, location, &keys));
        }
        bundle.delete(all).await?;
        session
            .output
            .say(format!("deleted {} and the manifest", parts(all.len())));
        let json = json!({
            "location": location.to_string(),
            "parts_deleted": all.len(),
            "dry_run": false,
        });
        Ok((json, Lines::one(location)))
    }
}

/// The objects in the order in which they would be deleted.
fn preview(session: &Session, location: &ManifestLocation, keys: &[ObjectKey]) -> (Value, Lines) {
    let count = keys.len() - 1;
    session.output.say(format!(
        "{} and the manifest would be deleted",
        parts(count)
    ));
    let objects: Vec<_> = keys
        .iter()
        .map(|key| format!("{}/{key}", location.bucket))
        .collect();
    let json = json!({
        "location": location.to_string(),
        "parts_deleted": count,
        "objects": objects,
        "dry_run": true,
    });
    (json, object_lines(&objects))
}
