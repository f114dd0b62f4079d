//! Every request of a fetch and of a check, with everything that can go wrong with it: the file is complete and right or not
//! there, and the same command completes what a fault has ended.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gumnut_tests::{Cloud, Fault, FaultProxy, Outcome, Program};

use crate::fetch::{self, Scene, only};

/// Cases that run at the same time.
const WORKERS: usize = 4;
/// Seconds for an answer: long for a busy machine, short for those that wait for one that never comes.
const SETTINGS: &str = "[global]\ntimeout = 3\n";
const RETRIES: [&str; 2] = ["--retries", "2"];

/// A fault, its name, and the exit codes that it may have. What passes by itself must not be noticed.
type Kind = (&'static str, Fault, &'static [i32]);

fn kinds() -> Vec<Kind> {
    let refusal = |status, code, headers| Fault::Refusal(status, code, headers);
    vec![
        ("reset", Fault::Reset, &[0]),
        ("reset in the body", Fault::ResetInBody, &[0]),
        ("lost answer", Fault::LostAnswer, &[0]),
        ("cut answer", Fault::CutAnswer, &[0]),
        ("wrong tag", Fault::WrongEtag, &[0]),
        ("stall", Fault::Stall, &[0]),
        ("500", refusal(500, "InternalError", ""), &[0]),
        ("503", refusal(503, "SlowDown", "retry-after: 1\r\n"), &[0]),
        ("429", refusal(429, "TooManyRequests", ""), &[0]),
        // A description or a manifest that was altered: not understood, not trusted, or of something that is not there.
        ("altered answer", Fault::AlteredAnswer, &[0, 2, 3, 4, 5]),
        (
            "301",
            refusal(
                301,
                "PermanentRedirect",
                "location: http://elsewhere.invalid/\r\n",
            ),
            &[4],
        ),
        // The client trusts the proxy, and then the cloud does not trust the client.
        ("clock", Fault::Skewed, &[4]),
        ("revoked", Fault::Revoked, &[4]),
    ]
}

fn client(proxy: &FaultProxy, cloud: &Cloud) -> Program {
    let client = proxy.client(cloud);
    let path = client.write(fetch::SETTINGS, SETTINGS);
    client.with("EUCA_CONFIG_PATH", path)
}

/// How many requests a command makes when nothing is wrong.
fn requests(scene: &Scene, command: &[&str]) -> usize {
    let proxy = FaultProxy::start(scene.cloud.endpoint());
    let _ = client(&proxy, &scene.cloud).run(command).succeeded();
    proxy.log().len()
}

/// Runs every fault at every request, several at a time.
fn matrix(requests: usize, kinds: &[Kind], case: impl Fn(usize, &Kind) + Sync) {
    let next = AtomicUsize::new(0);
    let cases = requests * kinds.len();
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= cases {
                    return;
                }
                case(index / kinds.len(), &kinds[index % kinds.len()]);
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

fn judge(outcome: &Outcome, at: usize, (name, _, codes): &Kind) {
    let code = outcome.code.unwrap_or(-1);
    assert!(
        codes.contains(&code),
        "{name} at request {at}: {outcome:#?}"
    );
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
}

#[test]
fn whatever_goes_wrong_the_file_is_whole_or_not_there() {
    let scene = Scene::start();
    let fetch = [&["fetch", &scene.id, "-o", "disk.img"][..], &RETRIES].concat();
    let requests = requests(&scene, &fetch);
    matrix(requests, &kinds(), |at, kind| {
        let (name, fault, _) = kind;
        let proxy = FaultProxy::start(scene.cloud.endpoint());
        proxy.arm(at, fault.clone());
        let client = client(&proxy, &scene.cloud);
        let outcome = client.run(&fetch);
        judge(&outcome, at, kind);
        if outcome.code != Some(0) {
            assert!(!client.path("disk.img").exists(), "{name} at {at}");
            proxy.disarm();
            let _ = client.run(&fetch).succeeded();
        }
        let image = fs_err::read(client.path("disk.img")).unwrap();
        assert!(image == scene.image, "{name} at {at}");
        only(&client, &["disk.img"]);
    });
}

#[test]
fn whatever_goes_wrong_a_whole_bundle_is_never_called_damaged() {
    let scene = Scene::start();
    let certificate = |client: Program| client.with("EC2_PRIVATE_KEY", "");
    let verify = [&["verify", &scene.id][..], &RETRIES].concat();
    let requests = requests(&scene, &verify);
    matrix(requests, &kinds(), |at, kind| {
        let fault = &kind.1;
        let proxy = FaultProxy::start(scene.cloud.endpoint());
        proxy.arm(at, fault.clone());
        let with_key = client(&proxy, &scene.cloud);
        let outcome = with_key.run(&verify);
        judge(&outcome, at, kind);
        assert!(!outcome.stderr.contains("is damaged"), "{outcome:#?}");
        only(&with_key, &[]);
        proxy.arm(at, fault.clone());
        let outcome = certificate(with_key).run(&verify);
        judge(&outcome, at, kind);
        assert!(!outcome.stderr.contains("is damaged"), "{outcome:#?}");
    });
}

#[test]
fn a_killed_fetch_is_gone_on_with_from_every_request() {
    let scene = Scene::start();
    let fetch = ["fetch", &scene.id, "-o", "disk.img", "--jobs", "2"];
    let requests = requests(&scene, &fetch);
    matrix(requests, &[("kill", Fault::Reset, &[])], |at, _| {
        let victim = Arc::new(Mutex::new(String::new()));
        let pid = Arc::clone(&victim);
        let proxy = FaultProxy::start(scene.cloud.endpoint());
        let kill = move || drop(gumnut_tests::tool("kill", &["-KILL", &pid.lock().unwrap()]));
        proxy.arm(at, Fault::Before(Arc::new(kill)));
        let client = client(&proxy, &scene.cloud);
        let mut process = {
            // The hook has to wait for the number.
            let mut pid = victim.lock().unwrap();
            let mut command = client.command(&fetch);
            let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
            let process = quiet.spawn().unwrap();
            *pid = process.id().to_string();
            process
        };
        let ended = process.wait().unwrap();
        assert_eq!(ended.code(), None, "it was killed at request {at}");
        assert!(!client.path("disk.img").exists());
        proxy.disarm();
        let fetched = client.json(&fetch);
        let (came, kept) = (&fetched["parts_fetched"], &fetched["parts_kept"]);
        assert_eq!(came.as_u64().unwrap() + kept.as_u64().unwrap(), 4);
        assert!(fs_err::read(client.path("disk.img")).unwrap() == scene.image);
        only(&client, &["disk.img"]);
    });
}

#[test]
fn a_cloud_that_dies_in_the_middle_is_waited_for_or_told() {
    let scene = Scene::start();
    let fetch = ["fetch", &scene.location, "-o", "disk.img", "--retries", "1"];
    let at = requests(&scene, &fetch) - 2;
    let pid = scene.cloud.pid();
    let proxy = FaultProxy::start(scene.cloud.endpoint());
    let kill = move || drop(gumnut_tests::tool("kill", &["-KILL", &pid]));
    proxy.arm(at, Fault::Before(Arc::new(kill)));
    let client = client(&proxy, &scene.cloud);
    let _ = client.run(&fetch).failed(5).saying(&["connection"]);
    assert!(!client.path("disk.img").exists());
    let cloud = Cloud::start_in(scene.cloud.kill());
    proxy.lead_to(cloud.endpoint());
    proxy.disarm();
    let _ = client.run(&fetch).succeeded();
    assert!(fs_err::read(client.path("disk.img")).unwrap() == scene.image);
    only(&client, &["disk.img"]);
}
