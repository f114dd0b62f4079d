//! `gumnut delete`

use clap::Args;
use gumnut_manifest::Part;
use gumnut_types::ManifestLocation;
use gumnut_walrus_client::WalrusClient;
use serde_json::json;

use super::{Context, remote};

/// Delete a bundle from the object store.
///
/// Parts first; the manifest goes last, and only when every part is gone, so that an interrupted run can be
/// repeated. Local files are never touched.
#[derive(Args)]
pub(crate) struct Delete {
    /// Where the manifest lies
    #[arg(value_name = "BUCKET/KEY")]
    location: ManifestLocation,
}

impl Delete {
    pub(crate) async fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let store = remote::walrus(context, &context.settings()?)?;
        let manifest = remote::fetch_manifest(&store, &self.location).await?;
        let parts = &manifest.manifest().parts;
        bundle(&store, &self.location, parts).await?;
        context.output.say(format!(
            "deleted {} and the manifest",
            crate::output::parts(parts.len())
        ));
        let json = json!({ "location": self.location.to_string(), "parts_deleted": parts.len() });
        context.output.result(&json, &self.location.to_string())
    }
}

/// Deletes the parts of a bundle, and its manifest when all of them are gone.
pub(crate) async fn bundle(
    store: &WalrusClient,
    location: &ManifestLocation,
    parts: &[Part],
) -> Result<(), anyhow::Error> {
    let stored = remote::stored(store, location);
    for part in parts {
        let key = stored.part_key(&part.name)?;
        store.delete_object(&location.bucket, &key).await?;
    }
    Ok(store.delete_object(&location.bucket, &location.key).await?)
}
