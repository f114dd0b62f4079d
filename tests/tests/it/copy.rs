//! Images that move from one cloud to another.

use std::path::PathBuf;

use gumnut_tests::{Cloud, FaultProxy, Program, patterned, tool};
use serde_json::Value;

/// A cloud with a machine image, its kernel and its ramdisk; gives their ids, the machine last.
struct Origin {
    cloud: Cloud,
    client: Program,
    ids: [String; 3],
    disk: Vec<u8>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Origin {
    fn start() -> Self {
        let cloud = Cloud::start();
        let client = cloud.client();
        let disk = patterned(200_000, 5);
        let kernel = publish(
            &client,
            "vmlinuz-1",
            &patterned(90_000, 6),
            &["--kind", "kernel"],
        );
        let ramdisk = publish(
            &client,
            "initrd-1",
            &patterned(50_000, 7),
            &["--kind", "ramdisk"],
        );
        let ids = ["--kernel", &kernel, "--ramdisk", &ramdisk];
        let machine = publish(&client, "disk.img", &disk, &ids);
        Self {
            ids: [kernel, ramdisk, machine],
            cloud,
            client,
            disk,
        }
    }
}

fn publish(client: &Program, name: &str, content: &[u8], more: &[&str]) -> String {
    client.write(name, content);
    let mut bundle = vec![
        "bundle",
        name,
        "--arch",
        "x86_64",
        "--test-part-size",
        "64KiB",
    ];
    bundle.extend(more);
    let _ = client.run(&bundle).succeeded();
    let manifest = format!("{name}.manifest.xml");
    let location = client.json(&["upload", &manifest, "-b", "images/web"]);
    let register = [
        "register",
        location["location"].as_str().unwrap(),
        "--name",
        name,
    ];
    text(&client.json(&register)["image_id"])
}

/// The eucarc of a cloud with its endpoints behind a proxy.
fn eucarc_behind(proxy: &FaultProxy, cloud: &Cloud) -> PathBuf {
    let text = fs_err::read_to_string(cloud.eucarc()).unwrap();
    let path = cloud.credentials().join("eucarc-proxied");
    fs_err::write(&path, text.replace(cloud.endpoint(), proxy.endpoint())).unwrap();
    path
}

#[test]
fn a_machine_moves_with_its_kernel_and_ramdisk() {
    let origin = Origin::start();
    let there = Cloud::start();
    let proxy = FaultProxy::start(there.endpoint());
    let eucarc = eucarc_behind(&proxy, &there);
    let to = eucarc.to_str().unwrap();
    let [_, _, machine] = &origin.ids;
    let copied = origin.client.json(&["copy", machine, "--to", to]);
    let images = copied["images"].as_array().unwrap().clone();
    let kinds: Vec<_> = images.iter().map(|image| text(&image["kind"])).collect();
    assert_eq!(kinds, ["kernel", "ramdisk", "machine"]);
    let froms: Vec<_> = images.iter().map(|image| text(&image["from"])).collect();
    assert_eq!(froms, origin.ids);
    assert_eq!(images[2]["parts_sent"], 4, "{copied}");

    let client = there.client();
    let id = text(&copied["image_id"]);
    let described = client.json(&["images", &id])["images"][0].clone();
    assert_eq!(described["kernel_id"], images[0]["image_id"]);
    assert_eq!(described["ramdisk_id"], images[1]["image_id"]);
    assert_eq!(described["location"], "images/web/disk.img.manifest.xml");
    assert_eq!(described["name"], "disk.img");
    let _ = client.run(&["fetch", &id, "-o", "back.img"]).succeeded();
    assert!(fs_err::read(client.path("back.img")).unwrap() == origin.disk);

    // Nothing of it again.
    proxy.disarm();
    let again = origin.client.json(&["copy", machine, "--to", to]);
    assert_eq!(again["image_id"], id);
    for image in again["images"].as_array().unwrap() {
        assert_eq!(
            (&image["parts_sent"], &image["registered"]),
            (&0.into(), &false.into())
        );
    }
    let writes = |line: &String| line.starts_with("PUT") || line == "RegisterImage";
    assert_eq!(proxy.log().into_iter().find(writes), None);
}

#[test]
fn a_region_is_a_destination_and_ids_can_be_given() {
    let origin = Origin::start();
    let there = Cloud::start();
    let kernel = publish(
        &there.client(),
        "vmlinuz-9",
        &patterned(900, 6),
        &["--kind", "kernel"],
    );
    let ramdisk = publish(
        &there.client(),
        "initrd-9",
        &patterned(900, 7),
        &["--kind", "ramdisk"],
    );
    let exported = tool(
        "bash",
        &[
            "-c",
            &format!("set -a; . '{}'; env", there.eucarc().display()),
        ],
    );
    let value = |name: &str| {
        let line = exported
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap().to_owned()
    };
    let ini = format!(
        "[region new]\nec2-url = {}\ns3-url = {}\ncertificate = {}\n\
         [user me]\nkey-id = {}\nsecret-key = {}\naccount-id = {}\nprivate-key = {}\ncertificate = {}\n",
        value("EC2_URL"),
        value("S3_URL"),
        value("EUCALYPTUS_CERT"),
        value("EC2_ACCESS_KEY"),
        value("EC2_SECRET_KEY"),
        value("EC2_USER_ID"),
        value("EC2_PRIVATE_KEY"),
        value("EC2_CERT"),
    );
    let path = origin.client.write("two.ini", ini);
    let client = origin.cloud.client().with("EUCA_CONFIG_PATH", &path);
    let mut copy = vec!["copy", &origin.ids[2], "--to", "me@new"];
    copy.extend([
        "--to-bucket",
        "moved",
        "--kernel",
        &kernel,
        "--ramdisk",
        &ramdisk,
    ]);
    let copied = client.json(&copy);
    assert_eq!(copied["images"].as_array().unwrap().len(), 1);
    let id = text(&copied["image_id"]);
    let described = there.client().json(&["images", &id])["images"][0].clone();
    assert_eq!(described["kernel_id"], kernel);
    assert_eq!(described["location"], "moved/disk.img.manifest.xml");
}

#[test]
fn what_is_not_right_is_not_copied() {
    let origin = Origin::start();
    let there = Cloud::start();
    let eucarc = there.eucarc();
    let to = eucarc.to_str().unwrap();
    let [_, _, machine] = &origin.ids;
    let copy = ["copy", machine.as_str(), "--to", to, "--jobs", "1"];

    let part = fs_err::read(origin.client.path("disk.img.part.01")).unwrap();
    let folder = origin.cloud.data().join("objects");
    let names = Program::files(&folder).into_iter();
    let mut paths = names.map(|name| folder.join(name));
    let stored = paths
        .find(|path| fs_err::read(path).is_ok_and(|bytes| bytes == part))
        .unwrap();
    let mut damaged = part.clone();
    damaged[100] ^= 4;
    fs_err::write(&stored, damaged).unwrap();
    let _ = origin
        .client
        .run(&copy)
        .failed(3)
        .saying(&["disk.img.part.01 is damaged"]);
    let verify = ["verify", "images/web/disk.img.manifest.xml"];
    let _ = there.client().run(&verify).failed(4).saying(&["NoSuchKey"]);

    fs_err::write(&stored, part).unwrap();
    let first = origin.client.json(&copy);
    let machine_parts = first["images"][2].clone();
    assert_eq!(machine_parts["registered"], true, "{first}");
    assert!(
        machine_parts["parts_skipped"].as_u64().unwrap() > 0,
        "{first}"
    );

    // Another image of the same name is there.
    let other = Cloud::start();
    let _ = publish(
        &other.client(),
        "disk.img",
        &patterned(3_000, 1),
        &["--kind", "kernel"],
    );
    let eucarc = other.eucarc();
    let mut copy = vec!["copy", "images/web/disk.img.manifest.xml", "--no-register"];
    copy.extend(["--to", eucarc.to_str().unwrap()]);
    copy.extend(["--kernel", "eki-11111111", "--ramdisk", "eri-11111111"]);
    let _ = origin
        .client
        .run(&copy)
        .failed(4)
        .saying(&["is the manifest of another image"]);
    let nowhere = ["copy", machine.as_str(), "--to", "nowhere"];
    let _ = origin.client.run(&nowhere).failed(2).saying(&["nowhere"]);
}
