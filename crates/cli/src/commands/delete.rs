//! `gumnut delete`

use clap::Args;
use gumnut_types::{Limits, ManifestLocation};
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
        let bundle = remote::stored(&store, &self.location);
        let manifest = bundle.manifest(&Limits::default()).await?;
        let parts = &manifest.manifest().parts;
        bundle.delete(parts).await?;
        context.output.say(format!(
            "deleted {} and the manifest",
            crate::output::parts(parts.len())
        ));
        let json = json!({ "location": self.location.to_string(), "parts_deleted": parts.len() });
        context.output.result(&json, &self.location.to_string())
    }
}
