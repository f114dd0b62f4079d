//! What says whether two runs are for the same.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use gumnut_workflows::{CloudClient, Observer, WorkflowError};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Plan;
use crate::blocking::blocking;
use crate::source::fingerprints;

/// The digest of what is published and where: 64 hex digits. How the bundles are made, who may run the images and how they
/// are tagged is not in it, nor what the files are called on this machine. The whole target is read for it.
pub(crate) async fn identity(
    plan: &Plan,
    cloud: &CloudClient,
    observer: &Arc<dyn Observer>,
) -> Result<String, WorkflowError> {
    let (plan_here, observer) = (plan.clone(), Arc::clone(observer));
    let content = blocking(move || fingerprints(&plan_here, &*observer)).await?;
    Ok(digest(plan, &site(cloud)?, &content))
}

/// The endpoints of store and EC2 service, as the journal and the identity of a run have them.
pub(crate) fn site(cloud: &CloudClient) -> Result<String, WorkflowError> {
    let ec2 = cloud.ec2().map(|ec2| ec2.endpoint().to_string());
    Ok(format!(
        "{} {}",
        cloud.store()?.endpoint(),
        ec2.unwrap_or_default()
    ))
}

fn digest(plan: &Plan, endpoints: &str, content: &[String]) -> String {
    let name = plan.target.file_name().unwrap_or_default();
    let (images, storage) = (&plan.images, &plan.storage);
    let document = json!({
        "site": endpoints,
        "account": plan.account.to_string(),
        "target": name.to_string_lossy(),
        "content": content,
        "files": [images.kernel_file.is_some(), images.ramdisk_file.is_some()],
        "kernel": images.kernel.as_ref().map(ToString::to_string),
        "ramdisk": images.ramdisk.as_ref().map(ToString::to_string),
        "hypervisor": images.hypervisor.to_string(),
        "architecture": images.architecture.as_ref().map(ToString::to_string),
        "size": images.size,
        "bucket": storage.bucket.as_ref().map(ToString::to_string),
        "prefix": storage.prefix,
        "register": plan.registration.register,
        "name": plan.registration.name,
        "again": plan.nonce,
    });
    HEXLOWER.encode(&Sha256::digest(document.to_string()))
}
