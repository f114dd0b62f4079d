//! What a run would do.

use std::sync::Arc;

use gumnut_bundle::{BundleError, BundleNames};
use gumnut_types::{ImageClass, PartIndex};
use gumnut_workflows::{Observer, WorkflowError};

use crate::Plan;
use crate::blocking::blocking;
use crate::source::preview;

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

impl Plan {
    /// The requests that publishing makes if nothing is there yet: in order, with sizes that are estimates. Contacts no cloud,
    /// and writes to the directory for temporary files only: what has to be unpacked is, for a moment.
    ///
    /// # Errors
    /// When publishing would fail before it changed the cloud: the target has not one disk, cannot be read, cannot get the size
    /// of the plan, or did not pass its checks.
    pub async fn dry_run(&self, observer: Arc<dyn Observer>) -> Result<Vec<Call>, WorkflowError> {
        let plan = self.clone();
        let images = blocking(move || preview(&plan, &*observer)).await?;
        let target = self.bucket_prefix()?;
        let mut calls = vec![Call::new("PUT", &target.bucket, None)];
        for (class, name, bytes) in images {
            let names = BundleNames::new(name).map_err(BundleError::WriteParts)?;
            let part_size = self.form.part_size.get();
            for index in 0..bytes.div_ceil(part_size).max(1) {
                let part = names
                    .part(PartIndex(u32::try_from(index).unwrap_or(u32::MAX)))
                    .map_err(BundleError::WriteParts)?;
                let length = part_size.min(bytes - index * part_size);
                let location = target.location(part.as_str())?;
                calls.push(Call::new("PUT", &location, Some(length)));
            }
            let manifest = target.location(names.manifest().as_str())?;
            calls.push(Call::new("PUT", &manifest, None));
            let registration = &self.registration;
            if !registration.register {
                continue;
            }
            calls.push(Call::new("RegisterImage", &manifest, None));
            if registration.public {
                calls.push(Call::new("ModifyImageAttribute", &manifest, None));
            }
            if class == ImageClass::Machine && !registration.tags.is_empty() {
                calls.push(Call::new("CreateTags", &manifest, None));
            }
        }
        Ok(calls)
    }
}

impl Call {
    fn new(what: &str, subject: &impl ToString, about_bytes: Option<u64>) -> Self {
        Self {
            what: what.to_owned(),
            subject: subject.to_string(),
            about_bytes,
        }
    }
}
