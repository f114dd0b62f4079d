//! File names that are not UTF-8, which Linux allows: they work, or are refused as that, and JSON has them with U+FFFD.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use gumnut_tests::{Cloud, Outcome, Program, patterned};
use serde_json::Value;

/// What stands for a byte that is no text, in names that a test writes.
const ODD: char = '?';

/// A word of a command line, whose `?` is a byte that is not UTF-8.
fn odd(word: &str) -> OsString {
    let byte = |c| if c == ODD as u8 { 0xff } else { c };
    OsString::from_vec(word.bytes().map(byte).collect())
}

fn run(program: &Program, line: &str) -> Outcome {
    let words: Vec<_> = line.split(' ').chain(["--json"]).map(odd).collect();
    let outcome = program.run(&words);
    assert!(!outcome.stderr.contains("panicked"), "{line}: {outcome:#?}");
    for text in [&outcome.stdout, &outcome.stderr] {
        for value in text.lines() {
            let read: Result<Value, _> = serde_json::from_str(value);
            assert!(read.is_ok(), "{line}: {value}");
        }
    }
    outcome
}

/// The JSON value of a run that succeeds.
fn json(program: &Program, line: &str) -> Value {
    serde_json::from_str(&run(program, line).succeeded().stdout).unwrap()
}

#[test]
fn names_that_are_no_text_are_read_and_written() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let path = |name: &str| client.folder().join(odd(name));
    let content = patterned(9_000, 1);
    fs_err::write(path("b?d.img"), &content).unwrap();
    assert_eq!(json(&client, "inspect b?d.img")["size"], 9000);
    let unnamed = run(&client, "bundle b?d.img --arch amd64").failed(2);
    let _ = unnamed.saying(&["not UTF-8 text", "pass --prefix"]);
    let bundled = json(&client, "bundle b?d.img --arch amd64 --prefix disk -d d?r");
    assert_eq!(bundled["manifest"], "d\u{fffd}r/disk.manifest.xml");
    for (line, field, value) in [
        (
            "verify d?r/disk.manifest.xml",
            "manifest",
            "d\u{fffd}r/disk.manifest.xml",
        ),
        (
            "unbundle d?r/disk.manifest.xml -o b?ck.img",
            "image",
            "b\u{fffd}ck.img",
        ),
        (
            "upload d?r/disk.manifest.xml -b bucket",
            "location",
            "bucket/disk.manifest.xml",
        ),
        (
            "download bucket/disk.manifest.xml -d d?wn",
            "manifest",
            "d\u{fffd}wn/disk.manifest.xml",
        ),
        (
            "fetch bucket/disk.manifest.xml -o f?tched.img",
            "image",
            "f\u{fffd}tched.img",
        ),
    ] {
        assert_eq!(json(&client, line)[field], value, "{line}");
    }
    for name in ["b?ck.img", "f?tched.img"] {
        assert!(fs_err::read(path(name)).unwrap() == content);
    }
    let _ = run(&client, "check b?d.img");
    let _ = run(&client, "verify n?such").failed(3);
    let _ = run(&client, "images --config n?such").failed(2);
    let _ = run(&client, "doctor --config n?such");
    let _ = run(&client, "inspect d?r").succeeded();
    let _ = run(&client, "man m?n").succeeded();
    let _ = run(&client, "compat install b?n").succeeded();
}

#[test]
fn a_publish_from_a_directory_that_is_no_text_is_journaled() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let folder = client.folder().join(odd("d?r"));
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("disk.img"), patterned(9_000, 2)).unwrap();
    fs_err::write(folder.join(odd("b?d.img")), patterned(9_000, 3)).unwrap();
    let publish = |name: &str| {
        let fixed = "--arch amd64 --ignore-checks --bucket bucket --no-register";
        run(&client, &format!("publish d?r/{name} {fixed}"))
    };
    for line in ["b?d.img", "b?d.img --dry-run"] {
        let refused = publish(line).failed(3);
        let _ = refused.saying(&["cannot name a bundle", "not UTF-8 text"]);
    }
    let _ = publish("disk.img").succeeded();
    let again = publish("disk.img").succeeded();
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["changed"], false, "the journal has been read");
    let runs = json(&client, "runs");
    let target = runs["runs"][0]["target"].as_str().unwrap();
    assert!(target.ends_with("d\u{fffd}r/disk.img"), "{runs}");
}

#[test]
fn a_cloud_runs_on_data_whose_path_is_no_text() {
    let program = Program::new();
    let started = json(
        &program,
        "cloud start --detach --data d?ta --listen 127.0.0.1:0",
    );
    let log = started["log"].as_str().unwrap();
    assert!(log.contains("d\u{fffd}ta"), "{started}");
    let status = json(&program, "cloud status --data d?ta");
    assert_eq!(status["running"], true);
    assert!(
        status["data"].as_str().unwrap().ends_with("d\u{fffd}ta"),
        "{status}"
    );
    let stopped = json(&program, "cloud stop --data d?ta");
    assert_eq!(stopped["stopped"], true);
    let _ = run(&program, "cloud fsck --data d?ta").succeeded();
    let credentials = json(&program, "cloud credentials --data d?ta -o cr?ds");
    assert_eq!(credentials["eucarc"], "cr\u{fffd}ds/eucarc");
    assert!(
        program
            .folder()
            .join(OsStr::from_bytes(b"cr\xffds/eucarc"))
            .is_file()
    );
}
