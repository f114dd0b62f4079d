//! The cloud is killed in the middle of 100 uploads: what it acknowledged is still there and whole.

use std::sync::atomic::{AtomicUsize, Ordering};

use gumnut_tests::{Cloud, patterned};

const UPLOADS: usize = 100;
/// How many uploads are acknowledged before the cloud is killed; the rest are cut off.
const BEFORE_KILL: usize = 40;
const WORKERS: usize = 4;

#[test]
fn nothing_acknowledged_is_lost_by_sigkill() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("k0", patterned(40_000, 1));
    let bundle = [
        "bundle",
        "k0",
        "--kind",
        "kernel",
        "--arch",
        "i386",
        "--test-part-size",
        "16KiB",
    ];
    let _ = client.run(&bundle).succeeded();
    let next = AtomicUsize::new(0);
    let acknowledged = AtomicUsize::new(0);
    let pid = cloud.pid();
    let done: Vec<usize> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::SeqCst);
                if index >= UPLOADS {
                    return mine;
                }
                let bucket = format!("bucket-{index}");
                let upload = [
                    "upload",
                    "k0.manifest.xml",
                    "-b",
                    &bucket,
                    "--retries",
                    "0",
                    "--json",
                ];
                if client.run(&upload).code == Some(0) {
                    mine.push(index);
                    if acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == BEFORE_KILL {
                        gumnut_tests::tool("kill", &["-KILL", &pid]);
                    }
                }
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(
        done.len() >= BEFORE_KILL,
        "{} uploads were acknowledged",
        done.len()
    );
    assert!(done.len() < UPLOADS, "the cloud was not killed in time");

    let cloud = Cloud::start_in(cloud.kill());
    let again = cloud.client();
    for index in done {
        let folder = format!("down-{index}");
        let location = format!("bucket-{index}/k0.manifest.xml");
        let _ = again
            .run(&["download", &location, "-d", &folder])
            .succeeded();
        let _ = again
            .run(&["verify", &format!("{folder}/k0.manifest.xml")])
            .succeeded();
    }
}
