//! Who answers which requests.

use gumnut_cloud_ec2::Ec2FrontEnd;
use gumnut_cloud_http::{FrontEnd, OWN_NAMES};
use gumnut_cloud_s3::S3FrontEnd;

/// Paths of the object store, the name of the old clouds and that of the later ones.
const OBJECT_STORE: [&str; 2] = ["/services/Walrus", "/services/objectstorage"];

/// Names that no bucket can have, because requests for what is in it would go elsewhere: the pages of the listener, and what the
/// paths of the services begin with.
pub(crate) fn hidden_buckets() -> Vec<String> {
    let of_services = OBJECT_STORE
        .iter()
        .filter_map(|path| path.split('/').nth(1));
    let mut names: Vec<String> = OWN_NAMES
        .into_iter()
        .chain(of_services)
        .map(str::to_owned)
        .collect();
    names.dedup();
    names
}

/// The front ends of a cloud, in the order in which they are asked: the object store below its own paths, where a query may name
/// anything; then the EC2 side; then the object store for all that is left.
pub(crate) fn in_order(s3: S3FrontEnd, ec2: Ec2FrontEnd) -> Vec<Box<dyn FrontEnd>> {
    let mut front_ends: Vec<Box<dyn FrontEnd>> = Vec::new();
    for prefix in OBJECT_STORE {
        front_ends.push(Box::new(s3.below(prefix)));
    }
    front_ends.push(Box::new(ec2));
    front_ends.push(Box::new(s3));
    front_ends
}
