//! Every fault at every request of a run: it succeeds without help, or says what happened and can be resumed; what is then in
//! the cloud is what a run without a fault leaves.

use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gumnut_tests::{Cloud, Fault};

use super::{Case, Everything, everything};

/// Runs at the same time.
const WORKERS: usize = 4;
/// Buckets in one cloud, which gives an account 100.
const BUCKETS: usize = 60;

/// Which fault, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reset,
    ResetInBody,
    LostAnswer,
    CutAnswer,
    AlteredAnswer,
    WrongEtag,
    Stall,
    Internal,
    Unavailable,
    TooMany,
    Moved,
    Skewed,
    Revoked,
    StoreFull,
    KilledBefore,
    KilledAfter,
}

const KINDS: [Kind; 16] = [
    Kind::Reset,
    Kind::ResetInBody,
    Kind::LostAnswer,
    Kind::CutAnswer,
    Kind::AlteredAnswer,
    Kind::WrongEtag,
    Kind::Stall,
    Kind::Internal,
    Kind::Unavailable,
    Kind::TooMany,
    Kind::Moved,
    Kind::Skewed,
    Kind::Revoked,
    Kind::StoreFull,
    Kind::KilledBefore,
    Kind::KilledAfter,
];

/// A case of the matrix.
#[derive(Clone, Debug)]
struct Point {
    bucket: String,
    request: usize,
    kind: Kind,
    retries: &'static str,
    jobs: &'static str,
}

fn fault(kind: Kind, victim: &Arc<Mutex<Option<Child>>>) -> Fault {
    let kill = || -> Arc<dyn Fn() + Send + Sync> {
        let victim = Arc::clone(victim);
        Arc::new(move || {
            if let Some(child) = victim.lock().unwrap().as_mut() {
                child.kill().unwrap();
            }
        })
    };
    match kind {
        Kind::Reset => Fault::Reset,
        Kind::ResetInBody => Fault::ResetInBody,
        Kind::LostAnswer => Fault::LostAnswer,
        Kind::CutAnswer => Fault::CutAnswer,
        Kind::AlteredAnswer => Fault::AlteredAnswer,
        Kind::WrongEtag => Fault::WrongEtag,
        Kind::Stall => Fault::Stall,
        Kind::Internal => Fault::Refusal(500, "InternalError", ""),
        Kind::Unavailable => Fault::Refusal(503, "SlowDown", "retry-after: 1\r\n"),
        Kind::TooMany => Fault::Refusal(429, "TooManyRequests", ""),
        Kind::Moved => Fault::Refusal(
            301,
            "PermanentRedirect",
            "location: http://127.0.0.1:9/elsewhere\r\n",
        ),
        Kind::Skewed => Fault::Skewed,
        Kind::Revoked => Fault::Revoked,
        Kind::StoreFull => Fault::StoreFull,
        Kind::KilledBefore => Fault::Before(kill()),
        Kind::KilledAfter => Fault::After(kill()),
    }
}

/// Lets one thing go wrong and brings the run to its end; says whether it needed a second attempt, or what was not as it
/// should be.
fn run(cloud: &Cloud, point: &Point) -> Result<bool, String> {
    let case = Case::new(cloud, &point.bucket);
    if point.kind == Kind::Stall {
        fs_err::create_dir(case.program.path(".euca")).unwrap();
        case.program
            .write(".euca/limits.ini", "[global]\ntimeout = 2\n");
    }
    let victim = Arc::new(Mutex::new(None));
    case.proxy.arm(point.request, fault(point.kind, &victim));
    let options = ["--retries", point.retries, "--jobs", point.jobs];
    let mut command = case
        .program
        .command(&[&case.arguments()[..], &options].concat());
    command.stdout(std::process::Stdio::null());
    let errors = case.program.path("errors");
    command.stderr(fs_err::File::create(&errors).unwrap().into_parts().0);
    {
        // The victim is known before its first request can be answered.
        let mut slot = victim.lock().unwrap();
        *slot = Some(command.spawn().unwrap());
    }
    let code = loop {
        let mut slot = victim.lock().unwrap();
        if let Some(status) = slot.as_mut().unwrap().try_wait().unwrap() {
            break status.code();
        }
        drop(slot);
        // Nothing depends on how long this is; it only leaves the processor to the run.
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let said = fs_err::read_to_string(&errors).unwrap();
    let killed = matches!(point.kind, Kind::KilledBefore | Kind::KilledAfter);
    match code {
        Some(0) => return Ok(false),
        Some(4 | 5) if said.contains("error:") && !said.contains("panicked") => {}
        None if killed => {}
        other => return Err(format!("ended with {other:?}: {said}")),
    }
    case.proxy.disarm();
    // One who repeats the command and one who resumes get the same; without a journal there is nothing to resume.
    let journal = !case.program.json(&["runs"])["runs"]
        .as_array()
        .unwrap()
        .is_empty();
    let outcome = if journal && point.request.is_multiple_of(2) {
        case.program.run(&["resume"])
    } else {
        case.publish(&[])
    };
    match outcome.code {
        Some(0) => Ok(true),
        _ => Err(format!("first said {said}, and then {outcome:#?}")),
    }
}

#[test]
fn every_fault_at_every_request_is_survived() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "clean");
    let _ = case.publish(&["--jobs", "1"]).succeeded();
    let requests = case.proxy.log().len();
    let mut points = Vec::new();
    for (retries, jobs) in [("0", "1"), ("2", "3")] {
        for request in 0..requests {
            for kind in KINDS {
                let bucket = format!("case-{retries}-{request}-{kind:?}").to_ascii_lowercase();
                points.push(Point {
                    bucket,
                    request,
                    kind,
                    retries,
                    jobs,
                });
            }
        }
    }
    assert!(
        points.len() >= 1000,
        "{} cases of {requests} requests",
        points.len()
    );
    let clean: Everything = everything(&cloud, &["clean".to_owned()])["clean"].clone();
    assert_eq!(clean.1.len(), 3, "{clean:?}");
    let next = AtomicUsize::new(0);
    let resumed = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let groups: Vec<_> = points.chunks(BUCKETS).collect();
    let work = || {
        while let Some(group) = groups.get(next.fetch_add(1, Ordering::SeqCst)) {
            let cloud = Cloud::start();
            for point in *group {
                match run(&cloud, point) {
                    Ok(again) => _ = resumed.fetch_add(usize::from(again), Ordering::SeqCst),
                    Err(what) => failures.lock().unwrap().push(format!("{point:?} {what}")),
                }
            }
            let buckets: Vec<_> = group.iter().map(|point| point.bucket.clone()).collect();
            for (bucket, found) in everything(&cloud, &buckets) {
                if found != clean {
                    let what = format!("{bucket} has {found:#?} instead of {clean:#?}");
                    failures.lock().unwrap().push(what);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{count} failures: {}",
        failures.join("\n\n")
    );
    let resumed = resumed.into_inner();
    println!("{} cases, {resumed} of them resumed", points.len());
    assert!(
        resumed > points.len() / 4,
        "{resumed} of {} needed a second attempt",
        points.len()
    );
}
