//! The life of an image: bundle, upload, register, describe, download, deregister, delete.

use gumnut_tests::{Cloud, Program, fixture, patterned, tool};
use serde_json::Value;

/// Bundles, uploads and registers a file; gives the id and the location.
fn publish(
    client: &Program,
    name: &str,
    kind: &str,
    bucket: &str,
    ids: &[&str],
) -> (String, String) {
    client.write(name, patterned(150_000, name.len() as u64));
    let mut arguments = vec!["bundle", name, "--kind", kind, "--arch", "x86_64"];
    arguments.extend(["--test-part-size", "64KiB"]);
    arguments.extend(ids);
    let manifest = client.json(&arguments)["manifest"]
        .as_str()
        .unwrap()
        .to_owned();
    let location = client.json(&["upload", &manifest, "-b", bucket]);
    let location = location["location"].as_str().unwrap().to_owned();
    let id = client.json(&["register", &location, "--name", name])["image_id"]
        .as_str()
        .unwrap()
        .to_owned();
    (id, location)
}

fn image<'a>(images: &'a Value, id: &str) -> &'a Value {
    let images = images["images"].as_array().unwrap();
    images
        .iter()
        .find(|image| image["image_id"] == id)
        .unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn a_kernel_a_ramdisk_and_a_machine_from_bundle_to_deletion() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let (eki, _) = publish(&client, "vmlinuz-1", "kernel", "kernels", &[]);
    let (eri, _) = publish(&client, "initrd-1", "ramdisk", "ramdisks", &[]);
    assert!(
        eki.starts_with("eki-") && eri.starts_with("eri-"),
        "{eki} {eri}"
    );
    let ids = ["--kernel", &eki, "--ramdisk", &eri];
    let (emi, location) = publish(&client, "disk.img", "machine", "images/web", &ids);
    assert_eq!(location, "images/web/disk.img.manifest.xml");

    let images = client.json(&["images"]);
    let machine = image(&images, &emi);
    assert_eq!(machine["kernel_id"], eki);
    assert_eq!(machine["ramdisk_id"], eri);
    assert_eq!(machine["location"], location);
    assert_eq!(machine["state"], "available");
    assert_eq!(machine["architecture"], "x86_64");
    let text = client.run(&["images", &emi]).succeeded().stdout;
    assert!(
        text.starts_with(&format!("IMAGE\t{emi}\t{location}\t")),
        "{text}"
    );
    let filtered = client.json(&["images", "--filter", "image-type=kernel"]);
    assert_eq!(filtered["images"].as_array().unwrap().len(), 1);

    let _ = client
        .run(&["download", &location, "-d", "down"])
        .succeeded();
    let _ = client
        .run(&["verify", "down/disk.img.manifest.xml"])
        .succeeded();
    let _ = client
        .run(&["unbundle", "down/disk.img.manifest.xml", "-o", "back.img"])
        .succeeded();
    let (image, back) = (client.path("disk.img"), client.path("back.img"));
    tool("cmp", &[image.to_str().unwrap(), back.to_str().unwrap()]);

    let _ = client.run(&["deregister", &emi]).succeeded();
    let listed = client.json(&["images"]);
    assert_eq!(
        listed["images"].as_array().unwrap().len(),
        2,
        "a deregistered image is hidden"
    );
    let _ = client.run(&["delete", &location]).succeeded();
    let _ = client
        .run(&["download", &location, "-d", "again"])
        .failed(4)
        .saying(&["NoSuchKey"]);
}

#[test]
fn a_second_upload_sends_no_part_again() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("disk.img", patterned(150_000, 4));
    let arguments = [
        "bundle",
        "disk.img",
        "--arch",
        "x86_64",
        "--test-part-size",
        "64KiB",
    ];
    let _ = client.run(&arguments).succeeded();
    let first = client.json(&["upload", "disk.img.manifest.xml", "-b", "bucket"]);
    assert_eq!(first["parts_sent"], 3, "{first}");
    let second = client.json(&["upload", "disk.img.manifest.xml", "-b", "bucket"]);
    assert_eq!(second["parts_sent"], 0, "{second}");
    assert_eq!(second["location"], first["location"]);
}

#[test]
fn a_damaged_part_is_found_before_it_is_sent() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("disk.img", patterned(150_000, 4));
    let arguments = [
        "bundle",
        "disk.img",
        "--arch",
        "x86_64",
        "--test-part-size",
        "64KiB",
    ];
    let _ = client.run(&arguments).succeeded();
    let part = client.path("disk.img.part.01");
    let mut bytes = fs_err::read(&part).unwrap();
    bytes[7] ^= 0x80;
    fs_err::write(&part, bytes).unwrap();
    let arguments = ["upload", "disk.img.manifest.xml", "-b", "bucket"];
    let _ = client
        .run(&arguments)
        .failed(3)
        .saying(&["disk.img.part.01"]);
    let _ = client
        .run(&["download", "bucket/disk.img.manifest.xml", "-d", "d"])
        .failed(4);
}

#[test]
fn signatures_of_version_2_work_when_asked_for() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("vmlinuz", patterned(3_000, 4));
    let _ = client
        .run(&["bundle", "vmlinuz", "--kind", "kernel", "--arch", "i386"])
        .succeeded();
    let upload = [
        "upload",
        "vmlinuz.manifest.xml",
        "-b",
        "kernels",
        "--signature",
        "v2",
    ];
    let location = client.json(&upload)["location"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = client.json(&["register", &location, "--signature", "v2"]);
    assert!(id["image_id"].as_str().unwrap().starts_with("eki-"));
}

#[test]
fn a_wrong_secret_is_refused_with_the_clouds_words() {
    let cloud = Cloud::start();
    let client = cloud
        .client()
        .with("EC2_SECRET_KEY", "wrong")
        .with("AWS_SECRET_KEY", "wrong");
    for signature in ["v4", "v2"] {
        let outcome = client.run(&["images", "--signature", signature]).failed(4);
        assert!(
            !outcome.stderr.contains("secret key is wrong"),
            "{outcome:#?}"
        );
        let arguments = [
            "download",
            "bucket/key",
            "-d",
            "x",
            "--signature",
            signature,
        ];
        let _ = client
            .run(&arguments)
            .failed(4)
            .saying(&["SignatureDoesNotMatch", "request"]);
    }
}

#[test]
fn an_image_that_the_cloud_cannot_open_gets_no_id() {
    let cloud = Cloud::start();
    let client = cloud.client();
    // Wrapped for the certificate of another cloud.
    client.write("disk.img", patterned(3_000, 4));
    let other = fixture("vectors/keys/cloud-cert.pem");
    let arguments = [
        "bundle",
        "disk.img",
        "--kind",
        "kernel",
        "--arch",
        "i386",
        "--cloud-cert",
        other.to_str().unwrap(),
    ];
    let _ = client.run(&arguments).succeeded();
    let _ = client
        .run(&["upload", "disk.img.manifest.xml", "-b", "bucket"])
        .succeeded();
    let _ = client
        .run(&["register", "bucket/disk.img.manifest.xml"])
        .failed(4)
        .saying(&["InvalidManifest"]);
}

#[test]
fn control_c_stops_the_cloud_cleanly() {
    let mut cloud = Cloud::start();
    assert_eq!(cloud.interrupt(), Some(0));
}
