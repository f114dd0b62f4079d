//! `euca-upload-bundle`, `euca-bundle-upload`, `ec2-upload-bundle`

use std::path::PathBuf;

use clap::Args;
use gumnut_manifest::Manifest;
use gumnut_settings::Settings;
use gumnut_terminal::{Exit, Failure, Output, Signature, Stop, Watch};
use gumnut_types::{Limits, PartIndex};
use gumnut_walrus_client::CannedAcl;
use gumnut_workflows::{BucketPrefix, Destination, LocalBundle, Step, Upload};
use url::Url;

use super::call::{Call, print};
use super::dialect::Dialect;
use super::options::{AnyKeys, Calling, Calls, Service, given};
use super::tool::Tool;

/// Parts that are sent at the same time.
const JOBS: usize = 4;

/// Options of everything that writes into the object store.
#[derive(Args)]
pub(super) struct StoreOptions {
    /// Bucket, and a prefix of every key
    #[arg(short, long, value_name = "BUCKET[/PREFIX]", required = true)]
    pub(super) bucket: BucketPrefix,
    /// ACL of the objects: public-read, aws-exec-read or ec2-bundle-read
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    pub(super) acl: CannedAcl,
    /// Location of the bucket if it is created
    #[arg(long, value_name = "LOCATION")]
    location: Option<String>,
    #[arg(long, hide = true)]
    retry: bool,
    #[arg(long = "upload-policy", value_name = "POLICY", hide = true)]
    policy: Option<String>,
    #[arg(long = "upload-policy-file", value_name = "FILE", hide = true)]
    policy_file: Option<PathBuf>,
    #[arg(
        long = "upload-policy-signature",
        value_name = "SIGNATURE",
        hide = true
    )]
    policy_signature: Option<String>,
}

impl StoreOptions {
    /// Refuses what would silently be done in another way, and says what the store may not like.
    pub(super) fn check(&self, endpoint: &Url) -> Result<(), Failure> {
        let policy = self.policy.is_some() || self.policy_file.is_some();
        if policy || self.policy_signature.is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "uploads with an upload policy are not supported",
            )
            .hint("upload with an access key"));
        }
        if self.bucket.prefix.is_some() && endpoint.path().contains("/services/Walrus") {
            Output::warn(
                "this may be a cloud older than Eucalyptus 4, which looks for parts without the prefix",
            );
        }
        Ok(())
    }

    /// Where a missing bucket is made.
    pub(super) fn location<'a>(&'a self, settings: &'a Settings) -> Option<&'a str> {
        self.location.as_deref().or(settings.location_constraint())
    }

    /// `--retry` asks for what is done anyway.
    pub(super) fn meaningless(&self) -> Vec<&'static str> {
        given(&[("--retry", self.retry)])
    }
}

/// Upload a bundle to the object store
#[derive(Args)]
pub(super) struct UploadBundle {
    #[command(flatten)]
    store: StoreOptions,
    /// The manifest
    #[arg(short, long, value_name = "FILE", required = true)]
    manifest: PathBuf,
    /// Directory of the parts [default: that of the manifest]
    #[arg(short = 'd', long, alias = "bundle-path", value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Start with this part: a name or a number
    #[arg(long, value_name = "PART")]
    part: Option<String>,
    /// Do not upload the manifest
    #[arg(long)]
    skipmanifest: bool,
    #[arg(long = "ec2cert", value_name = "FILE", hide = true)]
    cloud_cert: Option<PathBuf>,
    #[arg(long, value_name = "VERSION", hide = true, value_parser = parse_sigv)]
    sigv: Option<Signature>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

/// `2` or `4`.
pub(super) fn parse_sigv(text: &str) -> Result<Signature, String> {
    match text {
        "2" => Ok(Signature::V2),
        "4" => Ok(Signature::V4),
        _ => Err("signatures have version 2 or 4".to_owned()),
    }
}

impl Tool for UploadBundle {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn signature(&self) -> Option<Signature> {
        self.sigv
    }

    fn meaningless(&self) -> Vec<&'static str> {
        let mut options = self.store.meaningless();
        options.extend(given(&[("--ec2cert", self.cloud_cert.is_some())]));
        options
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let settings = session.settings()?;
        self.store.check(&settings.s3_url()?)?;
        let bundle = LocalBundle::new(&self.manifest).parts_in(self.directory.as_deref());
        let manifest = bundle.manifest(&Limits::default())?;
        let first = self.first(manifest.manifest())?;
        let store = session.walrus(&settings)?;
        let manifest_too = !self.skipmanifest && (first.0 == 0 || !call.dialect.is_2010());
        let destination = Destination {
            store,
            target: self.store.bucket.clone(),
            acl: Some(self.store.acl),
        };
        let upload = Upload::new(bundle, destination)
            .first(first)
            .with_manifest(manifest_too)
            .bucket_location(self.store.location(&settings))
            .jobs(JOBS);
        let old = call.dialect.is_2010();
        let watch = Watch::new(&session.output, &Stop::default(), move |step| {
            if old {
                tell(step, manifest_too);
            }
        });
        let uploaded = upload.run(watch).await?;
        if manifest_too || old {
            let location = uploaded.location.to_string();
            print(&uploaded_line(call.dialect, &location));
        }
        Ok(())
    }
}

impl UploadBundle {
    /// The first part that is sent. A part that is not in the bundle is an error: nothing would be sent.
    fn first(&self, manifest: &Manifest) -> Result<PartIndex, Failure> {
        let Some(wanted) = &self.part else {
            return Ok(PartIndex(0));
        };
        manifest
            .parts
            .iter()
            .find(|part| part.name.as_str() == wanted || wanted.parse() == Ok(part.index.0))
            .map(|part| part.index)
            .ok_or_else(|| {
                let manifest = self.manifest.display();
                Failure::new(Exit::Usage, format!("{wanted} is not a part of {manifest}"))
            })
    }
}

/// The lines of 2010. They name the manifest before the parts, as ever, although it goes last.
fn tell(step: &Step<'_>, manifest_too: bool) {
    match step {
        Step::CheckingBucket { bucket } => print(&format!("Checking bucket: {bucket}")),
        Step::MakingBucket { bucket } => print(&format!("Creating bucket: {bucket}")),
        Step::BucketReady { .. } if manifest_too => print("Uploading manifest file"),
        Step::Part { name } => print(&format!("Uploading part: {name}")),
        _ => {}
    }
}

/// How a tool says where something was put.
pub(super) fn uploaded_line(dialect: Dialect, location: &str) -> String {
    if dialect.is_2010() {
        format!("Uploaded image as {location}")
    } else {
        format!("Uploaded {location}")
    }
}
