//! SIGKILL at any moment, of gumnut and of the cloud.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, Fault};

use super::{Case, everything};

/// Where the moments come from.
const SEED: u64 = 20_100_401;
/// Moments at which a run is killed.
const KILLS: usize = 200;
/// Runs that the kills are spread over.
const RUNS: usize = 40;

/// A sequence that is the same in every run of the test.
struct Moments(u64);

impl Moments {
    fn next(&mut self, limit: Duration) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        limit.mul_f64(f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX))
    }
}

#[test]
fn killed_at_200_random_moments_it_ends_as_if_nothing_had_happened() {
    let cloud = Cloud::start();
    let clean = Case::new(&cloud, "unkilled");
    let began = Instant::now();
    let _ = clean.publish(&[]).succeeded();
    let whole = began.elapsed();
    let mut moments = Moments(SEED);
    let mut buckets = Vec::new();
    let mut hit = 0;
    for run in 0..RUNS {
        let case = Case::new(&cloud, &format!("killed-{run}"));
        for _ in 0..KILLS / RUNS {
            let mut command = case.program.command(&case.arguments());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            // A random moment is what this is about: nothing waits for it to be late enough.
            std::thread::sleep(moments.next(whole));
            child.kill().unwrap();
            hit += usize::from(child.wait().unwrap().code().is_none());
        }
        let _ = case.publish(&[]).succeeded();
        buckets.push(case.bucket);
    }
    assert!(hit > KILLS / 4, "{hit} of {KILLS} kills met a run");
    let expected = everything(&cloud, &["unkilled".to_owned()])["unkilled"].clone();
    for (bucket, found) in everything(&cloud, &buckets) {
        assert_eq!(found, expected, "{bucket}, seed {SEED}");
    }
    println!("{hit} of {KILLS} kills met a run, seed {SEED}");
}

#[test]
fn a_cloud_that_dies_at_any_request_is_waited_for() {
    let reference = Cloud::start();
    let case = Case::new(&reference, "dead");
    let _ = case.publish(&["--jobs", "1"]).succeeded();
    let requests = case.proxy.log().len();
    let expected = everything(&reference, &["dead".to_owned()])["dead"].clone();
    for request in 0..requests {
        let cloud = Cloud::start();
        let pid = Arc::new(Mutex::new(cloud.pid()));
        let case = Case::new(&cloud, "dead");
        let kill = move || {
            gumnut_tests::tool("kill", &["-KILL", &pid.lock().unwrap()]);
        };
        let fault = match request % 2 {
            0 => Fault::Before(Arc::new(kill)),
            _ => Fault::After(Arc::new(kill)),
        };
        case.proxy.arm(request, fault);
        let outcome = case.publish(&["--jobs", "1", "--retries", "0"]);
        assert_eq!(outcome.code, Some(5), "request {request}: {outcome:#?}");
        let cloud = Cloud::start_in(cloud.kill());
        case.proxy.disarm();
        case.proxy.lead_to(cloud.endpoint());
        let again = case.publish(&[]);
        assert_eq!(again.code, Some(0), "request {request}: {again:#?}");
        let found = everything(&cloud, &["dead".to_owned()]);
        assert_eq!(found["dead"], expected, "request {request}");
    }
}
