//! A power cut at any moment: what was acknowledged is there, and of the rest all of a unit of change or nothing.

use gumnut_cloud_catalogue::Catalogue;

use crate::disk::{Disk, Random};
use crate::tools;
use crate::trace::{self, Call, Event};
use crate::work::{self, THREADS};

/// Where the random numbers begin; a failure repeats with the one that it names.
const SEED: u64 = 0x6775_6d6e_7574;
const CRASHES: usize = 200;

#[test]
fn two_hundred_power_cuts_lose_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs_err::create_dir(&data).unwrap();
    tools::make(&data);
    let mut disk = Disk::of(&data);
    let events = trace::of(&work::command(folder.path()), folder.path());
    let data = data.to_str().unwrap();
    let log = folder.path().join(work::LOG);
    let log = log.to_str().unwrap();

    let mut random = Random(SEED);
    let mut moments: Vec<_> = (0..CRASHES).map(|_| random.below(events.len())).collect();
    moments.sort_unstable();
    let (mut seen, mut acknowledged) = (0, [0; THREADS]);
    for moment in moments {
        for event in &events[seen..moment] {
            disk.see(event, data);
            if let Event::Begins(_, Call::Write { path, bytes, .. }) = event
                && path == log
            {
                acknowledged[usize::from(bytes[0])] += 1;
            }
        }
        seen = moment;
        check(&disk, &acknowledged, moment, &mut random);
    }
    assert!(
        acknowledged.iter().sum::<usize>() > CRASHES,
        "{acknowledged:?}"
    );
}

/// Opens what a crash has left.
fn check(disk: &Disk, acknowledged: &[usize; THREADS], moment: usize, random: &mut Random) {
    let crashed = tempfile::tempdir().unwrap();
    disk.crash(crashed.path(), random);
    let database = tools::open(crashed.path());
    let database = database.unwrap_or_else(|error| panic!("event {moment}: {error}"));
    database.check().unwrap();
    let catalogue = Catalogue::new(database);
    let faults = futures::executor::block_on(catalogue.faults()).unwrap();
    assert_eq!(faults, [""; 0], "event {moment}");
    for (thread, &count) in acknowledged.iter().enumerate() {
        let found = work::found(&catalogue, thread);
        // The next unit may have been committed, and nobody have heard of it.
        let possible = [work::after(thread, count), work::after(thread, count + 1)];
        assert!(
            possible.contains(&found),
            "event {moment}: thread {thread} has lost something after {count} units"
        );
    }
}
