//! What the cloud and its clients say of a whole life of an image, at every level of detail, holds no secret.

use std::process::Stdio;

use gumnut_tests::{Cloud, Program, patterned};
use serde_json::Value;

/// Lines of a private key, without the first and the last.
fn key_lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .filter(|line| line.len() > 40 && !line.starts_with("-----"))
        .map(str::to_owned)
}

/// The real values that must not be told.
fn secrets(cloud: &Cloud) -> Vec<String> {
    let eucarc = fs_err::read_to_string(cloud.eucarc()).unwrap();
    let secret = eucarc
        .lines()
        .find_map(|line| line.strip_prefix("export EC2_SECRET_KEY='"));
    let mut secrets = vec![secret.unwrap().trim_end_matches('\'').to_owned()];
    let master_key = fs_err::read(cloud.data().join("master.key")).unwrap();
    let digits: Vec<_> = master_key
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    secrets.push(digits.concat());
    let keys = cloud.credentials();
    let names = Program::files(&keys);
    let private = names.iter().filter(|name| name.ends_with("-pk.pem"));
    for name in private {
        let text = fs_err::read_to_string(keys.join(name)).unwrap();
        secrets.extend(key_lines(&text));
    }
    assert!(secrets.len() > 20, "{} secrets", secrets.len());
    secrets
}

#[test]
fn log_lines_can_be_json() {
    let home = Program::new();
    let log = home.path("cloud.log");
    let file = Stdio::from(fs_err::File::create(&log).unwrap().into_parts().0);
    let options = ["-v", "--log-format", "json"];
    let mut cloud = Cloud::start_logging(home, file, &options);
    let _ = cloud.client().run(&["images"]).succeeded();
    assert_eq!(cloud.interrupt(), Some(0));
    let log = fs_err::read_to_string(log).unwrap();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let request = lines
        .iter()
        .find(|line| line["fields"]["message"] == "request");
    let request = request.expect("a line tells of the request");
    assert_eq!(request["level"], "INFO");
    assert_eq!(request["fields"]["status"], 200, "{request}");
    assert_eq!(request["fields"]["path"], "/services/compute", "{request}");
}

#[test]
fn no_log_tells_a_secret() {
    let home = Program::new().with("RUST_LOG", "trace");
    let log = home.path("cloud.log");
    let file = fs_err::File::create(&log).unwrap();
    let mut cloud = Cloud::start_logging(home, Stdio::from(file.into_parts().0), &["--tls"]);
    let mut said = String::new();
    let client = cloud.client().with("RUST_LOG", "trace");
    client.write("vmlinuz-test", patterned(200_000, 3));
    let bundle = ["bundle", "vmlinuz-test", "--kind", "kernel"];
    let location = "bucket/vmlinuz-test.manifest.xml";
    let runs: [&[&str]; 6] = [
        &[&bundle[..], &["--arch", "x86_64"]].concat(),
        &["upload", "vmlinuz-test.manifest.xml", "-b", "bucket"],
        &["register", location],
        &["images"],
        &["download", location, "-d", "back"],
        &[
            "unbundle",
            "back/vmlinuz-test.manifest.xml",
            "-o",
            "vmlinuz",
        ],
    ];
    for signature in ["v4", "v2"] {
        for run in runs {
            let options = ["--signature", signature, "-vv"];
            let outcome = client.run(&[run, &options[..]].concat());
            said.push_str(&outcome.stderr);
            said.push_str(&outcome.stdout);
        }
    }
    let wrong = client.with("EC2_SECRET_KEY", "0123456789012345678901234567890123456789");
    let refused = wrong.run(&["images", "-vv"]);
    assert_eq!(refused.code, Some(4), "{refused:#?}");
    let data = cloud.data();
    let user = [
        "cloud",
        "user",
        "add",
        "eve",
        "--data",
        data.to_str().unwrap(),
    ];
    said.push_str(&wrong.run(&user).succeeded().stderr);
    let secrets = secrets(&cloud);
    assert_eq!(cloud.interrupt(), Some(0));
    let log = fs_err::read_to_string(log).unwrap();
    assert!(log.contains("request"), "{log}");
    assert!(said.contains("vmlinuz-test"));
    for secret in secrets {
        assert!(!log.contains(&secret), "the cloud's log tells a secret");
        assert!(!said.contains(&secret), "a client tells a secret");
    }
    assert!(
        !refused
            .stderr
            .contains("0123456789012345678901234567890123456789")
    );
}
