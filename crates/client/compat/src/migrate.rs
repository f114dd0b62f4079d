//! `ec2-migrate-manifest`, `ec2-migrate-bundle`

use std::path::{Path, PathBuf};

use clap::Args;
use gumnut_bundle::Existing;
use gumnut_manifest::{Rewrap, SignedManifest, UntrustedManifest};
use gumnut_settings::{KeyFile, Settings};
use gumnut_terminal::{Exit, Failure, Signature, keys};
use gumnut_types::{ImageId, ImageKind, Limits};
use gumnut_walrus_client::{CannedAcl, Content, PutOptions};
use gumnut_workflows::{BucketPrefix, Destination, LocalBundle, NoProgress};

use super::call::{Call, print};
use super::options::{AnyKeys, Calling, Calls, Service, given};
use super::report::{Coded, unusable};
use super::selector;
use super::tool::Tool;
use super::upload::parse_sigv;

/// The exit code of ec2-ami-tools where a kernel has no counterpart in the other region.
const NO_MAPPING: u8 = 6;

/// Options of everything that rewrites a manifest for another cloud.
#[derive(Args)]
struct Rewriting {
    /// The user's certificate
    #[arg(short, long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The user's private key
    #[arg(short = 'k', long = "privatekey", value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Certificate of the cloud that will decrypt the bundle
    #[arg(long = "ec2cert", value_name = "FILE")]
    cloud_cert: Option<PathBuf>,
    /// The kernel in the other cloud
    #[arg(long, value_name = "AKI", value_parser = ImageId::parse_kernel)]
    kernel: Option<ImageId>,
    /// The ramdisk in the other cloud
    #[arg(long, value_name = "ARI", value_parser = ImageId::parse_ramdisk)]
    ramdisk: Option<ImageId>,
    /// Keep kernel and ramdisk as they are
    #[arg(long = "no-mapping")]
    no_mapping: bool,
}

impl Rewriting {
    /// The manifest for another cloud: its key is unwrapped and wrapped again, and it is signed again.
    fn rewrite(
        &self,
        settings: &Settings,
        manifest: UntrustedManifest,
    ) -> Result<SignedManifest, anyhow::Error> {
        let key = keys::private_key(settings, self.private_key.as_deref())?;
        let user = keys::certificate(settings, KeyFile::Certificate, self.cert.as_deref())?;
        let cloud = keys::certificate(
            settings,
            KeyFile::CloudCertificate,
            self.cloud_cert.as_deref(),
        )?;
        let signed = manifest.verify(&[user.public_key()]).map_err(|error| {
            Failure::new(Exit::Input, "the manifest is not trusted")
                .because(error)
                .hint("--cert must be the certificate of the bundle's owner")
        })?;
        let open = signed.open(&key)?;
        let kind = self.mapped(open.manifest().kind.clone())?;
        let changes = Rewrap {
            cloud: Some(cloud.public_key()),
            kind: Some(&kind),
            ..Rewrap::default()
        };
        Ok(open.rewrap(changes)?.sign(&key)?)
    }

    /// The kind with the kernel and ramdisk of the other cloud. There is no table of counterparts.
    fn mapped(&self, kind: ImageKind) -> Result<ImageKind, anyhow::Error> {
        let ImageKind::Machine { kernel, ramdisk } = kind else {
            return Ok(kind);
        };
        Ok(ImageKind::Machine {
            kernel: self.counterpart(kernel, self.kernel.as_ref(), "--kernel")?,
            ramdisk: self.counterpart(ramdisk, self.ramdisk.as_ref(), "--ramdisk")?,
        })
    }

    /// The kernel or ramdisk there: the one that `option` named, else the one here if that is to be kept.
    fn counterpart(
        &self,
        here: Option<ImageId>,
        there: Option<&ImageId>,
        option: &str,
    ) -> Result<Option<ImageId>, anyhow::Error> {
        match (here, there) {
            (_, Some(there)) => Ok(Some(there.clone())),
            (Some(here), None) if !self.no_mapping => {
                let message = format!("the id of {here} in the other cloud is not known");
                let hint = format!("pass {option} ID, or --no-mapping to keep it");
                let failure = Failure::new(Exit::Usage, message.clone()).hint(hint);
                Err(anyhow::Error::from(failure).context(Coded {
                    code: NO_MAPPING,
                    message,
                }))
            }
            (here, None) => Ok(here),
        }
    }
}

/// Rewrite a manifest for another cloud
#[derive(Args)]
pub(super) struct MigrateManifest {
    /// The manifest, which keeps a copy that ends in .bak
    #[arg(short, long, value_name = "FILE", required = true)]
    manifest: PathBuf,
    #[command(flatten)]
    rewriting: Rewriting,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for MigrateManifest {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let settings = call.session.settings()?;
        let manifest = LocalBundle::new(&self.manifest).manifest(&Limits::default())?;
        let rewritten = self.rewriting.rewrite(&settings, manifest)?;
        replace(&self.manifest, rewritten.bytes())?;
        print(&format!("Wrote manifest {}", self.manifest.display()));
        Ok(())
    }
}

/// Puts new content in the place of a file whose old content remains beside it.
fn replace(path: &Path, content: &[u8]) -> Result<(), anyhow::Error> {
    let mut backup = path.as_os_str().to_owned();
    backup.push(".bak");
    let backup = PathBuf::from(backup);
    fs_err::hard_link(path, &backup).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("cannot keep the old manifest as {}", backup.display()),
        )
        .because(error)
        .hint("move that file away if it exists")
    })?;
    Ok(gumnut_bundle::write_file(path, Existing::Replace, content)?)
}

/// Copy a bundle within the object store and rewrite its manifest for another cloud
#[derive(Args)]
pub(super) struct MigrateBundle {
    /// The manifest's name in the bucket
    #[arg(short, long, value_name = "NAME", required = true)]
    manifest: String,
    /// Location of the bundle
    #[arg(short, long, value_name = "BUCKET[/PREFIX]", required = true)]
    bucket: BucketPrefix,
    /// Destination of the bundle
    #[arg(
        short,
        long = "destination-bucket",
        value_name = "BUCKET[/PREFIX]",
        required = true
    )]
    destination: BucketPrefix,
    /// ACL of the copy
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    acl: CannedAcl,
    #[arg(long, value_name = "LOCATION")]
    location: Option<String>,
    #[arg(long, hide = true)]
    retry: bool,
    #[arg(long, value_name = "VERSION", hide = true, value_parser = parse_sigv)]
    sigv: Option<Signature>,
    #[command(flatten)]
    rewriting: Rewriting,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for MigrateBundle {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn signature(&self) -> Option<Signature> {
        self.sigv
    }

    fn meaningless(&self) -> Vec<&'static str> {
        given(&[("--retry", self.retry)])
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let settings = session.settings()?;
        let store = session.walrus(&settings)?;
        let from = self.bucket.location(&self.manifest)?;
        let to = self.destination.location(&self.manifest)?;
        if from == to {
            return Err(unusable("the copy would replace the bundle").into());
        }
        let stored = selector::stored(&store, &from);
        let manifest = stored.manifest(&Limits::default()).await?;
        let rewritten = self.rewriting.rewrite(&settings, manifest)?;
        let destination = Destination {
            store: store.clone(),
            target: self.destination.clone(),
            acl: Some(self.acl),
        };
        destination
            .prepare(self.location.as_deref(), &NoProgress)
            .await?;
        for part in &rewritten.manifest().parts {
            let source = stored.part_key(&part.name)?;
            let copy = self.destination.key(part.name.as_str())?;
            let options = PutOptions {
                acl: Some(self.acl),
                ..PutOptions::default()
            };
            let (from, to) = ((&from.bucket, &source), (&self.destination.bucket, &copy));
            store.copy_object(from, to, options).await?;
        }
        let bytes = Content::bytes(rewritten.bytes().to_vec());
        destination.put(&self.manifest, &bytes).await?;
        print(&format!("Uploaded {to}"));
        Ok(())
    }
}
