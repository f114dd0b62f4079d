//! The profile `strict`: everything that any generation of clouds checked, and the parts.

use std::sync::Arc;

use gumnut_cloud_catalogue::{Caller, Identity, Image, ImageState, Profile};
use gumnut_manifest::SignedManifest;
use gumnut_types::ImageClass;

use super::facts::ManifestFacts;
use super::registrar::{Named, Registrar};
use super::request::{CheckedRequest, RegisterRequest};
use super::resolved::ResolvedImage;
use super::{check, content, image_type};
use crate::{ImageError, ImageErrorKind, objects};

/// Checks everything, in the order of the error messages, and stores the image under a new id.
pub(super) async fn register(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<String, ImageError> {
    let checked = before_the_manifest(registrar, caller, request).await?;
    let architecture = request.architecture()?.map(|named| named.to_string());
    let asks_for_windows = request.is_windows(Profile::Strict)?;
    let (manifest, facts, class) = verified_manifest(registrar, caller, &checked).await?;

    let windows = asks_for_windows || checked.windows || image_type::is_windows(&checked.key);
    let resolved = ResolvedImage {
        location: format!("{}/{}", checked.bucket, checked.key),
        class,
        architecture: architecture.unwrap_or_else(|| facts.architecture.clone()),
        kernel: checked.kernel.or_else(|| facts.kernel.clone()),
        ramdisk: checked.ramdisk.or_else(|| facts.ramdisk.clone()),
        windows,
        hvm: checked.hvm || windows,
    };
    let image = resolved.image(registrar, caller, request, facts);

    let (user, limit) = (caller.clone(), registrar.rules.max_image_bytes);
    let check_references = move |image: &Image, named: &Named<'_>| {
        kernel_and_ramdisk(&user, image, named)?;
        check::size(Profile::Strict, image.size, limit)
    };
    if registrar.rules.full_unbundle {
        // Before the long work, and once more with it: what is named may go in the meantime.
        registrar.look_up(&image, &check_references).await?;
        let at = (&*checked.bucket, &*checked.key);
        content::check(registrar.objects, caller, manifest, registrar.cloud, at).await?;
    }
    registrar.store(image, check_references).await
}

/// What is checked of the request before the manifest is read.
async fn before_the_manifest(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<CheckedRequest, ImageError> {
    let checked = request.check(registrar, caller).await?;
    request.architecture()?;
    request.is_windows(Profile::Strict)?;
    administrators_only(caller, image_type::by_name(&checked.key))?;
    Ok(checked)
}

/// Checks what needs no look at the manifest. What a manifest says in the place of the request is not known, so that nothing is
/// missing if there is one.
pub(super) async fn rehearse(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<(), ImageError> {
    let checked = before_the_manifest(registrar, caller, request).await?;
    if image_type::by_name(&checked.key) != ImageClass::Machine {
        return Ok(());
    }
    if !request.is_windows(Profile::Strict)? {
        check::kernel_and_ramdisk_to_come(registrar, caller, &checked).await?;
    }
    let (kernel, ramdisk) = (checked.kernel.as_ref(), checked.ramdisk.as_ref());
    let check = |named: &Named<'_>| usable(caller, kernel, ramdisk, named);
    registrar.look_at(kernel, ramdisk, check).await
}

/// The manifest when it is the caller's, signed, meant for this cloud, and its parts are complete; what it says, and what the
/// image is.
async fn verified_manifest(
    registrar: &Registrar<'_>,
    caller: &Caller,
    checked: &CheckedRequest,
) -> Result<(SignedManifest, ManifestFacts, ImageClass), ImageError> {
    let (bucket, key) = (&checked.bucket, &checked.key);
    let parse = |bytes: Vec<u8>| check::parse(&bytes);
    let read = check::read(registrar, &Identity::ExecRead, (bucket, key), parse).await;
    let parsed = match read {
        Ok(parsed) => parsed,
        Err(refusal) => {
            if let Some(unavailable) = ImageError::of_unavailable(&refusal) {
                return Err(unavailable);
            }
            let cause = objects::cause(registrar.objects, caller, (bucket, key), refusal).await;
            let code = cause.code();
            return Err(check::invalid(format!(
                "Failed to read manifest file: {bucket}/{key} ({code})"
            )));
        }
    };
    // What is wrong with it is said only of what the caller may read.
    if parsed.is_err() && !check::may_read(registrar, caller, bucket, key).await? {
        return Err(check::not_accessible());
    }
    let untrusted = parsed?;
    check::owner(&untrusted, &caller.account)?;
    let class = image_type::by_both(key, &untrusted.manifest().kind);
    administrators_only(caller, class)?;
    let (keys, cloud) = (
        registrar.certificates(caller).await?,
        Arc::clone(registrar.cloud),
    );
    let verify = move || {
        let manifest = check::signature(untrusted, &keys, &cloud)?;
        check::key(&manifest, &cloud)?;
        let facts = ManifestFacts::of(&manifest);
        Ok::<_, ImageError>((manifest, facts))
    };
    let (manifest, facts) = tokio::task::spawn_blocking(verify).await??;
    check::parts(registrar.objects, caller, &manifest, (bucket, key)).await?;
    Ok((manifest, facts, class))
}

fn administrators_only(caller: &Caller, class: ImageClass) -> Result<(), ImageError> {
    match image_type::forbidden(class) {
        Some(message) if !caller.admin => {
            Err(ImageError::new(ImageErrorKind::NotAuthorized, message))
        }
        _ => Ok(()),
    }
}

/// A paravirtual machine needs both, and what is named must be there, of the right type, and usable.
fn kernel_and_ramdisk(caller: &Caller, image: &Image, named: &Named<'_>) -> Result<(), ImageError> {
    if image.class != ImageClass::Machine {
        return Ok(());
    }
    check::kernel_and_ramdisk_given(image)?;
    usable(caller, image.kernel.as_ref(), image.ramdisk.as_ref(), named)
}

/// Insists that a kernel and a ramdisk, where they are named, are there, of their type, and usable.
fn usable(
    caller: &Caller,
    kernel: Option<&String>,
    ramdisk: Option<&String>,
    named: &Named<'_>,
) -> Result<(), ImageError> {
    for (id, found, class) in [
        (kernel, named.kernel, ImageClass::Kernel),
        (ramdisk, named.ramdisk, ImageClass::Ramdisk),
    ] {
        let Some(id) = id else {
            continue;
        };
        let usable = found.is_some_and(|found| {
            found.class == class
                && found.state == ImageState::Available
                && found.usable_by(caller, Profile::Strict)
        });
        if !usable {
            return Err(ImageError::not_found(id));
        }
    }
    Ok(())
}
