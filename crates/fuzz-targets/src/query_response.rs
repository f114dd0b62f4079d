//! Any bytes are a cloud's answer to a call.

use gumnut_ec2_client::{Image, ImageAttribute, RegisterImage};
use gumnut_transport::xml;

/// Deepest nesting that is read.
const DEEPEST: usize = 32;

const ATTRIBUTES: [&str; 6] = [
    "launchPermission",
    "productCodes",
    "kernel",
    "ramdisk",
    "description",
    "unknown",
];

/// Reads the bytes as the answer to every call that has one.
///
/// # Panics
/// When an answer is read that is no document within its limits.
pub fn query_response(bytes: &[u8]) {
    let images = Image::read_all(bytes);
    let id = RegisterImage::read_id(bytes);
    let attributes = ATTRIBUTES.map(|name| ImageAttribute::read(name, bytes));
    match xml::parse(bytes) {
        Ok(root) => assert!(depth(&root) <= DEEPEST, "it is nested too deep"),
        Err(error) => {
            let read = images.is_ok() || id.is_ok() || attributes.iter().any(Result::is_ok);
            assert!(!read, "an answer that is no document was read: {error}");
        }
    }
    for image in images.unwrap_or_default() {
        assert!(!image.image_id.is_empty(), "an image has an id");
    }
}

fn depth(element: &xml::Element) -> usize {
    1 + element.children.iter().map(depth).max().unwrap_or(0)
}
