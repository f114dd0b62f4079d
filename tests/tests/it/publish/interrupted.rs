//! ^C and SIGTERM: what is kept is said, with the commands that continue the run or undo it.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use gumnut_tests::{Cloud, Fault, patterned, tool};

use super::Case;

/// A publish that waits for the cloud's answer to its n-th request.
fn waiting(case: &Case, request: usize) -> (Child, Receiver<()>, Arc<Mutex<()>>) {
    let (reached, arrival) = channel();
    let gate = Arc::new(Mutex::new(()));
    let closed = Arc::clone(&gate);
    let wait = move || {
        let _ = reached.send(());
        drop(closed.lock());
    };
    case.proxy.arm(request, Fault::Before(Arc::new(wait)));
    let arguments = [&case.arguments()[..], &["--jobs", "1"]].concat();
    let mut command = case.program.interruptible(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    (command.spawn().unwrap(), arrival, gate)
}

fn end(mut child: Child) -> (Option<i32>, String) {
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    (child.wait().unwrap().code(), said)
}

/// The number of the first request that puts a part of the disk.
fn first_part_of_the_disk(cloud: &Cloud) -> usize {
    let case = Case::new(cloud, "measured");
    let _ = case.publish(&["--jobs", "1"]).succeeded();
    let log = case.proxy.log();
    let is_it = |line: &String| line.starts_with("PUT ") && line.contains("disk.part.01");
    log.iter().position(is_it).unwrap()
}

#[test]
fn a_signal_says_what_is_kept_and_what_to_do() {
    let cloud = Cloud::start();
    let request = first_part_of_the_disk(&cloud);
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let bucket = format!("kept{signal}").to_lowercase();
        let case = Case::new(&cloud, &bucket);
        let (child, arrival, gate) = waiting(&case, request);
        let held = gate.lock().unwrap();
        arrival.recv().unwrap();
        tool("kill", &[signal, &child.id().to_string()]);
        let (ended, said) = end(child);
        drop(held);
        assert_eq!(ended, Some(code), "{said}");
        let runs = case.program.json(&["runs"]);
        let run = runs["runs"][0]["run"].as_str().unwrap();
        assert_eq!(runs["runs"][0]["active"], false);
        assert_eq!(runs["runs"][0]["bucket"], bucket.as_str());
        for text in [
            format!("interrupted; the run {run} is kept"),
            "eki-".to_owned(),
            format!("gumnut resume {run}"),
            format!("gumnut abort {run}"),
        ] {
            assert!(said.contains(&text), "no {text:?} in {said}");
        }
        case.proxy.disarm();
        if signal == "-TERM" {
            let undone = case.program.run(&["abort", run]).succeeded();
            let ids = runs["runs"][0]["image_ids"].as_array().unwrap().len();
            // An image whose registration was not answered is not in the list, and is found in the cloud.
            let behind = undone.stderr.split("removed ").nth(1).unwrap_or_default();
            let removed: usize = behind.split(' ').next().unwrap().parse().unwrap();
            assert!(removed >= ids && removed > 0, "{undone:#?}");
            assert!(
                undone.stderr.contains(&format!("the bucket {bucket}")),
                "{undone:#?}"
            );
        } else {
            let _ = case.program.run(&["resume", run]).succeeded();
            let again = case.publish(&[]).succeeded();
            assert!(again.stderr.contains("nothing has changed"), "{again:#?}");
        }
    }
}

#[test]
fn what_another_image_needs_is_left_by_an_abort() {
    let cloud = Cloud::start();
    let request = first_part_of_the_disk(&cloud);
    let case = Case::new(&cloud, "shared");
    case.proxy.arm(request, Fault::StoreFull);
    let options = ["--jobs", "1", "--retries", "0"];
    let _ = case.publish(&options).failed(4);
    case.proxy.disarm();
    let client = &case.program;
    let run = client.json(&["runs"])["runs"][0].clone();
    let [kernel, ramdisk] = [0, 1].map(|at| run["image_ids"][at].as_str().unwrap());
    client.write("other.img", patterned(5_000, 9));
    let bundle = ["bundle", "other.img", "--arch", "x86_64"];
    let base = ["--kernel", kernel, "--ramdisk", ramdisk];
    let _ = client.run(&[&bundle[..], &base].concat()).succeeded();
    let uploaded = client.json(&["upload", "other.img.manifest.xml", "-b", "others"]);
    let location = uploaded["location"].as_str().unwrap();
    let _ = client.run(&["register", location]).succeeded();

    let undone = client.json(&["abort", run["run"].as_str().unwrap()]);
    let needed = ["shared/ramdisk.manifest.xml", "shared/kernel.manifest.xml"];
    assert_eq!(undone["left"], serde_json::json!(needed), "{undone}");
    assert_eq!(undone["deregistered"], serde_json::json!([]));
    assert_eq!(undone["bucket_deleted"], serde_json::Value::Null);
    for id in [kernel, ramdisk] {
        let _ = client.run(&["verify", id]).succeeded();
    }
}
