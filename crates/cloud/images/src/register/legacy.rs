//! The profiles `euca-1.6` and `euca-2.0`: a manifest is opened with the cloud's key, and its parts are not checked.

use std::sync::Arc;

use gumnut_cloud_accounts::CloudKeys;
use gumnut_cloud_catalogue::{Caller, Identity, Image, ImageState, Profile};
use gumnut_crypto::{HexRule, WrappedSecret};
use gumnut_manifest::LenientManifest;
use gumnut_types::ImageClass;

use super::facts::ManifestFacts;
use super::registrar::Registrar;
use super::request::RegisterRequest;
use super::resolved::ResolvedImage;
use super::{check, image_type};
use crate::ImageError;

const NOT_THE_OWNER: &str =
    "Image registration failed: you must own the bucket containing the image.";
const BAD_MANIFEST: &str =
    "Image registration failed because the manifest referenced is invalid or unavailable.";

/// Checks what Eucalyptus 1.6 or 2.0 checks, in its order, and stores the image under a new id.
pub(super) async fn register(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<String, ImageError> {
    let (bucket, key) = own_location(registrar, caller, request).await?;
    let profile = registrar.rules.profile;
    let (keys, cloud) = (
        registrar.certificates(caller).await?,
        Arc::clone(registrar.cloud),
    );
    let read = check::read(
        registrar,
        &Identity::Internal,
        (bucket, key),
        move |bytes| {
            let manifest = LenientManifest::parse(bytes)?;
            let signed = profile == Profile::Euca20 || manifest.is_signed_by(&keys);
            let is_good = !keys.is_empty() && signed && opens(&cloud, &manifest);
            let facts = ManifestFacts::of_lenient(&manifest);
            is_good.then_some((manifest, facts))
        },
    );
    let bad = || ImageError::unspecific(BAD_MANIFEST);
    let read = read
        .await
        .map_err(|error| ImageError::of_unavailable(&error).unwrap_or_else(bad));
    let (manifest, facts) = read?.ok_or_else(bad)?;
    // The caller must be able to read it, too.
    if !check::may_read(registrar, caller, bucket, key).await? {
        let message = format!("Failed to read manifest file: {bucket}/{key}");
        return Err(ImageError::unspecific(message));
    }

    let class = image_type::by_lenient(key, &manifest, false);
    if let (false, Some(message)) = (caller.admin, image_type::forbidden(class)) {
        return Err(ImageError::unspecific(message));
    }
    let windows = profile == Profile::Euca20 && image_type::is_windows(key);
    let resolved = ResolvedImage {
        location: request.location.clone(),
        class,
        architecture: facts.architecture.clone(),
        kernel: facts.kernel.clone(),
        ramdisk: facts.ramdisk.clone(),
        windows,
        hvm: false,
    };
    // Nothing else of the request is looked at.
    let image = resolved.image(registrar, caller, &RegisterRequest::default(), facts);
    registrar
        .store(image, move |image, named| {
            if image.class == ImageClass::Machine && !windows {
                registered("kernel", image.kernel.as_deref(), named.kernel)?;
                registered("ramdisk", image.ramdisk.as_deref(), named.ramdisk)?;
            }
            Ok(())
        })
        .await
}

/// Bucket and key, if the bucket is the caller's. An administrator needs none of his own.
pub(super) async fn own_location<'r>(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &'r RegisterRequest,
) -> Result<(&'r str, &'r str), ImageError> {
    let (bucket, key) = location(&request.location)?;
    if !caller.admin {
        own_bucket(registrar, caller, bucket).await?;
    }
    Ok((bucket, key))
}

/// Bucket and key: exactly two pieces.
fn location(location: &str) -> Result<(&str, &str), ImageError> {
    match location.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() && !key.contains('/') => {
            Ok((bucket, key))
        }
        _ => Err(ImageError::unspecific(
            "Image registration failed:  Invalid image location.",
        )),
    }
}

/// Insists that the bucket is the caller's. There, each user is what an account is today.
async fn own_bucket(
    registrar: &Registrar<'_>,
    caller: &Caller,
    bucket: &str,
) -> Result<(), ImageError> {
    match registrar.catalogue.bucket(bucket).await? {
        Some(bucket) if bucket.account == caller.account.as_str() => Ok(()),
        _ => Err(ImageError::unspecific(NOT_THE_OWNER)),
    }
}

/// Whether the cloud's key opens key and iv. The real clouds ask only whether the padding is right; what cannot be
/// opened comes out as random bytes here, so that being hex digits has to show it.
fn opens(cloud: &CloudKeys, manifest: &LenientManifest) -> bool {
    let (key, rule) = (&cloud.key, HexRule::Legacy);
    let (Some(secret), Some(iv)) = (
        wrapped(manifest, "image/ec2_encrypted_key"),
        wrapped(manifest, "image/ec2_encrypted_iv"),
    ) else {
        return false;
    };
    secret.unwrap_key(key, rule).is_ok() && iv.unwrap_iv(key, rule).is_ok()
}

fn wrapped(manifest: &LenientManifest, path: &str) -> Option<WrappedSecret> {
    WrappedSecret::from_hex(manifest.at(path).unwrap_or_default()).ok()
}

/// Insists that an image that is named is there.
fn registered(what: &str, id: Option<&str>, found: Option<&Image>) -> Result<(), ImageError> {
    match (id, found) {
        (None, _) => Ok(()),
        (Some(_), Some(image)) if image.state == ImageState::Available => Ok(()),
        (Some(id), _) => Err(ImageError::unspecific(format!(
            "Referenced {what} id is invalid: {id}"
        ))),
    }
}
