//! The profile `euca-4.4`: Eucalyptus 4.4 trusts what the manifest says.

use gumnut_cloud_catalogue::{Caller, Identity, Profile};
use gumnut_manifest::LenientManifest;
use gumnut_types::ImageClass;

use super::facts::ManifestFacts;
use super::registrar::Registrar;
use super::request::{CheckedRequest, RegisterRequest};
use super::resolved::ResolvedImage;
use super::{check, image_type};
use crate::ImageError;

/// The architectures that it knows.
const ARCHITECTURES: [&str; 3] = ["i386", "x86_64", "other"];

/// Checks what Eucalyptus 4.4 checks, in its order, and stores the image under a new id.
pub(super) async fn register(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<String, ImageError> {
    let checked = before_the_manifest(registrar, caller, request).await?;
    let (bucket, key) = (&checked.bucket, &checked.key);
    let parsed = check::read(registrar, &Identity::ExecRead, (bucket, key), |bytes| {
        let manifest = LenientManifest::parse(bytes)?;
        let facts = ManifestFacts::of_lenient(&manifest);
        Some((manifest, facts))
    })
    .await
    .map_err(|error| {
        let message = format!("Failed to read manifest file: {bucket}/{key}");
        ImageError::of_unavailable(&error).unwrap_or_else(|| ImageError::unspecific(message))
    })?
    .ok_or_else(|| ImageError::unspecific("The manifest is not well formed"));
    // What is wrong with it is said only of what the caller owns or may read.
    let is_own = |manifest: &LenientManifest| manifest.user() == Some(caller.account.as_str());
    let is_own = parsed.as_ref().is_ok_and(|(manifest, _)| is_own(manifest));
    if !is_own && !check::may_read(registrar, caller, bucket, key).await? {
        return Err(check::not_accessible());
    }
    let (manifest, read) = parsed?;
    let facts = facts(&manifest, read, request)?;
    if !is_own {
        return Err(check::not_accessible());
    }
    let windows = request.is_windows(Profile::Euca44)?
        || checked.windows
        || facts.kernel.as_deref() == Some("windows")
        || image_type::is_windows(key);
    let resolved = ResolvedImage {
        location: format!("{bucket}/{key}"),
        class: image_type::by_lenient(key, &manifest, true),
        architecture: facts.architecture.clone(),
        kernel: checked
            .kernel
            .or_else(|| with_prefix(facts.kernel.as_ref(), "eki-")),
        ramdisk: checked
            .ramdisk
            .or_else(|| with_prefix(facts.ramdisk.as_ref(), "eri-")),
        windows,
        hvm: checked.hvm || windows,
    };
    let image = resolved.image(registrar, caller, request, facts);
    if image.class == ImageClass::Machine {
        check::kernel_and_ramdisk_given(&image)?;
    }
    check::size(Profile::Euca44, image.size, registrar.rules.max_image_bytes)?;
    // It does not ask whether kernel and ramdisk are there.
    registrar.store(image, |_, _| Ok(())).await
}

/// Checks what needs no look at the manifest.
pub(super) async fn rehearse(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<(), ImageError> {
    let checked = before_the_manifest(registrar, caller, request).await?;
    if request.is_windows(Profile::Euca44)? {
        return Ok(());
    }
    check::kernel_and_ramdisk_to_come(registrar, caller, &checked).await
}

/// What is checked of the request before the manifest is read.
async fn before_the_manifest(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<CheckedRequest, ImageError> {
    let checked = request.check(registrar, caller).await?;
    let class = image_type::by_name(&checked.key);
    match image_type::forbidden(class) {
        Some(message) if !caller.admin => Err(ImageError::unspecific(message)),
        _ => Ok(checked),
    }
}

fn with_prefix(id: Option<&String>, prefix: &str) -> Option<String> {
    id.filter(|id| id.starts_with(prefix)).cloned()
}

/// What the manifest says, with the architecture of the request, if sizes and architecture make sense.
fn facts(
    manifest: &LenientManifest,
    read: ManifestFacts,
    request: &RegisterRequest,
) -> Result<ManifestFacts, ImageError> {
    for path in ["image/size", "image/bundled_size"] {
        let text = manifest.at(path).unwrap_or_default();
        if text.parse::<u64>().is_err() {
            let message = format!("Manifest element {path} is not a number: {text}");
            return Err(ImageError::unspecific(message));
        }
    }
    let architecture = request.architecture.clone();
    let facts = ManifestFacts {
        architecture: architecture.unwrap_or_else(|| read.architecture.clone()),
        ..read
    };
    if ARCHITECTURES.contains(&facts.architecture.as_str()) {
        Ok(facts)
    } else {
        let message = format!("Unknown architecture: {}", facts.architecture);
        Err(ImageError::unspecific(message))
    }
}
