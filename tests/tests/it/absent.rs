//! Clouds that are not there: one line and a hint, at once. And what is tried again is said.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, Fault, FaultProxy, Outcome, Program};

/// What needs no work takes less.
const AT_ONCE: Duration = Duration::from_secs(1);

fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn client(endpoint: &str) -> Program {
    Program::new()
        .with("EC2_ACCESS_KEY", "AKIDEXAMPLE")
        .with("EC2_SECRET_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .with("EC2_USER_ID", "000000000001")
        .with("EC2_URL", format!("{endpoint}/services/compute"))
        .with("S3_URL", format!("{endpoint}/services/objectstorage"))
}

/// Runs the command with all its retries, which must say one line and a hint at once.
fn told(client: &Program, arguments: &[&str]) -> Outcome {
    // The first run of a binary reads it from the disk.
    let _ = client.run(&["--version"]);
    let start = Instant::now();
    let outcome = client.run(arguments).failed(5);
    let time = start.elapsed();
    assert!(time < AT_ONCE, "{time:?} {arguments:?} {outcome:#?}");
    assert!(!outcome.stderr.contains("because"), "{outcome:#?}");
    assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:#?}");
    outcome
}

#[test]
fn a_cloud_that_is_not_running_is_told_at_once_by_every_command() {
    let host = nowhere();
    let client = client(&format!("http://{host}"));
    for arguments in [
        &["images"][..],
        &["deregister", "emi-00000001"],
        &["deregister", "--dry-run", "emi-00000001"],
        &["register", "bucket/key.manifest.xml"],
        &["delete", "bucket/key.manifest.xml"],
        &["download", "bucket/key.manifest.xml", "-d", "x"],
        &["retire", "emi-00000001"],
        &["verify", "bucket/key.manifest.xml"],
    ] {
        let outcome = told(&client, arguments);
        let _ = outcome.saying(&[&host, "refused", "hint:", "gumnut cloud start"]);
    }
    let old = client.run(&["compat", "run", "euca-describe-images"]);
    assert_eq!(old.code, Some(1), "{old:#?}");
    assert!(old.stderr.contains("refused"), "{old:#?}");
}

#[test]
fn schemes_that_do_not_fit_are_said_in_words() {
    let plain = Cloud::start();
    let host = plain.endpoint().trim_start_matches("http://").to_owned();
    let outcome = told(&client(&format!("https://{host}")), &["images"]);
    let _ = outcome.saying(&[&host, "does not speak TLS", "http://"]);

    let tls = Cloud::start_with(Program::new(), &["--tls"]);
    let host = tls.endpoint().trim_start_matches("https://").to_owned();
    // The embedded cloud says so itself.
    let outcome = client(&format!("http://{host}")).run(&["images"]);
    let _ = outcome.failed(4).saying(&["use https://"]);
}

#[test]
fn what_is_tried_again_is_said_unless_quiet() {
    let cloud = Cloud::start();
    let proxy = FaultProxy::start(cloud.endpoint());
    let client = proxy.client(&cloud);
    for fault in [
        Fault::Reset,
        Fault::LostAnswer,
        Fault::CutAnswer,
        Fault::Refusal(503, "SlowDown", ""),
    ] {
        proxy.arm(0, fault.clone());
        let outcome = client.run(&["images", "--retries", "3"]).succeeded();
        let _ = outcome.saying(&["trying again in", "(1 of 3)"]);
        assert_eq!(proxy.log().len(), 2);
        proxy.arm(0, fault);
        let quiet = client.run(&["images", "-q"]).succeeded();
        assert_eq!(quiet.stderr, "");
    }
}

#[test]
fn each_request_is_shown_when_that_is_wanted() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let outcome = client.run(&["images", "-v"]).succeeded();
    let line = format!(
        "POST {}/services/compute DescribeImages: 200, ",
        cloud.endpoint()
    );
    assert!(
        outcome
            .stderr
            .lines()
            .any(|told| told.starts_with(&line) && told.ends_with(" ms")),
        "{outcome:#?}"
    );
    let outcome = client
        .run(&["verify", "bucket/key.manifest.xml", "-v"])
        .failed(4);
    let _ = outcome.saying(&[
        "GET ",
        "/services/objectstorage/bucket/key.manifest.xml: 404, ",
    ]);
    let outcome = client.run(&["images"]).succeeded();
    assert_eq!(
        outcome.stderr,
        "no images; `gumnut publish IMAGE` publishes one\n"
    );
}

#[test]
fn a_clock_is_corrected_loudly_or_not_at_all() {
    let cloud = Cloud::start();
    let proxy = FaultProxy::start(cloud.endpoint());
    let client = proxy.client(&cloud);
    proxy.arm(0, Fault::Skewed);
    let outcome = client.run(&["images", "-q"]);
    // The proxy has lied: with another time the cloud refuses.
    let _ = outcome
        .failed(4)
        .saying(&["20 min ahead of", "--no-clock-correction"]);
    assert_eq!(proxy.log().len(), 2);
    proxy.arm(0, Fault::Skewed);
    let outcome = client.run(&["images", "--no-clock-correction"]).failed(4);
    assert!(!outcome.stderr.contains("min ahead"), "{outcome:#?}");
    assert_eq!(proxy.log().len(), 1);
}
