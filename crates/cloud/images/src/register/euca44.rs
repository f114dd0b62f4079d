//! The profile `euca-4.4`: Eucalyptus 4.4 believes what the manifest says.

use gumnut_cloud_catalogue::{Caller, Identity, Profile};
use gumnut_manifest::LenientManifest;
use gumnut_types::ImageClass;

use super::facts::ManifestFacts;
use super::registrar::Registrar;
use super::request::RegisterRequest;
use super::resolved::ResolvedImage;
use super::{check, image_type};
use crate::{ImageError, ImageErrorKind};

/// The architectures that it knows.
const ARCHITECTURES: [&str; 3] = ["i386", "x86_64", "other"];

/// Checks what Eucalyptus 4.4 checks, in its order, and stores the image under a new id.
pub(super) async fn register(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<String, ImageError> {
    let checked = request.check(registrar, caller).await?;
    let (bucket, key) = (&checked.bucket, &checked.key);
    if let (false, Some(message)) = (
        caller.admin,
        image_type::forbidden(image_type::by_name(key)),
    ) {
        return Err(ImageError::unspecific(message));
    }
    let bytes = check::fetch(registrar, &Identity::ExecRead, bucket, key)
        .await
        .map_err(|_| {
            ImageError::unspecific(format!("Failed to read manifest file: {bucket}/{key}"))
        })?;
    let manifest = LenientManifest::parse(&bytes)
        .ok_or_else(|| ImageError::unspecific("The manifest is not well formed"))?;
    let facts = facts(&manifest, &bytes, request)?;
    if manifest.named("user").unwrap_or_default() != caller.account.as_str() {
        return Err(ImageError::new(
            ImageErrorKind::NotAuthorized,
            "Manifest is not accessible",
        ));
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

fn with_prefix(id: Option<&String>, prefix: &str) -> Option<String> {
    id.filter(|id| id.starts_with(prefix)).cloned()
}

/// What the manifest says, with the architecture of the request, if sizes and architecture make sense.
fn facts(
    manifest: &LenientManifest<'_>,
    bytes: &[u8],
    request: &RegisterRequest,
) -> Result<ManifestFacts, ImageError> {
    for path in ["image/size", "image/bundled_size"] {
        let text = manifest.at(path).unwrap_or_default();
        if text.parse::<u64>().is_err() {
            let message = format!("Manifest element {path} is no number: {text}");
            return Err(ImageError::unspecific(message));
        }
    }
    let mut facts = ManifestFacts::of_lenient(manifest, bytes);
    if let Some(requested) = &request.architecture {
        facts.architecture.clone_from(requested);
    }
    if ARCHITECTURES.contains(&facts.architecture.as_str()) {
        Ok(facts)
    } else {
        let message = format!("Unknown architecture: {}", facts.architecture);
        Err(ImageError::unspecific(message))
    }
}
