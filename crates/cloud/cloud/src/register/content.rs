//! The last check of `strict`, which is made on request: the image is restored, to nowhere.

use std::collections::HashMap;
use std::io::{self, Read};

use gumnut_bundle::{BundleError, NoProgress, PartSource};
use gumnut_manifest::SignedManifest;
use gumnut_types::{Limits, PartIndex, PartName};

use super::{Objects, Refusal, check};
use crate::accounts::CloudKeys;

/// Insists that the parts open to one image of the size and digest that the manifest names.
pub(super) async fn check(
    objects: &dyn Objects,
    manifest: SignedManifest,
    cloud: &CloudKeys,
    bucket: &str,
    key: &str,
) -> Result<(), Refusal> {
    let folder = check::folder(key);
    let mut parts = Parts(HashMap::new());
    for part in &manifest.manifest().parts {
        let key = format!("{folder}{}", part.name);
        let opened = objects.open(bucket, &key).await;
        let opened = opened.map_err(|_| check::part_missing(&part.name))?;
        parts.0.insert(part.name.to_string(), opened);
    }
    let manifest = manifest
        .open(&cloud.key)
        .map_err(|_| check::key_unopened())?;
    let restore =
        move || gumnut_bundle::verify(&manifest, &mut parts, &Limits::default(), &NoProgress);
    let restored = tokio::task::spawn_blocking(restore).await?;
    let checked = restored.map_err(|error| mismatch(&error))?;
    for warning in &checked.warnings {
        tracing::warn!(bucket, key, %warning, "an image was registered");
    }
    Ok(())
}

fn mismatch(error: &BundleError) -> Refusal {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| {
        cause.source()
    });
    let why: Vec<_> = causes.map(ToString::to_string).collect();
    check::invalid(format!(
        "Bundle content does not match the manifest: {}",
        why.join(": ")
    ))
}

/// Parts that wait to be read, each once.
struct Parts(HashMap<String, Box<dyn Read + Send>>);

impl PartSource for Parts {
    fn open(&mut self, _: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        let part = self.0.remove(name.as_str());
        part.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
