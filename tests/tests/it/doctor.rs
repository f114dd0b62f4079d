//! The doctor: what it finds, and that it never stops early or hangs.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use gumnut_tests::{Cloud, Fault, FaultProxy, Outcome, Program, fixture};
use serde_json::Value;

fn report(outcome: &Outcome) -> Value {
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Status and message of a check.
fn check<'a>(report: &'a Value, id: &str) -> (&'a str, &'a str) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["id"] == id);
    let found = found.unwrap_or_else(|| panic!("no {id} in {report}"));
    (
        found["status"].as_str().unwrap(),
        found["message"].as_str().unwrap(),
    )
}

fn count(proxy: &FaultProxy, method: &str) -> usize {
    let log = proxy.log();
    log.iter().filter(|line| line.starts_with(method)).count()
}

fn failures(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap().iter();
    let failed = checks.filter(|check| check["status"] == "failure");
    failed.map(|check| check["id"].as_str().unwrap()).collect()
}

#[test]
fn a_sound_cloud_passes_and_nothing_is_left_in_it() {
    let cloud = Cloud::start();
    let proxy = FaultProxy::start(cloud.endpoint());
    let client = proxy.client(&cloud);
    let outcome = client.run(&["doctor", "--json"]).succeeded();
    let report = report(&outcome);
    assert_eq!(report["ok"], true);
    for id in [
        "store-endpoint",
        "store-tls",
        "store-clock",
        "store-signature-v4",
        "store-signature-v2",
        "ec2-endpoint",
        "ec2-clock",
        "ec2-signature-v4",
        "ec2-signature-v2",
        "account",
        "private-key",
        "private-key-mode",
        "certificate",
        "key-pair",
        "cloud-certificate",
        "bucket",
        "object",
        "acl",
        "program-e2fsck",
        "program-qemu-img",
    ] {
        assert_eq!(check(&report, id).0, "ok", "{id} in {report}");
    }
    let settings = report["settings"].as_array().unwrap();
    let setting = |name: &str| {
        let found = settings.iter().find(|setting| setting["name"] == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {report}"))
            .clone()
    };
    assert_eq!(
        setting("object store")["source"],
        "S3_URL in the environment"
    );
    assert_eq!(setting("secret key")["value"], "(hidden)");
    let eucarc = fs_err::read_to_string(cloud.eucarc()).unwrap();
    let secret = eucarc
        .lines()
        .find_map(|line| line.strip_prefix("export EC2_SECRET_KEY='"));
    let secret = secret.unwrap().trim_end_matches('\'');
    assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret));
    assert_eq!(
        Program::files(&cloud.data().join("objects")),
        Vec::<String>::new()
    );
    assert_eq!(count(&proxy, "DELETE"), 2, "the object and its bucket");

    proxy.disarm();
    let _ = client.run(&["doctor", "--no-write"]).succeeded();
    assert_eq!((count(&proxy, "PUT"), count(&proxy, "DELETE")), (0, 0));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let cloud = Cloud::start();
    let key = fs_err::read(fixture("vectors/keys/user-key.pem")).unwrap();
    let client = cloud
        .client()
        .with("EC2_SECRET_KEY", "wrong")
        .with("AWS_SECRET_KEY", "wrong")
        .with("EC2_PRIVATE_KEY", "open.pem")
        .with("EUCALYPTUS_CERT", "missing.pem")
        .with("EC2_USER_ID", "12");
    let path = client.write("open.pem", key);
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = client.run(&["doctor", "--json"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    let report = report(&outcome);
    assert_eq!(report["ok"], false);
    let failed = failures(&report);
    for id in [
        "key-pair",
        "cloud-certificate",
        "store-signature-v4",
        "ec2-signature-v4",
        "bucket",
    ] {
        assert!(failed.contains(&id), "no {id} in {failed:?}");
    }
    assert_eq!(check(&report, "store-endpoint").0, "ok");
    assert_eq!(check(&report, "private-key-mode").0, "warning");
    assert_eq!(check(&report, "account").0, "warning");
    let (status, message) = check(&report, "store-signature-v4");
    assert!(
        message.contains("SignatureDoesNotMatch"),
        "{status} {message}"
    );
    let wrong = report["checks"].as_array().unwrap().iter();
    let mut wrong = wrong.filter(|check| check["status"] != "ok");
    assert!(wrong.all(|check| check["remedy"].is_string()), "{report}");
}

#[test]
fn a_dead_or_silent_endpoint_does_not_hold_it_up() {
    let cloud = Cloud::start();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let silent = FaultProxy::start(cloud.endpoint());
    silent.arm(0, Fault::Stall);
    let client = cloud.client().with("EC2_URL", dead);
    let store = format!("{}/services/objectstorage", silent.endpoint());
    let doctor = ["doctor", "--json", "--timeout", "1", "--s3-url", &store];
    let outcome = client.run(&doctor);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    let report = report(&outcome);
    assert_eq!(check(&report, "ec2-endpoint").0, "failure");
    assert_eq!(check(&report, "program-e2fsck").0, "ok");
    let silent = ["store-signature-v4", "store-signature-v2"];
    let told = silent
        .iter()
        .any(|id| check(&report, id).1.contains("no answer within"));
    assert!(told, "{report}");
}

#[test]
fn a_server_that_cannot_prove_itself_is_told_with_a_remedy() {
    let cloud = Cloud::start_with(Program::new(), &["--tls"]);
    let trusting = cloud.client().run(&["doctor", "--json"]).succeeded();
    let (status, message) = {
        let report = report(&trusting);
        let (status, message) = check(&report, "store-tls");
        (status.to_owned(), message.to_owned())
    };
    assert_eq!(status, "ok");
    assert!(message.contains("is valid"), "{message}");
    let stranger = cloud.client().with("AWS_CA_BUNDLE", "");
    let outcome = stranger.run(&["doctor"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    for text in ["failure\tstore-endpoint\t", "is not trusted", "--ca-cert"] {
        assert!(outcome.stdout.contains(text), "no {text:?} in {outcome:#?}");
    }
}

#[test]
fn without_any_settings_it_says_what_to_do() {
    let outcome = Program::new().run(&["doctor"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    for text in [
        "setting\tobject store\t-\tnot set",
        "failure\tstore-endpoint\tno endpoint is set",
        "warning\tprivate-key\t",
        "what to do: ",
    ] {
        assert!(outcome.stdout.contains(text), "no {text:?} in {outcome:#?}");
    }
    let broken = Program::new();
    let path = broken.write("broken.ini", "[region\nx");
    let broken = broken.with("EUCA_CONFIG_PATH", path);
    let outcome = broken.run(&["doctor", "--json"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    let report = report(&outcome);
    assert_eq!(failures(&report), ["settings"]);
    assert_eq!(check(&report, "program-e2fsck").0, "ok");
}
