//! The checks of a manifest and its parts.

use gumnut_cloud_accounts::CloudKeys;
use gumnut_cloud_catalogue::{Caller, Identity, Image, Key, Profile};
use gumnut_cloud_objects::{ObjectError, ObjectRef, ObjectStore};
use gumnut_crypto::PublicKey;
use gumnut_manifest::{ManifestError, SignatureStatus, SignedManifest, UntrustedManifest};
use gumnut_types::{AccountId, ImageClass, Limits, PartName};

use super::image_type;
use super::registrar::Registrar;
use super::request::CheckedRequest;
use crate::objects;
use crate::parts::folder;
use crate::{ImageError, ImageErrorKind};

/// A refusal for what is wrong with the manifest.
pub(crate) fn invalid(message: impl Into<String>) -> ImageError {
    ImageError::new(ImageErrorKind::InvalidManifest, message)
}

/// Reads the manifest with the rights of `reader` and makes something of its bytes, where that may take a while. Only so many
/// manifests as the registrar has turns are in memory at once.
pub(super) async fn read<T: Send + 'static>(
    registrar: &Registrar<'_>,
    reader: &Identity,
    (bucket, key): (&str, &str),
    parse: impl FnOnce(Vec<u8>) -> T + Send + 'static,
) -> Result<T, ObjectError> {
    let limit = Limits::default().manifest_bytes;
    let turn = registrar.turns.acquire().await;
    let _turn = turn.map_err(|_| ObjectError::Internal)?;
    let bytes = objects::read(registrar.objects, reader, bucket, key, limit).await?;
    tokio::task::spawn_blocking(|| parse(bytes))
        .await
        .map_err(|_| ObjectError::Internal)
}

/// Whether the caller may read the manifest. What the cloud reads for somebody who may not is not to be quoted.
pub(super) async fn may_read(
    registrar: &Registrar<'_>,
    caller: &Caller,
    bucket: &str,
    key: &str,
) -> Result<bool, ImageError> {
    let Ok(key) = Key::new(key) else {
        return Ok(false);
    };
    let (reader, object) = (
        Identity::User(caller.clone()),
        ObjectRef::newest(bucket, key),
    );
    match registrar.objects.open_object(&reader, &object).await {
        Ok(_) => Ok(true),
        Err(error) => ImageError::of_unavailable(&error).map_or(Ok(false), Err),
    }
}

/// Parses it, and sorts what can be wrong into the three kinds that clients know.
pub(crate) fn parse(bytes: &[u8]) -> Result<UntrustedManifest, ImageError> {
    UntrustedManifest::parse(bytes, &Limits::default()).map_err(|error| {
        let element = match &error {
            ManifestError::Parts(problem) => {
                return invalid(format!("Part list is invalid: {problem}"));
            }
            ManifestError::Value {
                element: "filename",
                ..
            } => {
                return invalid(format!("Part list is invalid: {error}"));
            }
            ManifestError::Duplicate(element @ ("machine_configuration" | "image")) => {
                return invalid(format!(
                    "Manifest is not well formed: more than one {element}"
                ));
            }
            ManifestError::Missing(element)
            | ManifestError::Duplicate(element)
            | ManifestError::Value { element, .. }
            | ManifestError::TooLong { element, .. } => *element,
            ManifestError::Version(_) => "version",
            ManifestError::Kind => "kernel_id",
            _ => return invalid(format!("Manifest is not well formed: {error}")),
        };
        invalid(format!("Manifest element {element} is missing or invalid"))
    })
}

/// Insists that the manifest names the caller as the owner.
pub(super) fn owner(manifest: &UntrustedManifest, account: &AccountId) -> Result<(), ImageError> {
    match manifest.manifest().user.parse::<AccountId>() {
        Ok(user) if user == *account => Ok(()),
        _ => Err(not_accessible()),
    }
}

/// The refusal of a manifest of somebody else, which says nothing of what is in it.
pub(super) fn not_accessible() -> ImageError {
    let message = "Manifest is not accessible";
    ImageError::new(ImageErrorKind::NotAuthorized, message)
}

/// Insists on a signature by one of the caller's certificates or the cloud's.
pub(crate) fn signature(
    manifest: UntrustedManifest,
    users: &[PublicKey],
    cloud: &CloudKeys,
) -> Result<SignedManifest, ImageError> {
    let keys: Vec<_> = users
        .iter()
        .chain([cloud.certificate.public_key()])
        .collect();
    if manifest.signature_status(&keys) == SignatureStatus::Unsigned {
        return Err(invalid("Manifest is not signed"));
    }
    manifest
        .verify(&keys)
        .map_err(|_| invalid("Manifest has invalid signature"))
}

/// Insists that the cloud can open the key. Whatever the reason, a failure looks alike: the key is offered to
/// strangers here.
pub(super) fn key(manifest: &SignedManifest, cloud: &CloudKeys) -> Result<(), ImageError> {
    use gumnut_crypto::HexRule;
    let pair = &manifest.manifest().keys.cloud;
    let (key, iv) = (
        pair.key.unwrap_key(&cloud.key, HexRule::Exact),
        pair.iv.unwrap_iv(&cloud.key, HexRule::Exact),
    );
    if key.is_ok() && iv.is_ok() {
        return Ok(());
    }
    Err(key_unopened())
}

/// The refusal of a key that the cloud cannot open.
pub(crate) fn key_unopened() -> ImageError {
    invalid("Manifest key cannot be decrypted with the cloud certificate")
}

/// The refusal of a bundle of whose parts this one cannot be read, with the reason that the caller may know.
pub(super) async fn part_unavailable(
    store: &ObjectStore,
    caller: &Caller,
    (bucket, key): (&str, &str),
    part: &PartName,
    refusal: ObjectError,
) -> ImageError {
    if let Some(unavailable) = ImageError::of_unavailable(&refusal) {
        return unavailable;
    }
    let cause = objects::cause(store, caller, (bucket, key), refusal).await;
    invalid(format!("Part {part} is not available ({})", cause.code()))
}

/// Reads every part: all must be there, their sizes must add up, their digests must match.
pub(super) async fn parts(
    store: &ObjectStore,
    caller: &Caller,
    manifest: &SignedManifest,
    (bucket, key): (&str, &str),
) -> Result<(), ImageError> {
    let folder = folder(key);
    let manifest = manifest.manifest();
    let mut found = Vec::with_capacity(manifest.parts.len());
    for part in &manifest.parts {
        let key = format!("{folder}{}", part.name);
        match objects::digest(store, bucket, &key).await {
            Ok(size_and_digest) => found.push(size_and_digest),
            Err(refusal) => {
                let place = (bucket, &*key);
                return Err(part_unavailable(store, caller, place, &part.name, refusal).await);
            }
        }
    }
    let sum: u64 = found.iter().map(|(size, _)| size).sum();
    if sum != manifest.bundled_size {
        let message = format!(
            "Bundled size is {}, parts add up to {sum}",
            manifest.bundled_size
        );
        return Err(invalid(message));
    }
    let last = manifest.parts.len() - 1;
    for (index, (part, (size, digest))) in manifest.parts.iter().zip(&found).enumerate() {
        if *size == 0 && index != last {
            return Err(invalid(format!(
                "Part list is invalid: {} is empty",
                part.name
            )));
        }
        if *digest != part.digest {
            return Err(invalid(format!(
                "Digest of part {} does not match",
                part.name
            )));
        }
    }
    Ok(())
}

/// Insists that a paravirtual machine has a kernel and a ramdisk.
pub(super) fn kernel_and_ramdisk_given(image: &Image) -> Result<(), ImageError> {
    if image.virtualization != "paravirtual" {
        return Ok(());
    }
    both_given(image.kernel.as_ref(), image.ramdisk.as_ref())
}

/// Insists that the request names the kernel and the ramdisk of a paravirtual machine, if there is no manifest that could.
pub(super) async fn kernel_and_ramdisk_to_come(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &CheckedRequest,
) -> Result<(), ImageError> {
    let is_machine = image_type::by_name(&request.key) == ImageClass::Machine;
    let (Ok(key), false, false, true) = (
        Key::new(request.key.as_str()),
        request.hvm,
        request.windows,
        is_machine,
    ) else {
        return Ok(());
    };
    let (reader, manifest) = (
        Identity::User(caller.clone()),
        ObjectRef::newest(&*request.bucket, key),
    );
    match registrar.objects.head(&reader, &manifest).await {
        Err(ObjectError::NoSuchKey | ObjectError::NoSuchBucket) => {
            both_given(request.kernel.as_ref(), request.ramdisk.as_ref())
        }
        _ => Ok(()),
    }
}

fn both_given(kernel: Option<&String>, ramdisk: Option<&String>) -> Result<(), ImageError> {
    for (id, message) in [
        (kernel, "Kernel ID must be specified"),
        (ramdisk, "Ramdisk ID must be specified"),
    ] {
        if id.is_none() {
            return Err(ImageError::new(ImageErrorKind::MissingParameter, message));
        }
    }
    Ok(())
}

/// Insists on an image of at most `limit` bytes.
pub(super) fn size(profile: Profile, size: u64, limit: u64) -> Result<(), ImageError> {
    if size <= limit {
        return Ok(());
    }
    let message = format!(
        "Cannot register image of size {size} bytes because it exceeds the configured maximum instance-store \
         image size of {} GB.",
        limit >> 30
    );
    Err(ImageError::of(
        profile,
        ImageErrorKind::InvalidManifest,
        message,
    ))
}
