//! The cloud in the background: started, shown and stopped.

use std::process::Stdio;

use gumnut_tests::{Cloud, Outcome, Program};
use serde_json::Value;

const START: [&str; 7] = [
    "cloud",
    "start",
    "--detach",
    "--data",
    "data",
    "--listen",
    "127.0.0.1:0",
];
const STATUS: [&str; 4] = ["cloud", "status", "--data", "data"];
const STOP: [&str; 4] = ["cloud", "stop", "--data", "data"];

/// A cloud in the background, which is stopped whatever happens to the test.
struct Background {
    program: Program,
    started: Value,
}

impl Background {
    fn start() -> Self {
        let program = Program::new();
        // Standard output is a pipe, and a program that reads it to its end must not wait for the cloud.
        let started = program.json(&START);
        Self { program, started }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A test may have stopped it.
        let _ = self.program.run(&STOP);
    }
}

#[test]
fn a_cloud_in_the_background_answers_until_it_is_stopped() {
    let background = Background::start();
    let (program, started) = (&background.program, &background.started);
    let endpoint = started["endpoint"].as_str().unwrap();
    let eucarc = program.path("data/credentials/eucarc");
    assert!(eucarc.is_file(), "{started}");
    let client = Program::new().configured(&eucarc);
    let _ = client.run(&["images"]).succeeded();

    let status = program.json(&STATUS);
    assert_eq!(status["running"], true);
    assert_eq!(
        (&status["pid"], &status["endpoint"]),
        (&started["pid"], &started["endpoint"])
    );
    let text = program.run(&STATUS).succeeded().stdout;
    assert!(
        text.starts_with("running\t") && text.contains(endpoint),
        "{text}"
    );

    let _ = program.run(&START).failed(1).saying(&[
        "did not start",
        "another cloud uses",
        "gumnut cloud stop",
    ]);
    let stopped = program.json(&STOP);
    assert_eq!(
        (&stopped["stopped"], &stopped["pid"]),
        (&true.into(), &started["pid"])
    );
    let _ = client.run(&["images", "--retries", "0"]).failed(5);
    let over = program.run(&STATUS);
    assert_eq!(over.code, Some(3), "{over:?}");
    let _ = over.saying(&["no cloud is running", "gumnut cloud start --detach"]);
    let again = program.json(&STOP);
    assert_eq!(again["stopped"], false);
    // What was stored is there again.
    let restarted = program.json(&START);
    assert_ne!(restarted["pid"], started["pid"]);
}

#[test]
fn a_cloud_that_was_killed_leaves_nothing_that_is_believed() {
    let background = Background::start();
    let pid = background.started["pid"].to_string();
    gumnut_tests::tool("kill", &["-KILL", &pid]);
    // The system has taken its lock when it is gone; until then it may still be told of.
    let mut status = background.program.run(&STATUS);
    while status.code == Some(0) {
        status = background.program.run(&STATUS);
    }
    assert_eq!(status.code, Some(3), "{status:?}");
    let stopped = background.program.json(&STOP);
    assert_eq!(stopped["stopped"], false);
}

#[test]
fn a_cloud_in_the_foreground_can_be_stopped_from_elsewhere() {
    let cloud = Cloud::start();
    let data = cloud.data();
    let data = data.to_str().unwrap();
    let other = Program::new();
    let status = other.json(&["cloud", "status", "--data", data]);
    assert_eq!(status["endpoint"], cloud.endpoint());
    assert_eq!(status["pid"].to_string(), cloud.pid());
    let stopped = other.json(&["cloud", "stop", "--data", data]);
    assert_eq!(stopped["pid"].to_string(), cloud.pid());
}

#[test]
fn what_is_wrong_is_said_and_not_only_logged() {
    let program = Program::new();
    let remote = [
        "cloud",
        "start",
        "--detach",
        "--data",
        "data",
        "--listen",
        "0.0.0.0:0",
    ];
    let _ = program
        .run(&remote)
        .failed(2)
        .saying(&["did not start", "loopback", "--allow-remote"]);
    let nothing = program.run(&["cloud", "status", "--data", "nowhere"]);
    assert_eq!(nothing.code, Some(3), "{nothing:?}");
    assert!(!program.path("nowhere").exists());
}

#[test]
fn the_parent_ends_although_its_standard_error_is_read() {
    let program = Program::new();
    // With a pipe for standard error, too: a reader to the end must not wait for the cloud.
    let output = program
        .command(&START)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let outcome = Outcome::from(output).succeeded();
    assert!(
        outcome.stdout.starts_with("listening on http://"),
        "{outcome:?}"
    );
    let _ = program.run(&STOP).succeeded();
}
