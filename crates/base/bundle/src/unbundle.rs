//! From a bundle to an image, or to the certainty that it would become one.

use std::path::PathBuf;

use gumnut_archive::{Discard, ImageOutput};
use gumnut_crypto::{BundleIv, BundleKey};
use gumnut_manifest::{BelievedManifest, Manifest, OpenManifest};
use gumnut_splitter::{ExpectedPart, Joiner, PartRecord, PartSource, SplitterError};
use gumnut_types::{Limits, Sha1Digest};

use crate::seal::Secrets;
use crate::unseal::{Expected, unseal};
use crate::{BundleError, ImageFile, Progress};

/// What is odd about a bundle that was found right otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnbundleWarning {
    /// Its writer, euca2ools 1.0 to 1.3.1, knew no image digest.
    #[error(
        "the manifest has no usable image digest, so only the digests of the parts were checked"
    )]
    NoImageDigest,
}

/// An image that was found right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Checked {
    /// The image's size in bytes, holes included.
    pub image_size: u64,
    /// What is odd about the bundle.
    pub warnings: Vec<UnbundleWarning>,
}

/// An image that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Unbundled {
    /// Where it is.
    pub path: PathBuf,
    /// The image's size in bytes, holes included.
    pub image_size: u64,
    /// What is odd about the bundle.
    pub warnings: Vec<UnbundleWarning>,
}

/// Restores the image of a bundle into a file.
///
/// The file gets its name when every digest, count and size has matched and everything is on the
/// disk. Zeros become holes.
///
/// # Errors
///
/// The first check that failed, in the order of the format's specification; the output cannot be
/// written; `progress` says that the work is cancelled. No file is left then.
pub fn unbundle(
    manifest: &OpenManifest,
    source: &mut dyn PartSource,
    output: ImageFile,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Unbundled, BundleError> {
    refuse_part_names(manifest.manifest(), &output)?;
    let mut sparse = output.output();
    let checked = unbundle_to(manifest, source, &mut sparse, limits, progress)?;
    sparse.finish().map_err(BundleError::WriteImage)?;
    let Checked {
        image_size,
        warnings,
    } = checked;
    Ok(Unbundled {
        path: output.commit()?,
        image_size,
        warnings,
    })
}

/// Restores the image of a bundle into any output.
///
/// **Nothing in the output can be trusted until this has returned without an error**: digests
/// come last.
///
/// # Errors
///
/// The first check that failed, in the order of the format's specification; the output cannot be
/// written; `progress` says that the work is cancelled.
pub fn unbundle_to(
    manifest: &OpenManifest,
    source: &mut dyn PartSource,
    output: &mut (dyn ImageOutput + Send),
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Checked, BundleError> {
    let expected = expected(manifest.manifest());
    let secrets = Secrets {
        key: manifest.key(),
        iv: manifest.iv(),
    };
    unseal(&expected, &secrets, source, output, limits, progress)?;
    let no_digest = expected
        .image_digest
        .is_none()
        .then_some(UnbundleWarning::NoImageDigest);
    Ok(Checked {
        image_size: manifest.manifest().image_size,
        warnings: no_digest.into_iter().collect(),
    })
}

/// The parts of a bundle in one piece, without a manifest.
#[derive(Clone, Debug)]
pub struct Ciphertext {
    /// The piece.
    pub part: PartRecord,
    /// The image's size in bytes, if it is known.
    pub image_size: Option<u64>,
    /// SHA-1 of the tar stream inside, if it is known.
    pub image_digest: Option<Sha1Digest>,
}

/// Restores the image of a bundle of which only the joined parts, the key and the iv are there.
///
/// Nobody vouches for such a bundle. What can be checked is that the ciphertext is the one that was measured, that gzip's
/// own checksum holds, and what the caller knows about the image. **Nothing in the output can be trusted until this
/// has returned without an error.**
///
/// # Errors
///
/// The ciphertext is another one, is not opened by the key, or holds no image like the one that is expected; the output
/// cannot be written; `progress` says that the work is cancelled.
pub fn unbundle_ciphertext(
    ciphertext: &Ciphertext,
    (key, iv): (&BundleKey, &BundleIv),
    source: &mut dyn PartSource,
    output: &mut (dyn ImageOutput + Send),
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<(), BundleError> {
    let part = ExpectedPart {
        index: ciphertext.part.index,
        name: ciphertext.part.name.clone(),
        digest: ciphertext.part.digest,
    };
    let expected = Expected {
        parts: vec![part],
        bundled_size: ciphertext.part.size,
        image_size: ciphertext.image_size,
        image_digest: ciphertext.image_digest,
    };
    let secrets = Secrets { key, iv };
    unseal(&expected, &secrets, source, output, limits, progress)
}

/// Does everything that restoring the image takes but writing it.
///
/// # Errors
///
/// The first check that failed, in the order of the format's specification; `progress` says that the work is
/// cancelled.
pub fn verify(
    manifest: &OpenManifest,
    source: &mut dyn PartSource,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Checked, BundleError> {
    unbundle_to(manifest, source, &mut Discard, limits, progress)
}

/// Compares the parts with the manifest: presence, sizes and digests. It needs no private key.
///
/// # Errors
///
/// A part is missing, damaged, or another one; `progress` says that the work is cancelled.
pub fn verify_parts(
    manifest: &BelievedManifest,
    source: &mut dyn PartSource,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<(), BundleError> {
    let joiner = expected(manifest.manifest()).joiner(source, limits)?;
    read_through(joiner, progress)
}

fn read_through(
    mut joiner: Joiner<&mut dyn PartSource>,
    progress: &dyn Progress,
) -> Result<(), BundleError> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        if progress.cancelled() {
            return Err(BundleError::Cancelled);
        }
        match std::io::Read::read(&mut joiner, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => progress.advance(count as u64),
            Err(error) => return Err(BundleError::ReadParts(SplitterError::from_io(error))),
        }
    }
}

fn expected(manifest: &Manifest) -> Expected {
    let parts = manifest.parts.iter().map(|part| ExpectedPart {
        index: part.index,
        name: part.name.clone(),
        digest: part.digest,
    });
    Expected {
        parts: parts.collect(),
        bundled_size: manifest.bundled_size,
        image_size: Some(manifest.image_size),
        image_digest: manifest
            .image_digest_is_meaningful()
            .then_some(manifest.image_digest),
    }
}

/// An image called like one of the parts would overwrite what it is made of.
fn refuse_part_names(manifest: &Manifest, output: &ImageFile) -> Result<(), BundleError> {
    let name = output.path().file_name();
    let mut parts = manifest.parts.iter();
    match parts.find(|part| name == Some(part.name.as_str().as_ref())) {
        Some(part) => Err(BundleError::OutputIsPart {
            path: output.path().to_owned(),
            part: part.name.clone(),
        }),
        None => Ok(()),
    }
}
