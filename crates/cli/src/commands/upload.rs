//! `gumnut upload`

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use gumnut_terminal::{Session, Stop, Watch, parts};
use gumnut_walrus_client::CannedAcl;
use gumnut_workflows::{BucketPrefix, Destination, LocalBundle, Step};
use serde_json::json;

/// Put a bundle into the object store.
///
/// Makes the bucket if it is missing. Each part is compared with the manifest before it is sent; parts that
/// the store has already are skipped; the manifest goes last, so that a bundle that can be seen is whole.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut upload vmlinuz.manifest.xml -b kernels/debian-12")]
pub(crate) struct Upload {
    /// The manifest; its parts lie beside it
    manifest: PathBuf,
    /// Bucket, and what comes before every key
    #[arg(short, long, value_name = "BUCKET[/PREFIX]")]
    bucket: BucketPrefix,
    /// Who may read it: aws-exec-read lets the cloud; none leaves it to the store
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    acl: AclChoice,
    /// Parts that are sent at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

/// An ACL, or none at all.
#[derive(Clone, Copy)]
pub(crate) struct AclChoice(pub(crate) Option<CannedAcl>);

impl FromStr for AclChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => text
                .parse()
                .map(|acl| Self(Some(acl)))
                .map_err(|error: gumnut_walrus_client::AclError| format!("{error}; or none")),
        }
    }
}

impl Upload {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let destination = Destination {
            store: session.walrus(&settings)?,
            target: self.bucket.clone(),
            acl: self.acl.0,
        };
        let upload = gumnut_workflows::Upload::new(LocalBundle::new(&self.manifest), destination)
            .bucket_location(settings.location_constraint())
            .jobs(usize::from(self.jobs));
        let output = session.output.clone();
        let watch = Watch::new(&session.output, &Stop::default(), move |step| {
            if let Step::MakingBucket { bucket } = step {
                output.say(format!("making the bucket {bucket}"));
            }
        });
        let uploaded = upload.run(Arc::clone(&watch) as _).await;
        watch.clear();
        let uploaded = uploaded?;
        session.output.say(format!(
            "sent {}, {} were there already",
            parts(uploaded.parts_sent),
            uploaded.parts_skipped
        ));
        let location = uploaded.location.to_string();
        let json = json!({
            "location": location,
            "parts_sent": uploaded.parts_sent,
            "parts_skipped": uploaded.parts_skipped,
            "bytes_sent": uploaded.bytes_sent,
        });
        session.output.result(&json, &location)
    }
}
