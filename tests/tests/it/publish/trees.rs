//! Trees of files as targets: their images are made, published and made again only if something is different.

use std::path::Path;
use std::process::Command;

use fs_err as fs;
use gumnut_tests::{Cloud, Fault, FaultProxy, Program};

/// A directory and an archive with a small system, and a client whose requests are counted.
fn client(cloud: &Cloud) -> (Program, FaultProxy) {
    let proxy = FaultProxy::start(cloud.endpoint());
    let to = proxy.endpoint();
    let program = cloud
        .client()
        .with("S3_URL", format!("{to}/services/objectstorage"))
        .with("EC2_URL", format!("{to}/services/compute"));
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";
    for (path, content) in [
        ("sbin/init", "#!/bin/sh\n"),
        ("etc/motd", "hello\n"),
        ("usr/share/x", "x"),
        ("boot/vmlinuz-6.1", "kernel"),
        ("boot/initrd.img-6.1", "ramdisk"),
        ("root/key.pem", key),
    ] {
        let path = program.path("small").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    pack(&program, "small.tar.gz");
    (program, proxy)
}

fn pack(program: &Program, archive: &str) {
    let tar = Command::new("tar")
        .args([
            "--create",
            "--gzip",
            "--sort=name",
            "--mtime=@1000000000",
            "--owner=0",
            "--group=0",
            "--file",
        ])
        .arg(program.path(archive))
        .arg("-C")
        .arg(program.path("small"))
        .arg(".")
        .status();
    assert!(tar.unwrap().success());
}

const PUBLISH: &str = "publish small.tar.gz --bucket trees --arch x86_64 --test-part-size 8KiB --ignore-checks --free 16M";

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn content(image: &Path, path: &str) -> Option<String> {
    let output = Command::new("/usr/sbin/debugfs")
        .args(["-R", &format!("cat {path}")])
        .arg(image)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (!text.is_empty()).then_some(text)
}

#[test]
fn an_archive_becomes_a_machine_image_with_its_own_kernel() {
    let cloud = Cloud::start();
    let (program, proxy) = client(&cloud);
    let planned = program.json(&[&words(PUBLISH)[..], &["--seal", "--dry-run"]].concat());
    let calls = planned["calls"].as_array().unwrap();
    let registered = calls.iter().filter(|call| call["what"] == "RegisterImage");
    let registered: Vec<_> = registered.map(|call| &call["subject"]).collect();
    assert_eq!(
        registered,
        [
            "trees/vmlinuz-6.1.manifest.xml",
            "trees/initrd.img-6.1.manifest.xml",
            "trees/small.img.manifest.xml"
        ]
    );
    assert_eq!(planned["tree"]["counts"]["removed"], 1);
    assert!(!program.path(".local").exists());

    let sealed = [&words(PUBLISH)[..], &["--seal"]].concat();
    let first = program.json(&sealed);
    assert_eq!(first["changed"], true);
    let notes = first["tree"]["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|note| note["path"] == "/root/key.pem"),
        "{first}"
    );
    let image = first["image_id"].as_str().unwrap();
    let described = program.json(&["images", image]);
    assert_eq!(described["images"][0]["kernel_id"], first["kernel_id"]);
    assert_eq!(described["images"][0]["ramdisk_id"], first["ramdisk_id"]);
    for (manifest, expected) in [("vmlinuz-6.1", "kernel"), ("initrd.img-6.1", "ramdisk")] {
        let location = format!("trees/{manifest}.manifest.xml");
        let _ = program
            .run(&["fetch", &location, "-o", manifest])
            .succeeded();
        assert_eq!(
            fs::read_to_string(program.path(manifest)).unwrap(),
            expected
        );
    }
    let _ = program.run(&["fetch", image, "-o", "back.img"]).succeeded();
    let back = program.path("back.img");
    assert_eq!(content(&back, "/etc/motd").as_deref(), Some("hello\n"));
    assert_eq!(content(&back, "/root/key.pem"), None);
    // Nothing is left of the images on this machine.
    let run = format!(
        ".local/state/gumnut/runs/{}/images",
        first["run"].as_str().unwrap()
    );
    assert!(!program.path(&run).exists());

    proxy.disarm();
    let second = program.json(&sealed);
    assert_eq!(
        (&second["changed"], &second["image_id"]),
        (&false.into(), &first["image_id"])
    );
    assert!(!proxy.log().iter().any(|line| line.starts_with("PUT")));
}

#[test]
fn another_content_of_the_same_length_and_time_is_another_image() {
    let cloud = Cloud::start();
    let (program, _proxy) = client(&cloud);
    for target in ["small.tar.gz", "small"] {
        let publish = [
            "publish",
            target,
            "--arch",
            "x86_64",
            "--ignore-checks",
            "--owner",
            "root",
            "--bucket",
            target,
        ];
        let _ = program.run(&publish).succeeded();
        let motd = program.path("small/etc/motd");
        let time = fs::metadata(&motd).unwrap().modified().unwrap();
        fs::write(&motd, "HELLO\n").unwrap();
        let file = fs::OpenOptions::new().write(true).open(&motd).unwrap();
        file.file().set_modified(time).unwrap();
        pack(&program, "small.tar.gz");
        let _ = program
            .run(&publish)
            .failed(4)
            .saying(&["is the manifest of another image"]);
        fs::write(&motd, "hello\n").unwrap();
    }
}

#[test]
fn an_interrupted_run_resumes_with_the_image_that_it_made() {
    let cloud = Cloud::start();
    let (program, proxy) = client(&cloud);
    proxy.arm(15, Fault::Revoked);
    let interrupted = [&words(PUBLISH)[..], &["--retries", "0"]].concat();
    let _ = program.run(&interrupted).failed(4);
    proxy.disarm();
    let runs = program.json(&["runs"]);
    let run = runs["runs"][0]["run"].as_str().unwrap();
    let images = program.path(&format!(".local/state/gumnut/runs/{run}/images"));
    assert!(images.join("small.img").is_file());
    // The archive is not read again.
    fs::remove_file(program.path("small.tar.gz")).unwrap();
    let resumed = program.json(&["resume", run]);
    assert!(resumed["image_id"].as_str().unwrap().starts_with("emi-"));
    assert!(!images.exists());
}

#[test]
fn a_run_that_was_interrupted_before_its_image_was_complete_says_what_to_do() {
    let cloud = Cloud::start();
    let (program, proxy) = client(&cloud);
    proxy.arm(15, Fault::Revoked);
    let interrupted = [&words(PUBLISH)[..], &["--retries", "0"]].concat();
    let _ = program.run(&interrupted).failed(4);
    proxy.disarm();
    let runs = program.json(&["runs"]);
    let run = runs["runs"][0]["run"].as_str().unwrap();
    let images = program.path(&format!(".local/state/gumnut/runs/{run}/images"));
    fs::remove_dir_all(images).unwrap();
    let _ = program.run(&["resume", run]).failed(3).saying(&[
        "was not complete when the run",
        "publish it again with the options",
    ]);
    let _ = program.run(&words(PUBLISH)).succeeded();
}

#[test]
fn nothing_that_was_asked_for_is_left_out() {
    let cloud = Cloud::start();
    let (program, _proxy) = client(&cloud);
    program.write("disk", "a disk");
    let _ = program
        .run(&["publish", "disk", "--seal", "--ignore-checks"])
        .failed(2)
        .saying(&["--seal is for trees of files, and disk has images"]);
    let _ = program
        .run(&["publish", "small.tar.gz", "--mount", "/boot"])
        .failed(2)
        .saying(&["--mount is for the running system: publish /"]);
    fs::remove_dir_all(program.path("small/boot")).unwrap();
    pack(&program, "small.tar.gz");
    let _ = program
        .run(&["publish", "small.tar.gz"])
        .failed(2)
        .saying(&["it needs a kernel to start", "--kernel"]);
}
