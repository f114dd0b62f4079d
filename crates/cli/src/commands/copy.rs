//! `gumnut copy`

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use gumnut_crypto::PrivateKey;
use gumnut_ec2_client::{Image, RegisterImage};
use gumnut_manage::{Each, once_each};
use gumnut_settings::{KeyFile, Settings};
use gumnut_terminal::{Exit, Failure, Lines, Output, Session, Stop, Watch, block_on_or_stop, keys};
use gumnut_types::{ImageId, ImageKind, Limits};
use gumnut_workflows::{
    BucketPrefix, BundleRef, CloudClient, CopiedBundle, CopyTo, Original, WorkflowError,
};
use serde_json::{Value, json};

use super::trust::Trust;
use super::upload::AclChoice;
use crate::args::Signature;

/// Copy images to another cloud.
///
/// The bundle's key is decrypted with your private key and encrypted for the other cloud, and the manifest is signed
/// again. Parts are copied from store to store, compared with the manifest, and not written to disk. Kernel and ramdisk
/// are copied first, unless you pass their ids in the other cloud. What already exists there is not sent or registered
/// again. Prints one line per image: IMAGE, new id, location, kind, old id.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut copy emi-9FE813FD --to admin@new-cloud
  gumnut copy emi-9FE813FD --to ~/new-cloud/eucarc --kernel eki-0A1B2C3D --ramdisk eri-0A1B2C3D
  gumnut copy image-bucket/disk.img.manifest.xml --to new-cloud --to-bucket images/web --no-register")]
pub(crate) struct Copy {
    /// The images, or the manifests of their bundles
    #[arg(value_name = "ID|BUCKET/KEY", required = true)]
    images: Vec<BundleRef>,
    /// The other cloud: an eucarc or its directory, or a region of the ini files
    #[arg(long, value_name = "[USER@]REGION|EUCARC")]
    to: String,
    /// Bucket in the other cloud, and a prefix of every key [default: as in this cloud]
    #[arg(long, value_name = "BUCKET[/PREFIX]")]
    to_bucket: Option<BucketPrefix>,
    /// How requests to the other cloud are signed [default: as for this cloud]
    #[arg(long, value_name = "VERSION")]
    to_signature: Option<Signature>,
    /// Id of the kernel in the other cloud, instead of copying it
    #[arg(long, value_name = "EKI", value_parser = ImageId::parse_kernel)]
    kernel: Option<ImageId>,
    /// Id of the ramdisk in the other cloud, instead of copying it
    #[arg(long, value_name = "ERI", value_parser = ImageId::parse_ramdisk)]
    ramdisk: Option<ImageId>,
    /// ACL of the objects: aws-exec-read allows the cloud to read them; none sends no ACL
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    acl: AclChoice,
    /// Parts to copy at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Only copy the bundle of the image itself
    #[arg(long)]
    no_register: bool,
    #[command(flatten)]
    trust: Trust,
}

/// An image here.
struct Source {
    place: BundleRef,
    image: Option<Image>,
}

/// An image there.
struct Copied {
    bundle: CopiedBundle,
    kind: ImageKind,
    from: String,
    /// Its id, and whether it is new.
    id: Option<(ImageId, bool)>,
}

/// The copying of one image and what starts it.
struct Work<'a> {
    command: &'a Copy,
    session: &'a Session,
    settings: &'a Settings,
    from: CloudClient,
    key: PrivateKey,
    to: CopyTo,
    watch: Arc<Watch>,
    copied: Vec<Copied>,
}

impl Copy {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let watch = Watch::new(&session.output, &stop, |_| {});
        watch.show("copying", "waiting for the cloud", 0);
        let mut work = Work {
            command: self,
            session,
            settings: &settings,
            from: session.signed_cloud(&settings, session.cloud.signature)?,
            key: self.trust.need_private_key(&settings)?,
            to: self.destination(session)?,
            watch: Arc::clone(&watch),
            copied: Vec::new(),
        };
        let images = once_each(&self.images);
        let mut each = Each::of(images.len());
        for image in &images {
            let copied = block_on_or_stop(work.copy(image), &stop);
            if !each.note(image, copied) {
                break;
            }
        }
        watch.clear();
        each.finish(session, |_, failed| report(&work.copied, &failed))
    }

    /// The other cloud, as its profile says.
    fn destination(&self, session: &Session) -> Result<CopyTo, anyhow::Error> {
        let settings = Settings::of_profile(&self.to)?;
        let signature = self
            .to_signature
            .map_or(session.cloud.signature, Into::into);
        let author = keys::private_key(&settings, None)?;
        let user = keys::certificate(&settings, KeyFile::Certificate, None)?;
        let cloud = session.signed_cloud(&settings, signature)?;
        let cloud_certificate = keys::certificate(&settings, KeyFile::CloudCertificate, None)?;
        let cloud_key = cloud_certificate.public_key().clone();
        Ok(
            CopyTo::new(cloud, author, cloud_key, settings.account(None)?)
                .user_key(user.public_key().clone())
                .target(self.to_bucket.clone())
                .acl(self.acl.0)
                .bucket_location(settings.location_constraint())
                .jobs(usize::from(self.jobs)),
        )
    }
}

impl Work<'_> {
    async fn copy(&mut self, place: &BundleRef) -> Result<(), anyhow::Error> {
        if !self.command.no_register {
            let (kernel, ramdisk) = (&self.command.kernel, &self.command.ramdisk);
            self.to.insist_on(kernel.as_ref(), ramdisk.as_ref()).await?;
        }
        let image = match place {
            BundleRef::Image(id) => Some(self.from.image(id).await?),
            BundleRef::Location(_) => None,
        };
        let source = Source {
            place: place.clone(),
            image,
        };
        let original = self.open(&source).await?;
        let kind = self.kind_there(&source, &original).await?;
        self.one(source, Original { kind, ..original }).await
    }

    /// The bundle with its trusted manifest.
    async fn open(&self, source: &Source) -> Result<Original, anyhow::Error> {
        let cloud = self.session.cloud_of(&source.place, self.settings)?;
        let bundle = cloud.find(&source.place).await?;
        let manifest = bundle.manifest(&Limits::default()).await?;
        Output::warn_all(manifest.warnings());
        let signed = self
            .command
            .trust
            .check(self.settings, manifest, Some(&self.key))?;
        let kind = signed.manifest().kind.clone();
        Ok(Original {
            bundle,
            manifest: signed.open(&self.key)?,
            kind,
        })
    }

    /// What the image is in the other cloud; its kernel and ramdisk are brought there first.
    async fn kind_there(
        &mut self,
        source: &Source,
        original: &Original,
    ) -> Result<ImageKind, anyhow::Error> {
        let ImageKind::Machine { kernel, ramdisk } = &original.kind else {
            return Ok(original.kind.clone());
        };
        // What the cloud says of the image takes precedence over its manifest.
        let (mut kernel_here, mut ramdisk_here) = (kernel.clone(), ramdisk.clone());
        if let Some(image) = &source.image {
            kernel_here = parsed(image.kernel_id.as_deref()).or(kernel_here);
            ramdisk_here = parsed(image.ramdisk_id.as_deref()).or(ramdisk_here);
        }
        let (own_kernel, own_ramdisk) = (self.command.kernel.clone(), self.command.ramdisk.clone());
        Ok(ImageKind::Machine {
            kernel: self.related(own_kernel, kernel_here, "--kernel").await?,
            ramdisk: self.related(own_ramdisk, ramdisk_here, "--ramdisk").await?,
        })
    }

    /// The id there of a kernel or ramdisk.
    async fn related(
        &mut self,
        given: Option<ImageId>,
        here: Option<ImageId>,
        option: &str,
    ) -> Result<Option<ImageId>, anyhow::Error> {
        let (None, Some(id)) = (&given, here) else {
            return Ok(given);
        };
        if self.command.no_register {
            let message = format!("the image needs {id}; its id in the other cloud is needed");
            return Err(Failure::new(Exit::Usage, message)
                .hint(format!("pass {option} with its id there"))
                .into());
        }
        self.bring(&id).await.with_context(|| {
            format!("cannot copy {id} to the other cloud; pass {option} ID for an existing one")
        })
    }

    /// Copies a kernel or ramdisk; gives its id there.
    async fn bring(&mut self, id: &ImageId) -> Result<Option<ImageId>, anyhow::Error> {
        let name = id.to_string();
        if let Some(before) = self.copied.iter().find(|copied| copied.from == name) {
            return Ok(before.id.as_ref().map(|(id, _)| id.clone()));
        }
        let source = Source {
            image: Some(self.from.image(id).await?),
            place: BundleRef::Image(id.clone()),
        };
        let original = self.open(&source).await?;
        self.one(source, original).await?;
        let copied = self.copied.last().and_then(|copied| copied.id.as_ref());
        Ok(copied.map(|(id, _)| id.clone()))
    }

    async fn one(&mut self, source: Source, original: Original) -> Result<(), anyhow::Error> {
        let name = source.place.to_string();
        self.session.output.say(format!("copying {name}"));
        let watch = Arc::clone(&self.watch) as _;
        let bundle = self.to.bundle(&original, watch).await.map_err(explain)?;
        let kind = original.kind;
        let id = if self.command.no_register {
            None
        } else {
            let request = request(source.image.as_ref(), &kind);
            Some(self.to.register(&bundle, &request).await?)
        };
        self.copied.push(Copied {
            bundle,
            kind,
            from: name,
            id,
        });
        Ok(())
    }
}

fn explain(error: WorkflowError) -> anyhow::Error {
    let taken = matches!(error, WorkflowError::Taken(_) | WorkflowError::InUse { .. });
    if !taken && !matches!(error, WorkflowError::AclRefused(_)) {
        return error.into();
    }
    let failure = Failure::new(Exit::Refused, "the other store refuses the bundle");
    if taken {
        failure
            .because(error)
            .hint("pass another --to-bucket, or retire the existing image")
            .into()
    } else {
        failure.because(error).into()
    }
}

/// What the other cloud receives beyond the manifest.
fn request(image: Option<&Image>, kind: &ImageKind) -> RegisterImage {
    let (kernel, ramdisk) = match kind {
        ImageKind::Machine { kernel, ramdisk } => (kernel.clone(), ramdisk.clone()),
        _ => (None, None),
    };
    let image = image.cloned().unwrap_or_default();
    let is_machine = matches!(kind, ImageKind::Machine { .. });
    RegisterImage {
        name: image.name,
        description: image.description,
        kernel,
        ramdisk,
        virtualization_type: image.virtualization_type.filter(|_| is_machine),
        platform: image.platform,
        ..RegisterImage::default()
    }
}

/// An id that the cloud told. `None`: it told none, or something else.
fn parsed(id: Option<&str>) -> Option<ImageId> {
    id?.parse().ok()
}

impl Copied {
    /// The image's id there. `None`: it was not registered.
    fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|(id, _)| id.as_str())
    }

    fn json(&self) -> Value {
        json!({
            "image_id": self.id(),
            "location": self.bundle.location.to_string(),
            "kind": self.kind.to_string(),
            "from": self.from,
            "parts_sent": self.bundle.parts_sent,
            "parts_skipped": self.bundle.parts_skipped,
            "registered": self.id.as_ref().is_some_and(|(_, new)| *new),
        })
    }

    fn line(&self) -> [String; 5] {
        [
            "IMAGE".to_owned(),
            self.id().unwrap_or("-").to_owned(),
            self.bundle.location.to_string(),
            self.kind.to_string(),
            self.from.clone(),
        ]
    }
}

fn report(all: &[Copied], failed: &Value) -> (Value, Lines) {
    let json = json!({
        "image_id": all.last().and_then(Copied::id),
        "images": all.iter().map(Copied::json).collect::<Vec<Value>>(),
        "failed": failed,
    });
    (json, all.iter().map(Copied::line).collect())
}
