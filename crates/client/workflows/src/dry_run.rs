//! What a run would do.

use std::path::Path;
use std::sync::Arc;

use gumnut_bundle::BundleNames;
use gumnut_disk_image::{Collection, Content, Item, inspect, load};
use gumnut_types::{ImageName, PartIndex};

use crate::observer::DiskProgress;
use crate::publisher::blocking;
use crate::source::choose;
use crate::{Observer, Plan, Publisher, Role, WorkflowError};

/// Disk images shrink to about a third; of a compressed tarball it is known better.
const RATIO: u64 = 3;

/// A request that a run would make.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// `PUT`, or the action of the EC2 service.
    pub what: String,
    /// The bucket, the object, or the location that is registered.
    pub subject: String,
    /// Length of the object in bytes, as far as it can be told beforehand.
    pub about_bytes: Option<u64>,
}

impl Publisher {
    /// What [`Publisher::publish`] would do if nothing were there yet: in order, with sizes that are estimates. Asks no cloud and
    /// writes no file.
    ///
    /// # Errors
    /// When the target has not one disk, or cannot be read.
    pub async fn dry_run(&self, plan: &Plan) -> Result<Vec<Call>, WorkflowError> {
        let (owned, observer) = (plan.clone(), Arc::clone(&self.observer));
        let images = blocking(move || estimate(&owned, &*observer)).await?;
        let destination = self.destination(plan)?;
        let call = |what: &str, subject: String, about_bytes| Call {
            what: what.to_owned(),
            subject,
            about_bytes,
        };
        let mut calls = vec![call("PUT", destination.bucket().to_string(), None)];
        for (role, name, bytes) in &images {
            let names = BundleNames::new(name.clone()).map_err(WorkflowError::names)?;
            let part_size = plan.form.part_size.get();
            let parts = bytes.div_ceil(part_size).max(1);
            for index in 0..parts {
                let index_here = PartIndex(u32::try_from(index).unwrap_or(u32::MAX));
                let part = names.part(index_here).map_err(WorkflowError::names)?;
                let location = destination.location(part.as_str())?;
                let length = part_size.min(bytes - index * part_size);
                calls.push(call("PUT", location.to_string(), Some(length)));
            }
            let manifest = destination.location(names.manifest().as_str())?;
            calls.push(call("PUT", manifest.to_string(), None));
            if plan.register {
                calls.push(call("RegisterImage", manifest.to_string(), None));
            }
            if plan.register && plan.public {
                calls.push(call("ModifyImageAttribute", manifest.to_string(), None));
            }
            if plan.register && *role == Role::Machine && !plan.tags.is_empty() {
                calls.push(call("CreateTags", manifest.to_string(), None));
            }
        }
        Ok(calls)
    }
}

/// The images with the lengths that their bundles may have, in bytes.
fn estimate(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<(Role, ImageName, u64)>, WorkflowError> {
    let name = |path: &Path| {
        let text = path.file_name().and_then(|name| name.to_str());
        let name: Result<ImageName, _> = text.unwrap_or_default().parse();
        name.map_err(|source| WorkflowError::ImageName {
            path: path.to_owned(),
            source,
        })
    };
    let small = |item: &Item| item.inspection.length;
    let mut images = Vec::new();
    let is_tarball =
        |path: &Path| Ok::<_, WorkflowError>(matches!(inspect(path)?.content, Content::Tarball(_)));
    if !plan.target.is_dir() && is_tarball(&plan.target)? {
        let loaded = load(
            &plan.target,
            None,
            plan.hypervisor.into(),
            &DiskProgress(observer),
        )?;
        let whole = fs_err::metadata(&plan.target).map_err(|source| WorkflowError::Scratch {
            path: plan.target.clone(),
            source,
        })?;
        let mut collection = loaded.collection.clone();
        let mut rest = whole.len();
        let pairs = collection.pairs.iter();
        for item in pairs.flat_map(|pair| pair.kernels.iter().chain(&pair.ramdisks)) {
            rest = rest.saturating_sub(small(item));
        }
        // A file that is too large for a kernel is a disk, whatever is in it.
        for (path, length) in &loaded.left_out {
            collection.disks.push(Item::unseen(path.clone(), *length));
        }
        for (role, item) in choose::choose(plan, &collection)?.into_items() {
            let about = if role == Role::Machine {
                rest
            } else {
                small(&item)
            };
            images.push((role, name(&item.path)?, about.max(1)));
        }
    } else if plan.target.is_dir() {
        let collection = Collection::of_folder(&plan.target)?;
        for (role, item) in choose::choose(plan, &collection)?.into_items() {
            images.push((role, name(&item.path)?, about(role, &item)));
        }
    } else {
        let item = Item::new(plan.target.clone(), inspect(&plan.target)?);
        images.push((
            Role::Machine,
            name(&plan.target)?,
            about(Role::Machine, &item),
        ));
    }
    let files = [
        (Role::Kernel, &plan.kernel_file),
        (Role::Ramdisk, &plan.ramdisk_file),
    ];
    for (role, path) in files {
        if let Some(path) = path {
            images.push((role, name(path)?, inspect(path)?.length.max(1)));
        }
    }
    images.sort_by_key(|(role, ..)| *role);
    Ok(images)
}

fn about(role: Role, item: &Item) -> u64 {
    let bytes = match role {
        Role::Machine => item.inspection.allocated / RATIO,
        _ => item.inspection.length,
    };
    bytes.max(1)
}
