//! `euca-bundle-and-upload-image`, `euca-install-image`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::Existing;
use gumnut_ec2_client::RegisterImage;
use gumnut_settings::Settings;
use gumnut_terminal::{Session, Stop, Watch, warn_of_image};
use gumnut_types::ManifestLocation;
use gumnut_workflows::{Bundle, Destination, LocalBundle, NoProgress, Upload};
use url::Url;

use super::call::{Call, print};
use super::image::ImageOptions;
use super::options::{AnyKeys, Calling, Calls, Service};
use super::register::parse_virtualization;
use super::tool::Tool;
use super::upload::StoreOptions;

/// Options of everything that bundles an image straight into the object store.
#[derive(Args)]
struct Publishing {
    #[command(flatten)]
    image: ImageOptions,
    #[command(flatten)]
    store: StoreOptions,
    /// Also write the bundle to disk
    #[arg(long = "preserve-bundle")]
    preserve: bool,
    /// Directory of the bundle that is written to disk
    #[arg(short, long, value_name = "DIR")]
    destination: Option<PathBuf>,
    /// Parts to upload at the same time
    #[arg(long = "max-pending-parts", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pending: u8,
}

impl Publishing {
    async fn publish(
        &self,
        call: &Call,
        settings: &Settings,
    ) -> Result<ManifestLocation, anyhow::Error> {
        self.store.check(&settings.s3_url()?)?;
        let session = &call.session;
        let bundle = self.image.bundle(call).await?;
        let destination = Destination {
            store: session.walrus(settings)?,
            target: self.store.bucket.clone(),
            acl: Some(self.store.acl),
        };
        if self.preserve {
            return self
                .preserved(call, session, bundle, destination, settings)
                .await;
        }
        destination
            .prepare(self.store.location(settings), &NoProgress)
            .await?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let watch = Watch::new(&session.output, &stop, warn_of_image);
        Ok(bundle
            .into_store(&destination, usize::from(self.pending), watch)
            .await?)
    }

    /// Makes the bundle in a directory first, where it remains.
    async fn preserved(
        &self,
        call: &Call,
        session: &Session,
        bundle: Bundle,
        destination: Destination,
        settings: &Settings,
    ) -> Result<ManifestLocation, anyhow::Error> {
        let folder = super::bundle::Folder::new(call, self.destination.as_deref())?;
        let path = folder.path();
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let watch = Watch::new(&session.output, &stop, warn_of_image);
        let (_, manifest) = bundle.into_folder(path, Existing::Refuse, &*watch)?;
        let upload = Upload::new(LocalBundle::new(manifest), destination)
            .bucket_location(self.store.location(settings))
            .jobs(usize::from(self.pending));
        let uploaded = upload.run(watch).await?;
        call.say(&format!("the bundle is kept in {}", path.display()));
        folder.keep();
        Ok(uploaded.location)
    }
}

/// Bundle an image into the object store
#[derive(Args)]
pub(super) struct BundleAndUpload {
    #[command(flatten)]
    publishing: Publishing,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for BundleAndUpload {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn meaningless(&self) -> Vec<&'static str> {
        self.publishing.store.meaningless()
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let settings = call.session.settings()?;
        let location = self.publishing.publish(call, &settings).await?;
        print(&format!("Uploaded {location}"));
        Ok(())
    }
}

/// Bundle an image into the object store and register it
#[derive(Args)]
pub(super) struct InstallImage {
    #[command(flatten)]
    publishing: Publishing,
    /// Name of the image
    #[arg(short, long, required = true)]
    name: String,
    /// Description of the image
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// paravirtual or hvm
    #[arg(long = "virtualization-type", value_name = "TYPE", value_parser = parse_virtualization)]
    virtualization: Option<String>,
    /// windows
    #[arg(long, value_name = "PLATFORM", value_parser = ["windows"])]
    platform: Option<String>,
    /// Endpoint of the EC2 service
    #[arg(long = "ec2-url", value_name = "URL")]
    ec2_url: Option<Url>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for InstallImage {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn ec2_url(&self) -> Option<Url> {
        self.ec2_url.clone()
    }

    fn meaningless(&self) -> Vec<&'static str> {
        self.publishing.store.meaningless()
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let settings = session.settings()?;
        // Nobody waits for an upload to hear that the other service has no address.
        let client = session.ec2(&settings)?;
        let location = self.publishing.publish(call, &settings).await?;
        let request = RegisterImage {
            location: location.to_string(),
            name: Some(self.name),
            description: self.description,
            architecture: Some(self.publishing.image.architecture(call.dialect)?),
            virtualization_type: self.virtualization,
            platform: self.platform,
            ..RegisterImage::default()
        };
        let id = client.register_image(&request).await.inspect_err(|_| {
            call.say(&format!(
                "the bundle is at {location}; register it again with euca-register"
            ));
        })?;
        print(&format!("IMAGE\t{id}"));
        Ok(())
    }
}
