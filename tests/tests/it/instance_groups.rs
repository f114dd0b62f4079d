//! The security group of an instance, and waiting for its end.

use gumnut_tests::{Cloud, GuestImage, Program};

#[test]
fn a_group_is_kept_as_long_as_an_instance_is_in_it() {
    let cloud = Cloud::start_with(Program::new(), &["--instances"]);
    let client = cloud.client();
    let guest = GuestImage::make(&client);
    let published = client.json(&[
        "publish",
        guest.disk.to_str().unwrap(),
        "--kernel",
        guest.small.kernel.to_str().unwrap(),
        "--ramdisk",
        guest.small.ramdisk.to_str().unwrap(),
    ]);
    let image = published["image_id"].as_str().unwrap();
    let _ = client
        .run(&["keypair", "create", "mykey", "-o", "mykey.pem"])
        .succeeded();
    let _ = client.run(&["group", "create", "web"]).succeeded();
    let run = [
        "run", image, "-k", "mykey", "-g", "web", "--wait", "running",
    ];
    let started = client.json(&run);
    let id = started["instances"][0]["id"].as_str().unwrap();
    assert_eq!(started["instances"][0]["state"], "running");

    // The group is needed as long as the instance is there.
    let delete = ["group", "delete", "web"];
    let _ = client.run(&delete).failed(4).saying(&["is in use"]);
    let _ = client.run(&["terminate", id]).succeeded();
    let ended = ["wait", id, "--until", "terminated", "--timeout", "120"];
    let _ = client.run(&ended).succeeded();
    let _ = client.run(&delete).succeeded();
    // Nothing is added to its console any more, so that this ends.
    let _ = client.run(&["console", id, "--follow"]).succeeded();
}
