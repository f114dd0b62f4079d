//! A data directory of an earlier gumnut, which kept keys as files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gumnut_tests::{Cloud, Program, fixture, tool};

/// Makes the catalogue of its dump.
const RESTORE: &str = "import sqlite3, sys\n\
    with open(sys.argv[1]) as dump, sqlite3.connect(sys.argv[2]) as catalogue:\n    \
        catalogue.executescript(dump.read())\n";

/// The directory as the earlier gumnut left it, below the program's own.
fn old_data(program: &Program) {
    let data = program.path("data");
    let copy = |name: &str| {
        let target = data.join(name);
        fs_err::copy(fixture(&format!("cloud-7/{name}")), &target).unwrap();
        fs_err::set_permissions(target, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    fs_err::create_dir_all(data.join("keys")).unwrap();
    copy("catalogue.id");
    for name in Program::files(&fixture("cloud-7/keys")) {
        copy(&format!("keys/{name}"));
    }
    let dump = fixture("cloud-7/catalogue.sql");
    let catalogue = data.join("catalogue.sqlite");
    let paths = [&dump, &catalogue].map(|path| path.to_str().unwrap());
    tool("python3", &["-c", RESTORE, paths[0], paths[1]]);
}

fn same(one: &Path, other: &Path) {
    assert_eq!(
        fs_err::read_to_string(one).unwrap(),
        fs_err::read_to_string(other).unwrap(),
        "{}",
        one.display()
    );
}

#[test]
fn its_keys_are_those_of_before_and_its_bundles_register() {
    let mut program = Program::new();
    old_data(&program);
    let keys = program.path("data/keys");
    for start in 1..=3 {
        let cloud = Cloud::start_with(program, &["--tls"]);
        assert_eq!(keys.exists(), start == 1, "start {start}");
        for (name, old) in [
            ("cloud-cert.pem", "cloud-cert.pem"),
            ("tls-ca.pem", "tls-ca-cert.pem"),
        ] {
            same(
                &cloud.credentials().join(name),
                &fixture(&format!("cloud-7/keys/{old}")),
            );
        }
        for name in Program::files(&fixture("cloud-7/keys")) {
            if name.starts_with("euca2-admin-") {
                let old = fixture(&format!("cloud-7/keys/{name}"));
                same(&cloud.credentials().join(&name), &old);
            }
        }
        let client = cloud.client();
        let bundle = fixture("cloud-7/vmlinuz.manifest.xml");
        let bucket = format!("bucket-{start}");
        let _ = client
            .run(&["upload", bundle.to_str().unwrap(), "-b", &bucket])
            .succeeded();
        let location = format!("{bucket}/vmlinuz.manifest.xml");
        let registered = client.json(&["register", &location]);
        assert!(registered["image_id"].as_str().unwrap().starts_with("eki-"));
        program = cloud.kill();
    }
}

#[test]
fn another_master_key_is_refused_in_words() {
    let program = Cloud::start().kill();
    let key = program.path("data/master.key");
    fs_err::write(&key, [7; 32]).unwrap();
    let _ = program
        .run(&[
            "cloud",
            "start",
            "--data",
            "data",
            "--listen",
            "127.0.0.1:0",
        ])
        .failed(3)
        .saying(&["encrypted with another master key", "master.key"]);
    fs_err::remove_file(&key).unwrap();
    let _ = program
        .run(&[
            "cloud",
            "start",
            "--data",
            "data",
            "--listen",
            "127.0.0.1:0",
        ])
        .failed(3)
        .saying(&["is missing", "restore it from a backup"]);
    assert!(!key.exists());
}
