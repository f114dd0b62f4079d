//! SIGKILL at any moment, of gumnut and of the cloud.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, Fault};

use super::{Case, everything};

/// Where the moments come from.
const SEED: u64 = 20_100_401;
/// How often a run is killed.
const KILLS: usize = 200;
/// How often the same run is killed before it is left alone.
const KILLS_OF_A_RUN: usize = 5;

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
    let mut span = began.elapsed();
    let mut moments = Moments(SEED);
    let mut buckets = Vec::new();
    let mut kills = 0;
    while kills < KILLS {
        let case = Case::new(&cloud, &format!("killed-{}", buckets.len()));
        for _ in 0..KILLS_OF_A_RUN {
            let mut command = case.program.command(&case.arguments());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            // A random moment is what this is about: nothing waits for it to be late enough.
            std::thread::sleep(moments.next(span));
            child.kill().unwrap();
            if child.wait().unwrap().code().is_some() {
                // It was over before: the machine is faster now than when the span was measured.
                span = span.mul_f64(0.9);
                break;
            }
            kills += 1;
        }
        let _ = case.publish(&[]).succeeded();
        buckets.push(case.bucket);
    }
    let expected = everything(&cloud, &["unkilled".to_owned()])["unkilled"].clone();
    for (bucket, found) in everything(&cloud, &buckets) {
        assert_eq!(found, expected, "{bucket}, seed {SEED}");
    }
    println!("{kills} kills of {} runs, seed {SEED}", buckets.len());
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
