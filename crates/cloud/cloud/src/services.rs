//! What the EC2 calls of a cloud are made on.

use std::sync::Arc;

use gumnut_cloud_accounts::Keys;
use gumnut_cloud_catalogue::Catalogue;
use gumnut_cloud_ec2::{Services, ZONE};
use gumnut_cloud_images::Images;
use gumnut_cloud_instances::{AccountLookup, Groups, Host, Instances, KeyPairs};
use gumnut_cloud_objects::ObjectStore;

use crate::config::Config;

/// The services of a cloud. Without a host, requests to run instances are refused.
pub(crate) fn services(
    config: &Config,
    catalogue: &Catalogue,
    objects: ObjectStore,
    keys: &Keys,
    host: Option<Host>,
) -> Services {
    let images = Images::new(
        catalogue.clone(),
        objects,
        keys.clone(),
        config.images.clone(),
        config.clock.clone(),
    );
    let profile = config.images.profile;
    let key_pairs = KeyPairs::new(catalogue.clone(), profile);
    let groups = Groups::new(catalogue.clone(), profile);
    let lookup = Arc::new(AccountLookup::new(key_pairs.clone(), groups.clone()));
    let instances = Instances::new(catalogue.clone(), profile, ZONE, lookup, host);
    Services {
        images,
        key_pairs,
        groups,
        instances,
    }
}
