//! From an image to a bundle.

use gumnut_crypto::{BundleIv, BundleKey, CryptoError, PublicKey, WrappedSecret};
use gumnut_manifest::{BundlerVersion, Manifest, Part, UnsignedManifest, WrappedKeys, WrappedPair};
use gumnut_splitter::{BundleNames, PartRecord, PartSink};
use gumnut_types::{
    Architecture, BlockDeviceMapping, ImageKind, ImageOwner, PartIndex, Sha1Digest,
};

use crate::seal::{Sealed, Secrets, seal};
use crate::{BundleError, BundleOptions, ImageSource, Progress};

/// What the manifest will say about the image, beside what sealing it finds out.
#[derive(Clone, Debug)]
pub struct BundleMeta {
    /// The names of the bundle's files, and of the image.
    pub names: BundleNames,
    /// The owner.
    pub user: ImageOwner,
    /// The architecture.
    pub architecture: Architecture,
    /// What the image is, and what a machine image starts with.
    pub kind: ImageKind,
    /// Block devices, for machine images only.
    pub block_devices: Vec<BlockDeviceMapping>,
    /// Product codes, for machine images only.
    pub product_codes: Vec<String>,
}

/// For whom the bundle's key is wrapped.
#[derive(Clone, Copy, Debug)]
pub struct Recipients<'a> {
    /// The cloud, which has to run the image.
    pub cloud: &'a PublicKey,
    /// The owner. Without, nobody but the cloud can open the bundle.
    pub user: Option<&'a PublicKey>,
}

/// A bundle whose parts are in their sink, and whose manifest can be made now.
#[derive(Debug)]
#[must_use = "a bundle without its manifest is worthless"]
pub struct Bundled {
    manifest: Manifest,
    parts: Vec<PartRecord>,
}

impl Bundled {
    /// The parts in order, with their sizes.
    pub fn parts(&self) -> &[PartRecord] {
        &self.parts
    }

    /// What the manifest will say.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest, to be signed.
    ///
    /// # Errors
    ///
    /// None that sealing has not met before it began.
    pub fn into_manifest(self) -> Result<UnsignedManifest, BundleError> {
        UnsignedManifest::new(self.manifest).map_err(BundleError::Manifest)
    }
}

/// Makes one bundle: all that is decided before the image is read.
///
/// Two of the fields have a default, see [`Bundler::new`]:
///
/// ```
/// # use gumnut_bundle::{BundleMeta, BundleOptions, Bundler, Level, Recipients};
/// # fn fast<'a>(meta: BundleMeta, recipients: Recipients<'a>) -> Bundler<'a> {
/// let options = BundleOptions { level: Level::FAST, ..BundleOptions::default() };
/// Bundler { options, ..Bundler::new(meta, recipients) }
/// # }
/// ```
#[derive(Debug)]
pub struct Bundler<'a> {
    /// What the manifest will say about the image.
    pub meta: BundleMeta,
    /// Who will be able to open the bundle.
    pub recipients: Recipients<'a>,
    /// Part size, threads, compression and holes.
    pub options: BundleOptions,
    /// The key and iv of the parts; `None`: new ones.
    ///
    /// Equal key, iv, image, name and options give equal parts, whatever the number of jobs. Never use a key and iv for
    /// two different images: they are given to resume a bundle that was interrupted, to compare builds, and in
    /// tests.
    pub secrets: Option<(BundleKey, BundleIv)>,
}

impl<'a> Bundler<'a> {
    /// With the default options, and a new key and iv.
    pub fn new(meta: BundleMeta, recipients: Recipients<'a>) -> Self {
        Self {
            meta,
            recipients,
            options: BundleOptions::default(),
            secrets: None,
        }
    }

    /// Bundles an image into parts.
    ///
    /// One pass, no temporary file, and memory that depends on the number of jobs alone; see the crate's page.
    /// `progress` hears of the image's bytes, holes included. When this fails, what it has put into `sink` is worthless:
    /// the sink's owner removes it.
    ///
    /// # Errors
    ///
    /// What is given cannot become a manifest, which is found out first; the image cannot be read or changes meanwhile;
    /// the sink fails; `progress` says that the work is cancelled.
    pub fn bundle(
        self,
        image: ImageSource<'_>,
        sink: &mut dyn PartSink,
        progress: &dyn Progress,
    ) -> Result<Bundled, BundleError> {
        let Self {
            meta,
            recipients,
            options,
            secrets,
        } = self;
        let (key, iv) = secrets
            .map_or_else(new_secrets, Ok)
            .map_err(BundleError::Key)?;
        let secrets = Secrets { key: &key, iv: &iv };
        let names = meta.names.clone();
        let keys = wrap(&secrets, recipients).map_err(BundleError::Key)?;
        let mut manifest = draft(meta, keys, image.size())?;
        // Nobody waits for minutes to hear that an argument was wrong.
        let _ = UnsignedManifest::new(manifest.clone()).map_err(BundleError::Manifest)?;

        let Sealed {
            image_digest,
            image_size,
            bundled_size,
            parts,
        } = seal(image, &names, &secrets, &options, sink, progress)?;
        manifest.image_digest = image_digest;
        manifest.image_size = image_size;
        manifest.bundled_size = bundled_size;
        manifest.parts = parts.iter().map(part).collect();
        Ok(Bundled { manifest, parts })
    }
}

fn new_secrets() -> Result<(BundleKey, BundleIv), CryptoError> {
    Ok((BundleKey::generate()?, BundleIv::generate()?))
}

fn wrap(secrets: &Secrets<'_>, recipients: Recipients<'_>) -> Result<WrappedKeys, CryptoError> {
    Ok(WrappedKeys {
        cloud: wrap_for(recipients.cloud, secrets)?,
        user: recipients
            .user
            .map(|user| wrap_for(user, secrets))
            .transpose()?,
    })
}

fn wrap_for(recipient: &PublicKey, secrets: &Secrets<'_>) -> Result<WrappedPair, CryptoError> {
    Ok(WrappedPair {
        key: WrappedSecret::wrap_key(recipient, secrets.key)?,
        iv: WrappedSecret::wrap_iv(recipient, secrets.iv)?,
    })
}

/// The manifest as far as it is known before sealing; the rest is made up.
fn draft(meta: BundleMeta, keys: WrappedKeys, image_size: u64) -> Result<Manifest, BundleError> {
    let name = meta
        .names
        .part(PartIndex(0))
        .map_err(BundleError::WriteParts)?;
    Ok(Manifest {
        bundler: BundlerVersion {
            name: "gumnut".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            release: "0".to_owned(),
        },
        architecture: meta.architecture,
        block_devices: meta.block_devices,
        product_codes: meta.product_codes,
        kind: meta.kind,
        name: meta.names.image().clone(),
        user: meta.user.to_string(),
        image_digest: Sha1Digest::OF_NOTHING,
        image_size,
        bundled_size: 16,
        keys,
        parts: vec![Part {
            index: PartIndex(0),
            name,
            digest: Sha1Digest::OF_NOTHING,
        }],
        ancestry: Vec::new(),
        kernel_name: None,
    })
}

fn part(record: &PartRecord) -> Part {
    Part {
        index: record.index,
        name: record.name.clone(),
        digest: record.digest,
    }
}
