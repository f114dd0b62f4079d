//! Clouds with names, and clients that sign for a region.

use gumnut_tests::{Cloud, Program};

#[test]
fn a_cloud_with_a_name_accepts_signatures_for_it_alone() {
    let cloud = Cloud::start_with(Program::new(), &["--accept-region", "lab"]);
    for region in ["lab", "us-east-1", "eucalyptus", "undefined-17"] {
        let client = cloud.client().with("AWS_REGION", region);
        let _ = client.run(&["images"]).succeeded();
    }
    let elsewhere = cloud.client().with("AWS_REGION", "eu-west-1");
    let said = "the region \"eu-west-1\" is wrong; expecting \"lab\"";
    let _ = elsewhere.run(&["images"]).failed(4).saying(&[said]);
}

#[test]
fn a_cloud_without_a_name_accepts_every_region() {
    let cloud = Cloud::start();
    let client = cloud.client().with("AWS_REGION", "eu-west-1");
    let _ = client.run(&["images"]).succeeded();
}
