//! What the calls are made on.

use gumnut_cloud_images::Images;
use gumnut_cloud_instances::{Groups, Instances, KeyPairs};

/// What the calls are made on.
#[derive(Clone, Debug)]
pub struct Services {
    /// The images of the cloud.
    pub images: Images,
    /// Its key pairs.
    pub key_pairs: KeyPairs,
    /// Its security groups.
    pub groups: Groups,
    /// Its instances.
    pub instances: Instances,
}

impl Services {
    /// The services of a dry run: what is asked of them is decided as ever, and nothing changes.
    pub(crate) fn dry_run(&self) -> Self {
        Self {
            images: self.images.dry_run(),
            key_pairs: self.key_pairs.dry_run(),
            groups: self.groups.dry_run(),
            instances: self.instances.dry_run(),
        }
    }
}
