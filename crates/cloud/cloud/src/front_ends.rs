//! Who answers which requests.

use gumnut_cloud_ec2::Ec2FrontEnd;
use gumnut_cloud_http::FrontEnd;
use gumnut_cloud_s3::S3FrontEnd;

/// Paths of the object store, the name of the old clouds and that of the later ones.
const OBJECT_STORE: [&str; 2] = ["/services/Walrus", "/services/objectstorage"];

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
