//! Making a bundle, wherever its parts go.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use gumnut_bundle::{
    BundleMeta, BundleOptions, Bundler, Committed, Existing, FolderSink, ImageSource, PartRecord,
    PartSink, Recipients, SplitterError,
};
use gumnut_crypto::{BundleIv, BundleKey, Certificate, PrivateKey};
use gumnut_manifest::SignedManifest;
use gumnut_types::{ImageKind, PartIndex, PartName};

use super::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Stop;

/// Largest machine image that EC2 takes, in bytes.
const EC2_LIMIT: u64 = 10 << 30;

/// The keys that a bundle is made with.
pub(crate) struct Keys {
    pub(crate) private_key: PrivateKey,
    /// Without, only the cloud can open the bundle.
    pub(crate) user: Option<Certificate>,
    pub(crate) cloud: Certificate,
}

impl Keys {
    /// The keys, if key and certificate are one pair.
    pub(crate) fn matching(self) -> Result<Self, Failure> {
        match &self.user {
            Some(user) if !self.private_key.matches(user) => Err(Failure::new(
                Exit::Input,
                format!("the certificate of {} does not belong to the private key", user.subject()),
            )
            .hint("clouds check the signature with the certificate: pass --cert and --private-key of one pair")),
            _ => Ok(self),
        }
    }
}

/// An image that is to be sealed.
pub(crate) struct Seal {
    pub(crate) image: ImageSource<'static>,
    pub(crate) meta: BundleMeta,
    pub(crate) keys: Keys,
    pub(crate) options: BundleOptions,
    /// Given key and iv; new ones otherwise.
    pub(crate) secrets: Option<(BundleKey, BundleIv)>,
}

/// A sealed image: its manifest and its parts.
pub(crate) struct Sealed {
    pub(crate) manifest: SignedManifest,
    pub(crate) parts: Vec<PartRecord>,
}

/// What is done to seal an image.
#[derive(Clone, Copy)]
pub(crate) enum SealStep<'a> {
    /// A part is complete.
    Part(&'a PartName),
    /// The manifest is written here next.
    Manifest(&'a Path),
}

impl Seal {
    /// Seals the image into a folder, all or nothing. `tell` hears of the steps in order.
    pub(crate) fn into_folder(
        self,
        context: &Context<'_>,
        folder: &Path,
        existing: Existing,
        tell: &mut dyn FnMut(SealStep<'_>),
    ) -> Result<(Sealed, Committed), anyhow::Error> {
        let names = self.meta.names.clone();
        let mut sink = FolderSink::create(folder, names.clone(), existing).map_err(explain)?;
        let sealed = self.into_sink(
            context.output,
            &mut Announced {
                sink: &mut sink,
                tell,
            },
        )?;
        tell(SealStep::Manifest(&folder.join(names.manifest().as_str())));
        let committed = sink.commit(sealed.manifest.bytes()).map_err(explain)?;
        Ok((sealed, committed))
    }

    /// Seals the image into any sink. What is in it when this fails is worthless.
    pub(crate) fn into_sink(
        self,
        output: &Output,
        sink: &mut dyn PartSink,
    ) -> Result<Sealed, anyhow::Error> {
        let Self {
            image,
            meta,
            keys,
            options,
            secrets,
        } = self;
        warn(&image, &meta);
        let recipients = Recipients {
            cloud: keys.cloud.public_key(),
            user: keys.user.as_ref().map(Certificate::public_key),
        };
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = output.bar("bundling", image.size()).stopped_by(&stop);
        let maker = Bundler {
            meta,
            recipients,
            options,
            secrets,
        };
        let result = maker.bundle(image, sink, &bar);
        bar.clear();
        let bundled = result?;
        let parts = bundled.parts().to_vec();
        let manifest = bundled.into_manifest()?.sign(&keys.private_key)?;
        Ok(Sealed { manifest, parts })
    }
}

/// Says what clouds will make of this image that its maker may not expect.
fn warn(image: &ImageSource<'_>, meta: &BundleMeta) {
    let name = meta.names.prefix().as_str();
    let machine = matches!(meta.kind, ImageKind::Machine { .. });
    if machine && (name.starts_with("vmlinuz") || name.starts_with("initrd")) {
        Output::warn(format!(
            "clouds take an image called {name:?} for a kernel or ramdisk; pass --kind, or --prefix with another name"
        ));
    }
    if machine && image.size() > EC2_LIMIT {
        Output::warn("the image is larger than 10 GiB, which EC2 and some clouds refuse");
    }
}

fn explain(error: SplitterError) -> anyhow::Error {
    match error {
        error @ SplitterError::Exists { .. } => {
            Failure::new(Exit::Input, "there is a bundle of this name already")
                .because(error)
                .hint("pass --force to replace it, or another --destination or --prefix")
                .into()
        }
        error => error.into(),
    }
}

/// A sink whose finished parts are told of.
struct Announced<'a> {
    sink: &'a mut dyn PartSink,
    tell: &'a mut dyn FnMut(SealStep<'_>),
}

impl PartSink for Announced<'_> {
    fn start(&mut self, index: PartIndex, name: &PartName) -> io::Result<()> {
        self.sink.start(index, name)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write(bytes)
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        self.sink.finish(part)?;
        (self.tell)(SealStep::Part(&part.name));
        Ok(())
    }
}
