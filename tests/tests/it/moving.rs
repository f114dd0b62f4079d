//! What an operator does with the data of a cloud: backup and restore, a bucket as the place for objects, moving there and back.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, Program, patterned, tool};

/// How often a move is killed.
const KILLS: u32 = 20;

/// Stores and registers an image of 700 kB in parts; gives its location.
fn register(cloud: &Cloud) -> String {
    let client = cloud.client();
    client.write("vmlinuz-1", patterned(700_000, 7));
    let bundle = [
        "bundle",
        "vmlinuz-1",
        "--kind",
        "kernel",
        "--arch",
        "x86_64",
        "--test-part-size",
        "64KiB",
    ];
    let _ = client.run(&bundle).succeeded();
    let upload = ["upload", "vmlinuz-1.manifest.xml", "-b", "images"];
    let location = client.json(&upload)["location"]
        .as_str()
        .unwrap()
        .to_owned();
    client.json(&["register", &location]);
    location
}

/// Insists that the image is there and whole.
fn verify(cloud: &Cloud, location: &str) {
    let client = cloud.client();
    let verified = client.json(&["verify", location]);
    assert_eq!(verified["image_size"], 700_000, "{verified}");
    let images = client.json(&["images"]);
    assert_eq!(images["images"][0]["location"], location, "{images}");
}

/// A cloud with the bucket `store`, and the configuration of another one with its objects there, in `program`.
fn bucket(program: &Program, name: &str, parameters: &str) -> Cloud {
    let store = Cloud::start();
    let client = store.client();
    client.write("vmlinuz-0", patterned(1000, 1));
    let bundle = [
        "bundle",
        "vmlinuz-0",
        "--kind",
        "kernel",
        "--arch",
        "x86_64",
    ];
    let _ = client.run(&bundle).succeeded();
    let upload = ["upload", "vmlinuz-0.manifest.xml", "-b", "store"];
    let _ = client.run(&upload).succeeded();
    let script = format!(
        ". '{}'; printf '%s\n%s\n' \"$EC2_ACCESS_KEY\" \"$EC2_SECRET_KEY\"",
        store.eucarc().display()
    );
    let keys = program.write("blobs.key", tool("bash", &["-c", &script]));
    fs_err::set_permissions(keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        "data = \"{name}\"\nblobs = \"s3://store/blobs?endpoint={}{parameters}\"\nblobs-key = \"blobs.key\"\n",
        store.endpoint()
    );
    program.write(&format!("{name}.toml"), config);
    store
}

#[test]
fn a_backup_of_a_running_cloud_is_restored() {
    let cloud = Cloud::start();
    let location = register(&cloud);
    let program = Program::new();
    let data = cloud.data();
    let data = data.to_str().unwrap();
    let back_up = ["cloud", "backup", "backups", "--data", data, "--verify"];
    let first = program.json(&back_up);
    assert!(first["objects"].as_u64().unwrap() > 5, "{first}");
    let second = program.json(&back_up);
    assert_eq!(second["linked"], second["objects"], "{second}");
    // What is stored afterwards is not in it.
    let client = cloud.client();
    let _ = client.run(&["delete", &location, "--force"]).succeeded();
    drop(cloud.kill());

    let restore = ["cloud", "restore", "backups", "--to", "data"];
    let restored = program.json(&restore);
    assert_eq!(restored["objects"], second["objects"], "{restored}");
    let _ = program.run(&restore).failed(3).saying(&["is not empty"]);
    let checked = program.json(&["cloud", "fsck", "--data", "data"]);
    assert_eq!(checked["faults"], 0, "{checked}");
    verify(&Cloud::start_in(program), &location);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let cloud = Cloud::start();
    register(&cloud);
    let program = Program::new();
    let data = cloud.data();
    let back_up = ["cloud", "backup", "backups", "--copy", "--data"];
    let made = program.json(&[&back_up[..], &[data.to_str().unwrap()]].concat());
    let objects = program
        .path(made["backup"].as_str().unwrap())
        .join("objects");
    let first = fs_err::read_dir(&objects).unwrap().next().unwrap().unwrap();
    let mut bytes = fs_err::read(first.path()).unwrap();
    bytes[0] ^= 1;
    let _ = tool("chmod", &["u+w", first.path().to_str().unwrap()]);
    fs_err::write(first.path(), bytes).unwrap();
    let restore = ["cloud", "restore", "backups", "--to", "data"];
    let _ = program.run(&restore).failed(3).saying(&["damaged"]);
    assert!(!program.path("data").exists());
}

/// Runs a command that is killed at random moments of the time `within`, and then to its end. Gives how often it was killed.
fn run_with_kills(program: &Program, arguments: &[&str], within: Duration) -> u32 {
    for kills in 0..KILLS {
        let mut command = program.command(arguments);
        let mut process = command.stdout(Stdio::null()).spawn().unwrap();
        // The first moments are early, so that a move that is faster than the rehearsed one is killed, too.
        let now = std::time::SystemTime::now();
        let nanos = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        let random = f64::from(nanos.subsec_nanos() % 1000) / 1000.0;
        let moment = within.mul_f64((f64::from(kills) + random) / f64::from(KILLS));
        let begun = Instant::now();
        while begun.elapsed() < moment && process.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if let Some(status) = process.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return kills;
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let _ = program.run(arguments).succeeded();
    KILLS
}

/// How long a move takes that is undone afterwards.
fn rehearse(program: &Program, arguments: &[&str], undo: &[&str]) -> Duration {
    let begun = Instant::now();
    let _ = program.run(arguments).succeeded();
    let time = begun.elapsed();
    let _ = program.run(undo).succeeded();
    time
}

#[test]
fn a_cloud_moves_to_a_bucket_and_back_although_the_command_is_killed() {
    let cloud = Cloud::start();
    let location = register(&cloud);
    let program = cloud.kill();
    let _store = bucket(&program, "shared", "");
    let files = Program::files(&program.path("data/objects"));
    let other = fs_err::read_to_string(program.path("shared.toml")).unwrap();
    let other = other.replace("store/blobs", "store/other");
    program.write("other.toml", other.replace("\"shared\"", "\"other\""));
    let elsewhere = ["cloud", "migrate", "--data", "data", "--to", "other.toml"];
    let undo = ["cloud", "migrate", "--undo", "--data", "data"];
    let within = rehearse(&program, &elsewhere, &undo);
    let there = ["cloud", "migrate", "--data", "data", "--to", "shared.toml"];
    assert!(run_with_kills(&program, &there, within) > 0);
    assert_eq!(Program::files(&program.path("data/objects")), files);
    let _ = program
        .run(&["cloud", "start", "--data", "data"])
        .failed(3)
        .saying(&["the catalogue is no longer in use: it was moved to the data directory"]);
    let fsck = ["cloud", "fsck", "--server-config", "shared.toml", "--deep"];
    let checked = program.json(&fsck);
    assert_eq!(checked["faults"], 0, "{checked}");
    assert_eq!(checked["findings"], serde_json::json!([]));
    assert_eq!(checked["files"], files.len(), "{checked}");
    assert_eq!(program.json(&there)["was_moved"], true);
    let elsewhere = ["cloud", "migrate", "--data", "data", "--to", "third"];
    let again = program.run(&elsewhere);
    let _ = again
        .failed(3)
        .saying(&["the catalogue is no longer in use"]);

    let elsewhere = [
        "cloud",
        "migrate",
        "--from",
        "shared.toml",
        "--to",
        "fourth",
    ];
    let undo = ["cloud", "migrate", "--undo", "--from", "shared.toml"];
    let within = rehearse(&program, &elsewhere, &undo);
    let back = ["cloud", "migrate", "--from", "shared.toml", "--to", "back"];
    assert!(run_with_kills(&program, &back, within) > 0);
    assert_eq!(Program::files(&program.path("back/objects")), files);
    let checked = program.json(&["cloud", "fsck", "--data", "back"]);
    assert_eq!(checked["faults"], 0, "{checked}");
    fs_err::remove_dir_all(program.path("data")).unwrap();
    fs_err::rename(program.path("back"), program.path("data")).unwrap();
    verify(&Cloud::start_in(program), &location);
}

/// A round of the collector for the cloud of `data.toml`.
fn gc<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["cloud", "gc", "--server-config", "data.toml"][..], more].concat()
}

#[test]
fn what_a_bucket_no_longer_needs_is_deleted_on_request() {
    let program = Program::new();
    let store = bucket(&program, "data", "");
    let config = ["--server-config", "data.toml"];
    let cloud = Cloud::start_with(program, &config);
    let location = register(&cloud);
    verify(&cloud, &location);
    let client = cloud.client();
    let _ = client.run(&["delete", &location, "--force"]).succeeded();
    let program = cloud.kill();
    let nothing = program.json(&gc(&[]));
    assert_eq!(nothing["garbage"], 0, "{nothing}");
    let _ = program
        .run(&gc(&["--grace", "0"]))
        .failed(2)
        .saying(&["a grace of 0 s is too short", "--stopped"]);
    let _ = program.run(&gc(&["--grace", "soon"])).failed(2);
    let stopped = ["--stopped", "--grace", "0"];
    let dry = program.json(&gc(&[&stopped[..], &["--dry-run"]].concat()));
    assert!(dry["garbage"].as_u64().unwrap() > 5, "{dry}");
    for expected in [&dry["garbage"], &serde_json::json!(0)] {
        let deleted = program.json(&gc(&stopped));
        assert_eq!(
            (&deleted["garbage"], &deleted["dry_run"]),
            (expected, &false.into())
        );
    }
    let listed = store.client().json(&["ls", "store/blobs/"]);
    let left = listed["objects"].as_array().unwrap().iter();
    let left: Vec<_> = left.map(|object| object["key"].as_str()).collect();
    assert_eq!(left, [Some("blobs/gumnut-owner")], "{listed}");
    let on_disk = program.run(&["cloud", "gc", "--data", "elsewhere"]);
    let _ = on_disk.failed(2).saying(&["files in the data directory"]);
}
