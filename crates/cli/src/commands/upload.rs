//! `gumnut upload`

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use gumnut_manage::{Each, Guard, counted, object_lines, once_each};
use gumnut_settings::Settings;
use gumnut_terminal::{Lines, Session, Stop, Watch, parts};
use gumnut_walrus_client::CannedAcl;
use gumnut_workflows::{BucketPrefix, CloudClient, Destination, LocalBundle, Step, UploadPreview};
use serde_json::{Value, json};

/// Upload bundles to the object store.
///
/// Creates the bucket if it does not exist. Each part is compared with the manifest before it is sent; parts that are
/// already stored are skipped. The manifest is uploaded last. Objects that a registered image needs are not replaced.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut upload vmlinuz.manifest.xml -b kernels/debian-12")]
pub(crate) struct Upload {
    /// The manifests; the parts of each are in the same directory
    #[arg(value_name = "MANIFEST", required = true)]
    manifests: Vec<PathBuf>,
    /// Bucket, and a prefix of every key
    #[arg(short, long, value_name = "BUCKET[/PREFIX]")]
    bucket: BucketPrefix,
    /// ACL of the objects: aws-exec-read allows the cloud to read them; none sends no ACL
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    acl: AclChoice,
    /// Parts to send at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Replace objects even if a registered image needs them, without asking the EC2 service
    #[arg(long)]
    force: bool,
    /// List the objects that would be uploaded, and upload nothing
    #[arg(long)]
    dry_run: bool,
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
        let cloud = session.cloud(&settings)?;
        let manifests = once_each(&self.manifests);
        let mut each = Each::of(manifests.len());
        for manifest in &manifests {
            let uploaded = self.one(session, &settings, &cloud, manifest).await;
            if !each.note(&manifest.display(), uploaded) {
                break;
            }
        }
        each.finish_alike(session)
    }

    async fn one(
        &self,
        session: &Session,
        settings: &Settings,
        cloud: &CloudClient,
        manifest: &Path,
    ) -> Result<(Value, Lines), anyhow::Error> {
        let destination = Destination {
            store: cloud.store()?.clone(),
            target: self.bucket.clone(),
            acl: self.acl.0,
        };
        let upload = gumnut_workflows::Upload::new(LocalBundle::new(manifest), destination)
            .bucket_location(settings.location_constraint())
            .jobs(usize::from(self.jobs));
        if self.dry_run || !self.force {
            let preview = upload.preview().await?;
            if !self.force && !preview.replaces.is_empty() {
                let guard = Guard::new(cloud).await?;
                guard
                    .insist_replaceable(&preview.location, &preview.replaces)
                    .await?;
            }
            if self.dry_run {
                return Ok(report(session, &preview));
            }
        }
        let output = session.output.clone();
        let watch = Watch::new(&session.output, &Stop::default(), move |step| {
            if let Step::MakingBucket { bucket } = step {
                output.say(format!("creating the bucket {bucket}"));
            }
        });
        let uploaded = upload.run(Arc::clone(&watch) as _).await;
        watch.clear();
        let uploaded = uploaded?;
        session.output.say(format!(
            "sent {}, skipped {} that were already stored",
            parts(uploaded.parts_sent),
            uploaded.parts_skipped
        ));
        let location = uploaded.location.to_string();
        let json = json!({
            "location": location,
            "parts_sent": uploaded.parts_sent,
            "parts_skipped": uploaded.parts_skipped,
            "bytes_sent": uploaded.bytes_sent,
            "dry_run": false,
        });
        Ok((json, Lines::one(location)))
    }
}

/// The objects in the order in which they would be put.
fn report(session: &Session, preview: &UploadPreview) -> (Value, Lines) {
    let bucket = &preview.location.bucket;
    if preview.makes_bucket {
        session
            .output
            .say(format!("the bucket {bucket} would be created"));
    }
    let objects: Vec<_> = preview
        .puts
        .iter()
        .map(|key| format!("{bucket}/{key}"))
        .collect();
    let replaces: Vec<_> = preview
        .replaces
        .iter()
        .map(|key| format!("{bucket}/{key}"))
        .collect();
    session.output.say(format!(
        "{} would be uploaded, replacing {}; {} are already stored",
        counted(objects.len()),
        replaces.len(),
        parts(preview.parts_skipped)
    ));
    let json = json!({
        "location": preview.location.to_string(),
        "makes_bucket": preview.makes_bucket,
        "objects": objects,
        "replaces": replaces,
        "parts_skipped": preview.parts_skipped,
        "bytes_sent": preview.bytes,
        "dry_run": true,
    });
    (json, object_lines(&objects))
}
