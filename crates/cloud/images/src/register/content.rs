//! The last check of `strict`, which is made on request: the image is restored, to nowhere.

use std::collections::HashMap;
use std::io::{self, Read};

use gumnut_bundle::{BundleError, NoProgress, PartSource};
use gumnut_cloud_accounts::CloudKeys;
use gumnut_cloud_catalogue::Caller;
use gumnut_cloud_objects::{ObjectError, ObjectStore};
use gumnut_manifest::SignedManifest;
use gumnut_types::{Limits, PartIndex, PartName};

use super::check;
use crate::{ImageError, objects};

/// Insists that the parts open to one image of the size and digest that the manifest names.
pub(super) async fn check(
    store: &ObjectStore,
    caller: &Caller,
    manifest: SignedManifest,
    cloud: &CloudKeys,
    (bucket, key): (&str, &str),
) -> Result<(), ImageError> {
    let folder = check::folder(key);
    let mut parts = Parts(HashMap::new());
    for part in &manifest.manifest().parts {
        let key = format!("{folder}{}", part.name);
        match objects::open(store, bucket, &key).await {
            Ok(reader) => parts.0.insert(part.name.to_string(), Box::new(reader)),
            Err(refusal) => {
                let (place, part) = ((bucket, &*key), &part.name);
                return Err(check::part_unavailable(store, caller, place, part, refusal).await);
            }
        };
    }
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

/// Parts that wait to be read, each once.
struct Parts(HashMap<String, Box<dyn Read + Send>>);

impl PartSource for Parts {
    fn open(&mut self, _: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        self.0
            .remove(name.as_str())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
