//! Fetching: an image out of the cloud in one command, and what is left of it when that goes wrong.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use gumnut_tests::{Cloud, Fault, FaultProxy, Program, patterned, tool};
use serde_json::Value;

/// A cloud with one registered bundle of four parts.
pub(crate) struct Scene {
    pub(crate) cloud: Cloud,
    pub(crate) client: Program,
    pub(crate) id: String,
    pub(crate) location: String,
    pub(crate) image: Vec<u8>,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let cloud = Cloud::start();
        let client = cloud.client();
        let mut image = patterned(200_000, 9);
        image.resize(3 << 20, 0);
        client.write("disk.img", &image);
        let mut bundle = vec!["bundle", "disk.img", "--arch", "x86_64"];
        bundle.extend(["--test-part-size", "64KiB"]);
        let _ = client.run(&bundle).succeeded();
        let upload = client.json(&["upload", "disk.img.manifest.xml", "-b", "images/web"]);
        let location = text(&upload["location"]);
        let register = client.json(&["register", &location, "--virtualization-type", "hvm"]);
        Self {
            id: text(&register["image_id"]),
            cloud,
            client,
            location,
            image,
        }
    }

    /// The file in which the store keeps a part of the bundle.
    pub(crate) fn stored_part(&self, name: &str) -> PathBuf {
        let part = fs_err::read(self.client.path(name)).unwrap();
        let folder = self.cloud.data().join("objects");
        let names = Program::files(&folder).into_iter();
        let mut paths = names.map(|name| folder.join(name));
        let is_it = |path: &PathBuf| fs_err::read(path).is_ok_and(|bytes| bytes == part);
        paths.find(is_it).unwrap()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The file that a test may give a program its settings in.
pub(crate) const SETTINGS: &str = "settings.ini";

/// Whether a line of a proxy's log reads a part.
fn is_part(line: &str) -> bool {
    line.starts_with("GET ") && line.contains(".part.")
}

fn parts_read(proxy: &FaultProxy) -> usize {
    proxy.log().iter().filter(|line| is_part(line)).count()
}

/// Nothing but these files is in the directory of a program.
pub(crate) fn only(program: &Program, expected: &[&str]) {
    let mut names = Program::files(program.folder());
    names.retain(|name| name != SETTINGS);
    assert_eq!(names, expected);
}

#[test]
fn an_image_comes_back_by_id_and_by_location() {
    let scene = Scene::start();
    let client = scene.cloud.client();
    let fetched = client.json(&["fetch", &scene.id, "-o", "by-id.img"]);
    assert_eq!(fetched["image"], "by-id.img");
    assert_eq!(fetched["image_size"], 3 << 20);
    assert_eq!(fetched["signature"], "valid");
    assert_eq!(fetched["parts_fetched"], 4, "{fetched}");
    assert_eq!(fetched["parts_kept"], 0);
    let image = client.path("by-id.img");
    assert!(fs_err::read(&image).unwrap() == scene.image);
    let blocks = fs_err::metadata(&image).unwrap().blocks();
    assert!(blocks * 512 < 1 << 20, "{blocks} blocks: it is not sparse");

    let location = ["fetch", &scene.location, "-o", "other.img", "--jobs", "1"];
    let outcome = client.run(&location).succeeded();
    assert_eq!(outcome.stdout, "other.img\n");
    assert!(fs_err::read(client.path("other.img")).unwrap() == scene.image);
    only(&client, &["by-id.img", "other.img"]);

    let again = ["fetch", &scene.id, "-o", "other.img"];
    let _ = client.run(&again).failed(3).saying(&["exists already"]);
    let _ = client.run(&[&again[..], &["--force"]].concat()).succeeded();
    only(&client, &["by-id.img", "other.img"]);
}

#[test]
fn an_image_can_come_as_qcow2() {
    let scene = Scene::start();
    let client = scene.cloud.client();
    let fetch = ["fetch", &scene.id, "-o", "disk.qcow2", "--format", "qcow2"];
    let _ = client.run(&fetch).succeeded();
    only(&client, &["disk.qcow2"]);
    let (made, raw) = (client.path("disk.qcow2"), client.path("raw"));
    let (made, raw) = (made.to_str().unwrap(), raw.to_str().unwrap());
    tool(
        "qemu-img",
        &["convert", "-f", "qcow2", "-O", "raw", made, raw],
    );
    assert!(fs_err::read(raw).unwrap() == scene.image);
}

#[test]
fn what_had_come_does_not_come_again() {
    let scene = Scene::start();
    let proxy = FaultProxy::start(scene.cloud.endpoint());
    let first = proxy.client(&scene.cloud);
    let _ = first.json(&["fetch", &scene.id, "-o", "disk.img", "--jobs", "1"]);
    let client = proxy.client(&scene.cloud);
    proxy.arm(proxy.log().len() - 1, Fault::Revoked);
    let fetch = ["fetch", &scene.id, "-o", "disk.img", "--jobs", "1"];
    let _ = client.run(&fetch).failed(4).saying(&[
        "InvalidAccessKeyId",
        "disk.img.gumnut-fetch",
        "to resume",
    ]);
    only(&client, &["disk.img.gumnut-fetch"]);

    // Another bundle's part, and one that was damaged on the disk.
    let folder = client.path("disk.img.gumnut-fetch");
    let kept = Program::files(&folder);
    assert_eq!(kept.len(), 3, "{kept:?}");
    fs_err::write(folder.join(&kept[0]), b"damaged").unwrap();
    fs_err::write(folder.join(format!("{}.part", "0".repeat(40))), b"x").unwrap();
    fs_err::write(folder.join(".gumnut-left.tmp"), b"x").unwrap();

    proxy.disarm();
    let fetched = client.json(&fetch);
    assert_eq!(fetched["parts_kept"], 2, "{fetched}");
    assert_eq!(fetched["parts_fetched"], 2, "{fetched}");
    assert_eq!(parts_read(&proxy), 2);
    assert!(fs_err::read(client.path("disk.img")).unwrap() == scene.image);
    only(&client, &["disk.img"]);
}

#[test]
fn a_connection_that_breaks_is_gone_on_with() {
    let scene = Scene::start();
    let proxy = FaultProxy::start(scene.cloud.endpoint());
    let client = proxy.client(&scene.cloud);
    let fetch = ["fetch", &scene.id, "-o", "disk.img", "--jobs", "1"];
    let _ = client.json(&fetch);
    let at = proxy.log().iter().position(|line| is_part(line)).unwrap();
    fs_err::remove_file(client.path("disk.img")).unwrap();
    proxy.arm(at, Fault::CutAnswer);
    let _ = client.json(&fetch);
    assert!(fs_err::read(client.path("disk.img")).unwrap() == scene.image);
    let next = proxy.log()[at + 1].clone();
    let (_, range) = next.rsplit_once(" bytes=").unwrap();
    let from: u64 = range.trim_end_matches('-').parse().unwrap();
    assert!(from > 0 && from < 65_536, "{range}");
}

#[test]
fn a_part_that_is_not_right_is_named() {
    let scene = Scene::start();
    let client = scene.cloud.client();
    let fetch = ["fetch", &scene.id, "-o", "disk.img"];
    let stored = scene.stored_part("disk.img.part.02");
    let whole = fs_err::read(&stored).unwrap();
    let mut altered = whole.clone();
    altered[70] ^= 1;
    fs_err::write(&stored, &altered).unwrap();
    for command in [&fetch[..], &["verify", &scene.id]] {
        let outcome = client.run(command).failed(3);
        let _ = outcome.saying(&["disk.img.part.02 is damaged"]);
    }
    only(&client, &["disk.img.gumnut-fetch"]);
    fs_err::write(&stored, &whole[..whole.len() - 1]).unwrap();
    for command in [&fetch[..], &["verify", &scene.id]] {
        let mut command = command.to_vec();
        command.extend(["--retries", "1"]);
        let outcome = client.run(&command);
        assert!(matches!(outcome.code, Some(3..=5)), "{outcome:#?}");
        let _ = outcome.saying(&["disk.img.part.02"]);
    }
    fs_err::write(&stored, &whole).unwrap();
    let _ = client.run(&fetch).succeeded();
    only(&client, &["disk.img"]);
}

#[test]
fn a_bundle_without_a_part_is_not_fetched_at_all() {
    let scene = Scene::start();
    let delete = ["delete", &scene.location, "--force"];
    let _ = scene.client.run(&delete).succeeded();
    let mut upload = vec!["-b", "images/web", "-m", "disk.img.manifest.xml"];
    upload.extend(["--part", "1"]);
    let _ = scene
        .client
        .called("euca-upload-bundle", &upload)
        .succeeded();
    let proxy = FaultProxy::start(scene.cloud.endpoint());
    let client = proxy.client(&scene.cloud);
    for command in [
        &["fetch", &scene.location, "-o", "disk.img"][..],
        &["verify", &scene.location],
    ] {
        let outcome = client.run(command).failed(3);
        let _ = outcome.saying(&["there is no part images/web/disk.img.part.00"]);
    }
    only(&client, &[]);
    assert_eq!(parts_read(&proxy), 0);
}

#[test]
fn a_manifest_of_somebody_else_is_not_believed() {
    let scene = Scene::start();
    let stranger = scene.cloud.client().with(
        "EC2_CERT",
        gumnut_tests::fixture("vectors/keys/user-cert.pem"),
    );
    let fetch = ["fetch", &scene.id, "-o", "disk.img"];
    let _ = stranger
        .run(&fetch)
        .failed(3)
        .saying(&["the manifest is not trusted", "--unverified"]);
    only(&stranger, &[]);
    let fetched = stranger.json(&[&fetch[..], &["--unverified"]].concat());
    assert_eq!(fetched["signature"], "not checked");
}

#[test]
fn two_runs_do_not_fetch_one_file_at_once() {
    let scene = Scene::start();
    let client = scene.cloud.client();
    let folder = client.path("disk.img.gumnut-fetch");
    fs_err::create_dir(&folder).unwrap();
    let held = fs_err::File::open(&folder).unwrap();
    held.file().lock().unwrap();
    let fetch = ["fetch", &scene.id, "-o", "disk.img"];
    let _ = client
        .run(&fetch)
        .failed(3)
        .saying(&["another process is fetching"]);
    drop(held);
    let _ = client.run(&fetch).succeeded();
    only(&client, &["disk.img"]);

    fs_err::write(client.path("file.gumnut-fetch"), b"mine").unwrap();
    let fetch = ["fetch", &scene.id, "-o", "file"];
    let _ = client
        .run(&fetch)
        .failed(3)
        .saying(&["not created by an earlier run of yours"]);
    assert_eq!(
        fs_err::read(client.path("file.gumnut-fetch")).unwrap(),
        b"mine"
    );
}
