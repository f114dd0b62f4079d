//! A run without faults, and the commands around it.

use gumnut_tests::{Cloud, Fault};

use super::{Case, everything};

#[test]
fn a_second_run_changes_nothing() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "twice");
    let first = case.program.json(&case.arguments());
    assert_eq!(first["changed"], true);
    for (name, prefix) in [
        ("kernel_id", "eki-"),
        ("ramdisk_id", "eri-"),
        ("image_id", "emi-"),
    ] {
        let id = first[name].as_str().unwrap();
        assert!(id.starts_with(prefix), "{first}");
    }
    // What is left of a run that was killed when it had just become complete.
    let run = format!(
        ".local/state/gumnut/runs/{}",
        first["run"].as_str().unwrap()
    );
    let left = [
        case.program.path(&run).join("disk.img"),
        case.program.path(&run).join("scratch"),
    ];
    fs_err::write(&left[0], b"copy").unwrap();
    fs_err::create_dir_all(&left[1]).unwrap();
    case.proxy.disarm();
    let second = case.program.json(&case.arguments());
    assert_eq!(second["changed"], false);
    assert_eq!(second["images"], first["images"]);
    assert!(!left.iter().any(|path| path.exists()), "{left:?}");
    let log = case.proxy.log();
    let changes = |line: &&String| {
        line.starts_with("PUT") || !(line.starts_with("GET") || line.starts_with("HEAD"))
    };
    let changes: Vec<_> = log
        .iter()
        .filter(changes)
        .filter(|line| *line != "DescribeImages")
        .collect();
    assert!(changes.is_empty(), "{changes:?}");
    let runs = case.program.json(&["runs"]);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    assert_eq!(runs["runs"][0]["status"], "complete");
}

#[test]
fn without_its_journal_a_run_finds_what_is_there() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "adopted");
    let first = case.program.json(&case.arguments());
    fs_err::remove_dir_all(case.program.path(".local/state/gumnut")).unwrap();
    case.proxy.disarm();
    let second = case.program.json(&case.arguments());
    for name in ["kernel_id", "ramdisk_id", "image_id"] {
        assert_eq!(second[name], first[name]);
    }
    let log = case.proxy.log();
    assert!(!log.contains(&"RegisterImage".to_owned()), "{log:?}");
    assert!(!log.iter().any(|line| line.starts_with("PUT")), "{log:?}");
}

#[test]
fn force_publishes_beside_what_is_there() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "forced");
    let first = case.program.json(&case.arguments());
    let second = case
        .program
        .json(&[&case.arguments()[..], &["--force"]].concat());
    for name in ["kernel_id", "ramdisk_id", "image_id"] {
        assert_ne!(second[name], first[name]);
    }
    let (_, images) = &everything(&cloud, &["forced".to_owned()])["forced"];
    assert_eq!(images.len(), 6, "{images:?}");
}

#[test]
fn another_image_in_the_same_place_is_refused() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "taken");
    let _ = case.publish(&[]).succeeded();
    case.program.write("disk", "another disk");
    let _ = case
        .publish(&[])
        .failed(4)
        .saying(&["taken/kernel.manifest.xml", "--force"]);
}

#[test]
fn a_dry_run_asks_and_touches_nothing() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "dry");
    let planned = case
        .program
        .json(&[&case.arguments()[..], &["--dry-run"]].concat());
    let calls = planned["calls"].as_array().unwrap();
    let count = |what: &str| calls.iter().filter(|call| call["what"] == what).count();
    assert_eq!(count("RegisterImage"), 3);
    assert_eq!(count("CreateTags"), 1);
    assert!(count("PUT") > 6, "{planned}");
    // What it asks the cloud to register is not there.
    let log = case.proxy.log();
    let asks = |line: &String| {
        line.starts_with("GET") || ["DescribeImages", "RegisterImage"].contains(&line.as_str())
    };
    assert!(log.iter().all(asks), "{log:?}");
    let images = cloud.client().json(&["images"]);
    assert_eq!(images["images"].as_array().unwrap().len(), 0);
    let buckets = cloud.client().json(&["ls"]);
    assert_eq!(buckets["buckets"].as_array().unwrap().len(), 0);
    assert!(!case.program.path(".local").exists());
}

#[test]
fn abort_takes_back_what_a_run_left() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "aborted");
    // Far enough for the kernel and the ramdisk to be registered.
    case.proxy.arm(19, Fault::Revoked);
    let _ = case.publish(&["--retries", "0"]).failed(4);
    case.proxy.disarm();
    let runs = case.program.json(&["runs"]);
    assert_eq!(runs["runs"][0]["status"], "unfinished");
    let run = runs["runs"][0]["run"].as_str().unwrap();
    let removed = case.program.json(&["abort", run]);
    assert_eq!(removed["deregistered"].as_array().unwrap().len(), 2);
    assert_eq!(removed["bucket_deleted"], "aborted");
    let images = cloud.client().json(&["images"]);
    assert!(images["images"].as_array().unwrap().is_empty(), "{images}");
    assert!(
        case.program.json(&["runs"])["runs"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let _ = case.program.run(&["abort", run]).failed(2);
}

#[test]
fn a_target_that_has_changed_is_not_resumed() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "changed");
    case.proxy.arm(14, Fault::Revoked);
    let _ = case.publish(&["--retries", "0"]).failed(4);
    case.proxy.disarm();
    case.program.write("disk", "something else");
    let _ = case
        .program
        .run(&["resume"])
        .failed(3)
        .saying(&["has changed since", "abort"]);
}

#[test]
fn two_runs_for_the_same_at_once_make_one_image() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "both");
    let outcomes = std::thread::scope(|scope| {
        let run = || case.publish(&["--json"]).succeeded().stdout;
        let both = [scope.spawn(run), scope.spawn(run)];
        both.map(|one| one.join().unwrap())
    });
    let ids = outcomes.map(|text| {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["image_id"].as_str().unwrap().to_owned()
    });
    assert_eq!(ids[0], ids[1]);
    let (_, images) = &everything(&cloud, &["both".to_owned()])["both"];
    assert_eq!(images.len(), 3, "{images:?}");
}

#[test]
fn what_cannot_be_published_leaves_no_run() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "never");
    let runs = || {
        case.program.json(&["runs"])["runs"]
            .as_array()
            .unwrap()
            .len()
    };
    let publish = |words: &str| case.program.run(&words.split(' ').collect::<Vec<_>>());
    let _ = publish("publish disk --bucket never --ignore-checks")
        .failed(2)
        .saying(&["--arch"]);
    // Not the missing architecture: what is no image has none.
    let _ = publish("publish disk --bucket never")
        .failed(3)
        .saying(&["did not pass their checks"]);
    let without_kernel = "publish disk --arch i386 --bucket never";
    let _ = publish(without_kernel)
        .failed(3)
        .saying(&["did not pass their checks"]);
    let refused = publish("publish disk --arch i386 --bucket bad..name --ignore-checks");
    let _ = refused.failed(4).saying(&["InvalidBucketName"]);
    let _ = publish("publish nothing --bucket never").failed(3);
    assert_eq!(runs(), 0);
    assert!(!case.proxy.log().iter().any(|line| line.starts_with("PUT")));
}
