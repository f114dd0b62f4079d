//! `gumnut download`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use gumnut_manage::{each, once_each};
use gumnut_terminal::{Lines, Session, Stop, Watch};
use gumnut_types::ManifestLocation;
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{Downloaded, StoredBundle};
use serde_json::{Value, json};

/// Download bundles from the object store.
///
/// Each part is compared with the manifest. Files get their names when they are complete, the manifest last. Existing
/// parts that are correct are not downloaded again.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut download image-bucket/disk.img.manifest.xml -d bundle")]
pub(crate) struct Download {
    /// Locations of the manifests
    #[arg(value_name = "BUCKET/KEY", required = true)]
    locations: Vec<ManifestLocation>,
    /// Directory of the bundles, created if it does not exist
    #[arg(short, long, value_name = "DIR")]
    destination: PathBuf,
    /// Parts to download at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

impl Download {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let store = session.walrus(&session.settings()?)?;
        each(&once_each(&self.locations), async |location| {
            self.one(session, store.clone(), location.clone()).await
        })
        .await
        .finish_alike(session)
    }

    async fn one(
        &self,
        session: &Session,
        store: WalrusClient,
        location: ManifestLocation,
    ) -> Result<(Value, Lines), anyhow::Error> {
        let bundle = StoredBundle { store, location };
        let download =
            gumnut_workflows::Download::new(bundle, &self.destination).jobs(usize::from(self.jobs));
        let watch = Watch::new(&session.output, &Stop::default(), |_| {});
        let downloaded = download.run(Arc::clone(&watch) as _).await;
        watch.clear();
        let Downloaded {
            manifest,
            parts,
            bytes,
            ..
        } = downloaded?;
        let json =
            json!({ "manifest": manifest.to_string_lossy(), "parts": parts, "bytes": bytes });
        Ok((json, Lines::one(manifest.display())))
    }
}
