//! The end of images, and of the bundles that nobody else needs.

use std::sync::atomic::{AtomicUsize, Ordering};

use gumnut_tests::{Cloud, Fault, FaultProxy, Program, patterned};
use serde_json::Value;

/// How many names images have got.
static NAMES: AtomicUsize = AtomicUsize::new(0);

/// Bundles, uploads and registers a file; gives the id and the location.
fn publish(client: &Program, name: &str, kind: &str, more: &[&str]) -> (String, String) {
    client.write(name, patterned(70_000, name.len() as u64));
    let mut bundle = vec!["bundle", name, "--kind", kind, "--arch", "x86_64"];
    bundle.extend(["--test-part-size", "32KiB"]);
    bundle.extend(more);
    let _ = client.run(&bundle).succeeded();
    store(client, name)
}

/// Uploads and registers a bundle that is there; gives the id and the location.
fn store(client: &Program, name: &str) -> (String, String) {
    let manifest = format!("{name}.manifest.xml");
    let uploaded = client.json(&["upload", &manifest, "-b", "bucket"]);
    let location = uploaded["location"].as_str().unwrap().to_owned();
    (register(client, &location), location)
}

fn register(client: &Program, location: &str) -> String {
    // Some profiles want a name, and all want a new one.
    let name = format!("image-{}", NAMES.fetch_add(1, Ordering::Relaxed));
    let registered = client.json(&["register", location, "--name", &name]);
    registered["image_id"].as_str().unwrap().to_owned()
}

fn ids(client: &Program) -> Vec<String> {
    let images = client.json(&["images"]);
    let images = images["images"].as_array().unwrap().iter();
    images
        .map(|image| image["image_id"].as_str().unwrap().to_owned())
        .collect()
}

fn is_there(client: &Program, location: &str) -> bool {
    let outcome = client.run(&["verify", location]);
    match outcome.code {
        Some(0) => true,
        Some(4) => {
            assert!(outcome.stderr.contains("NoSuchKey"), "{outcome:#?}");
            false
        }
        _ => panic!("neither whole nor gone: {outcome:#?}"),
    }
}

fn kept<'a>(retired: &'a Value, what: &str) -> &'a str {
    let kept = retired["kept"].as_array().unwrap();
    let found = kept.iter().find(|kept| kept["what"] == what);
    found.unwrap_or_else(|| panic!("no {what} in {retired}"))["why"]
        .as_str()
        .unwrap()
}

#[test]
fn what_others_need_stays() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let (eki, kernel) = publish(&client, "vmlinuz-1", "kernel", &[]);
    let (eri, ramdisk) = publish(&client, "initrd-1", "ramdisk", &[]);
    let both = ["--kernel", &eki, "--ramdisk", &eri];
    let (first, disk) = publish(&client, "first.img", "machine", &both);
    let second = register(&client, &disk);
    let in_use = ["retire", &eki];
    let _ = client.run(&in_use).failed(4).saying(&["is used by emi-"]);

    let retire = ["retire", &first, "--with-kernel-and-ramdisk"];
    let preview = client.json(&[&retire[..], &["--dry-run"]].concat());
    assert_eq!(ids(&client).len(), 4);
    let done = client.json(&retire);
    assert_eq!(
        (&preview["dry_run"], &done["dry_run"]),
        (&true.into(), &false.into())
    );
    assert_eq!(preview["images"], done["images"]);
    assert_eq!(preview["kept"], done["kept"]);
    assert_eq!(done["images"], Value::from(vec![first.clone()]));
    assert_eq!(done["bundles"].as_array().unwrap().len(), 0);
    for what in [&eki, &eri, &disk] {
        assert_eq!(kept(&done, what), format!("{second} uses it"));
    }
    assert_eq!(ids(&client).len(), 3);
    assert!(is_there(&client, &disk) && is_there(&client, &kernel));

    let last = ["retire", &second, "--with-kernel-and-ramdisk"];
    let outcome = client.run(&last).succeeded();
    for line in [
        format!("IMAGE\t{second}\n"),
        format!("IMAGE\t{eki}\n"),
        format!("BUNDLE\t{disk}\t4 objects\n"),
        format!("BUNDLE\t{ramdisk}\t4 objects\n"),
    ] {
        assert!(
            outcome.stdout.contains(&line),
            "no {line:?} in {outcome:#?}"
        );
    }
    assert_eq!(ids(&client), Vec::<String>::new());
    for location in [&disk, &kernel, &ramdisk] {
        assert!(!is_there(&client, location));
    }
    let files = Program::files(&cloud.data().join("objects"));
    assert_eq!(files, Vec::<String>::new(), "nothing is left in the store");
    let _ = client.run(&last).failed(4).saying(&["no image"]);
}

#[test]
fn an_image_is_gone_for_good_in_every_profile() {
    for profile in ["strict", "euca-4.4", "euca-2.0", "euca-1.6"] {
        let cloud = Cloud::start_with(Program::new(), &["--profile", profile]);
        let client = cloud.client();
        let (eki, location) = publish(&client, "vmlinuz-1", "kernel", &[]);
        let _ = client.run(&["retire", &eki]).succeeded();
        assert_eq!(ids(&client), Vec::<String>::new(), "{profile}");
        assert!(!is_there(&client, &location), "{profile}");
    }
}

/// Whatever breaks, the same command or the one of the hint finishes the work, and no manifest is seen without its parts.
#[test]
fn an_interrupted_retirement_is_finished() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let (mut eki, mut location) = publish(&client, "vmlinuz-1", "kernel", &[]);
    for fault in [Fault::LostAnswer, Fault::Revoked] {
        let mut at = 0;
        loop {
            let proxy = FaultProxy::start(cloud.endpoint());
            proxy.arm(at, fault.clone());
            let broken = proxy.client(&cloud);
            let outcome = broken.run(&["retire", &eki, "--retries", "0"]);
            let reached = proxy.log().len() > at;
            if outcome.code != Some(0) {
                assert!(matches!(outcome.code, Some(4 | 5)), "{outcome:#?}");
                if outcome.stderr.contains("hint: repeat") {
                    assert!(
                        outcome
                            .stderr
                            .contains(&format!("gumnut retire {location}"))
                    );
                }
                let images = ids(&client);
                let subject = if images.is_empty() { &location } else { &eki };
                // A whole bundle or none, as far as anybody can see.
                let _ = is_there(&client, &location);
                let again = client.run(&["retire", subject]);
                let gone = again.stderr.contains("there is no bundle");
                assert!(again.code == Some(0) || gone, "{again:#?}");
            }
            assert_eq!(ids(&client), Vec::<String>::new());
            let files = Program::files(&cloud.data().join("objects"));
            assert_eq!(files, Vec::<String>::new(), "request {at}");
            (eki, location) = store(&client, "vmlinuz-1");
            if !reached {
                break;
            }
            at += 1;
        }
        assert!(at > 8, "{at} requests");
    }
}
