//! The last check of `strict`, which is made on request: the image is restored, to nowhere.

use gumnut_bundle::{BundleError, NoProgress};
use gumnut_cloud_accounts::CloudKeys;
use gumnut_cloud_catalogue::{Caller, Identity};
use gumnut_cloud_objects::{ObjectError, ObjectStore};
use gumnut_manifest::SignedManifest;
use gumnut_types::Limits;

use super::check;
use crate::ImageError;
use crate::parts::Parts;

/// Insists that the parts open to one image of the size and digest that the manifest names.
pub(super) async fn check(
    store: &ObjectStore,
    caller: &Caller,
    manifest: SignedManifest,
    cloud: &CloudKeys,
    (bucket, key): (&str, &str),
) -> Result<(), ImageError> {
    let at = (bucket, key);
    let opened = Parts::open(store, &Identity::ExecRead, manifest.manifest(), at).await;
    let mut parts = match opened {
        Ok(parts) => parts,
        Err(missing) => {
            let place = (bucket, &*missing.key);
            let (part, refusal) = (&missing.part, missing.refusal);
            return Err(check::part_unavailable(store, caller, place, part, refusal).await);
        }
    };
    let manifest = manifest
        .open(&cloud.key)
        .map_err(|_| check::key_unopened())?;
    let checked = tokio::task::spawn_blocking(move || {
        gumnut_bundle::verify(&manifest, &mut parts, &Limits::default(), &NoProgress)
    })
    .await?
    .map_err(|error| mismatch(&error))?;
    for warning in &checked.warnings {
        tracing::warn!(bucket, key, %warning, "an image was registered");
    }
    Ok(())
}

fn mismatch(error: &BundleError) -> ImageError {
    if ObjectError::is_of_unavailable_blobs(error) {
        return ImageError::unavailable(error);
    }
    let why: Vec<_> = std::iter::successors(Some(error as &dyn std::error::Error), |cause| {
        cause.source()
    })
    .map(ToString::to_string)
    .collect();
    check::invalid(format!(
        "Bundle content does not match the manifest: {}",
        why.join(": ")
    ))
}
