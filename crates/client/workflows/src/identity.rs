//! What tells whether two runs are for the same.

use data_encoding::HEXLOWER;
use gumnut_bundle::Fingerprint;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Plan;

/// The digest of what is published and where: 64 hex digits. How the bundles are made, who may run the images and how they
/// are tagged is not in it, nor what the files are called on this machine.
pub(crate) fn identity(plan: &Plan, site: &str, fingerprints: &[Fingerprint]) -> String {
    let mut plan = plan.clone();
    plan.target = plan.target.file_name().unwrap_or_default().into();
    let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
    let document = json!({
        "site": site,
        "account": plan.account.to_string(),
        "target": plan.target.to_string_lossy(),
        "content": fingerprints.iter().map(Fingerprint::to_string).collect::<Vec<_>>(),
        "files": [plan.kernel_file.is_some(), plan.ramdisk_file.is_some()],
        "kernel": text(plan.kernel.as_ref().map(|id| id as _)),
        "ramdisk": text(plan.ramdisk.as_ref().map(|id| id as _)),
        "hypervisor": plan.hypervisor.to_string(),
        "architecture": text(plan.architecture.as_ref().map(|it| it as _)),
        "size": plan.size,
        "bucket": text(plan.bucket.as_ref().map(|it| it as _)),
        "prefix": plan.prefix,
        "register": plan.register,
        "name": plan.name,
        "again": plan.again,
    });
    HEXLOWER.encode(&Sha256::digest(document.to_string()))
}
