//! `gumnut delete`

use clap::Args;
use gumnut_terminal::{Session, parts};
use gumnut_types::{Limits, ManifestLocation};
use gumnut_workflows::StoredBundle;
use serde_json::json;

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
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let store = session.walrus(&session.settings()?)?;
        let location = self.location.clone();
        let bundle = StoredBundle { store, location };
        let manifest = bundle.manifest(&Limits::default()).await?;
        let all = &manifest.manifest().parts;
        bundle.delete(all).await?;
        session
            .output
            .say(format!("deleted {} and the manifest", parts(all.len())));
        let json = json!({ "location": self.location.to_string(), "parts_deleted": all.len() });
        session.output.result(&json, &self.location.to_string())
    }
}
