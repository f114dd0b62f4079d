//! How much more three front ends carry than one, each with a quota of processor time.
//!
//! Front ends, PostgreSQL, Ceph, HAProxy and the clients share one machine, so three front ends are faster than one only when the front
//! ends are what is short. Quotas make sure of it, and a run counts only if they have been used up.

#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here is that large"
)]

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{bail, ensure};
use support::load::{Direction, Load};
use support::noise;
use support::ports::free_ports;
use support::postgres;
use support::report::Steps;

use crate::front_end::{FrontEnd, Shared};
use crate::group::Group;
use crate::relay::Relay;
use crate::scene::{FRONT_ENDS, Scene};

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(5);
/// How long the same load runs before it, so that connections are made.
const WARM_UP: Duration = Duration::from_secs(1);
/// How many clients there are for each front end, so that each has the same queue in both arms.
const CLIENTS: usize = 8;
/// How often each arm is measured, alternately.
const ROUNDS: usize = 3;
/// How often the rounds are repeated when they do not count.
const ATTEMPTS: usize = 5;
/// The part of its quota that each front end must have used.
const USED: f64 = 0.9;
/// How much more processor time a request may take with three front ends than with one.
const DEARER: f64 = 1.15;
/// How many times more requests three front ends must answer.
const RATIO: f64 = 2.5;
/// The bucket: the first name that the signer gives out, below the root of the server.
const BUCKET: &str = "00000";
/// Name of a job, the length of its objects, how many there are to get, and how many requests are signed for each second.
const JOBS: [(&str, usize, usize, usize); 2] =
    [("4 KiB", 4 << 10, 500, 600), ("1 MiB", 1 << 20, 50, 60)];

/// How many round trips to PostgreSQL a request may take.
const TRIPS: [(Direction, u64); 2] = [(Direction::Put, 3), (Direction::Get, 1)];
/// How many requests they are counted of, and how many are sent before.
const COUNTED: usize = 100;
const WARMING: usize = 10;

/// Processor time of all processes but the front ends.
struct Groups {
    postgres: Group,
    ceph: Group,
    balancer: Group,
}

/// What one measurement has found. Times are in seconds.
struct Sample {
    /// Requests in a second.
    rate: f64,
    /// For each front end, how much of its quota it has used.
    used: Vec<f64>,
    /// Processor time of the front ends for each request.
    time: f64,
    /// That of HAProxy, PostgreSQL and Ceph.
    others: Vec<f64>,
    /// Statements of PostgreSQL for each request.
    statements: f64,
    /// Requests to Ceph for each request.
    blob_operations: f64,
}

pub(crate) fn run(scene: &mut Scene<'_>, quota: f64, steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("a bucket", || make_bucket(scene))?;
    steps.check("how often a request waits for PostgreSQL", || {
        count_trips(scene)
    });
    let groups = steps.run("quotas", || limit(scene, quota))?;
    for (name, length, objects, signed) in JOBS {
        for direction in [Direction::Put, Direction::Get] {
            let bench = Bench {
                scene,
                groups: &groups,
                quota,
                direction,
                length,
                objects,
                signed,
            };
            let title = format!("{} of {name}: three front ends and one", direction.method());
            steps.check(&title, || bench.compare());
        }
    }
    steps.check("the front ends end", || {
        for front_end in &mut scene.front_ends {
            front_end.stop()?;
            front_end.group = None;
        }
        Ok(())
    });
    steps.run("they start again without quotas", || {
        scene.front_ends.iter_mut().try_for_each(FrontEnd::start)
    })
}

/// Gives each front end its quota, and counts the processor time of the others.
fn limit(scene: &mut Scene<'_>, quota: f64) -> anyhow::Result<Groups> {
    for front_end in &mut scene.front_ends {
        let group = Group::new(&front_end.name)?;
        group.limit(quota)?;
        group.add(front_end.id()?)?;
        front_end.group = Some(group);
    }
    let groups = Groups {
        postgres: Group::new("postgres")?,
        ceph: Group::new("ceph")?,
        balancer: Group::new("haproxy")?,
    };
    for process in scene.postgres.processes()? {
        groups.postgres.add(process)?;
    }
    for process in scene.ceph.processes() {
        groups.ceph.add(process)?;
    }
    groups.balancer.add(scene.balancer.id())?;
    Ok(groups)
}

fn make_bucket(scene: &Scene<'_>) -> anyhow::Result<()> {
    let server = scene.balancer.one;
    let load = Load {
        server,
        heads: scene
            .signer()
            .heads("PUT", &format!("http://{server}"), 1, &[])?,
        body: Vec::new(),
        direction: Direction::Put,
    };
    load.run(1).map(drop)
}

/// Counts the round trips to PostgreSQL of one request at a time, which a front end of its own is asked, behind a relay.
fn count_trips(scene: &Scene<'_>) -> anyhow::Result<()> {
    let relay = Relay::start(scene.postgres.socket())?;
    let shared = Shared {
        catalogue: postgres::url_by(relay.host()),
        ..scene.shared.clone()
    };
    let [address] = free_ports()?;
    let mut front_end = FrontEnd::new(&scene.program, scene.folder(), "counted", address, &shared)?;
    front_end.start()?;
    for (direction, limit) in TRIPS {
        let requests = load(
            scene,
            address,
            direction,
            "counted",
            (4 << 10, WARMING + COUNTED),
        )?;
        let mut trips = Vec::new();
        for head in &requests.heads {
            let request = Load {
                server: address,
                heads: vec![head.clone()],
                body: requests.body.clone(),
                direction,
            };
            let before = relay.trips();
            request.run(1)?;
            trips.push(relay.trips() - before);
        }
        // The first ones also make connections and fill caches.
        let mut counted = trips.split_off(WARMING);
        counted.sort_unstable();
        let (median, sum) = (counted[COUNTED / 2], counted.iter().sum::<u64>());
        println!(
            "    {}: {median} round trips, {:.2} on average",
            direction.method(),
            sum as f64 / COUNTED as f64
        );
        ensure!(
            median <= limit,
            "{} takes {median} round trips, at most {limit} are allowed",
            direction.method()
        );
    }
    front_end.stop()
}

/// Requests for objects of one length below a name.
fn load(
    scene: &Scene<'_>,
    server: SocketAddr,
    direction: Direction,
    name: &str,
    (length, count): (usize, usize),
) -> anyhow::Result<Load> {
    let body = noise(length);
    let url = format!("http://{server}/{BUCKET}/{length}/{name}");
    let signed: &[u8] = if direction == Direction::Put {
        &body
    } else {
        &[]
    };
    let heads = scene
        .signer()
        .heads(direction.method(), &url, count, signed)?;
    Ok(Load {
        server,
        heads,
        body,
        direction,
    })
}

/// One comparison.
struct Bench<'a> {
    scene: &'a Scene<'a>,
    groups: &'a Groups,
    quota: f64,
    direction: Direction,
    /// Of each object, in bytes.
    length: usize,
    /// How many there are to get.
    objects: usize,
    /// How many requests are signed for each second.
    signed: usize,
}

impl Bench<'_> {
    /// Repeats the comparison until it counts.
    fn compare(&self) -> anyhow::Result<()> {
        if self.direction == Direction::Get {
            self.put_objects()?;
        }
        let mut reason = String::new();
        for attempt in 0..ATTEMPTS {
            let [mut one, mut three] = [Vec::new(), Vec::new()];
            for round in 0..ROUNDS {
                let name = format!("{}-{attempt}-{round}", self.length);
                one.push(self.measure(1, &name)?);
                three.push(self.measure(FRONT_ENDS, &name)?);
            }
            match verdict(&one, &three) {
                Ok(ratio) => {
                    ensure!(
                        ratio >= RATIO,
                        "three front ends answer {ratio:.2} times as many requests, and not {RATIO}"
                    );
                    println!("    ratio {ratio:.2}");
                    return Ok(());
                }
                Err(invalid) => reason = invalid,
            }
            println!("    does not count: {reason}");
        }
        bail!("the machine is too busy: {reason}")
    }

    /// Puts what is to be got, through the front ends themselves.
    fn put_objects(&self) -> anyhow::Result<()> {
        let load = self.load(
            self.scene.balancer.all,
            Direction::Put,
            "objects",
            self.objects,
        )?;
        load.run(CLIENTS).map(drop)
    }

    /// Requests for objects below a name.
    fn load(
        &self,
        server: SocketAddr,
        direction: Direction,
        name: &str,
        count: usize,
    ) -> anyhow::Result<Load> {
        load(self.scene, server, direction, name, (self.length, count))
    }

    /// Measures one arm: with one front end or with all.
    fn measure(&self, front_ends: usize, name: &str) -> anyhow::Result<Sample> {
        let (server, clients) = if front_ends == 1 {
            (self.scene.balancer.one, CLIENTS)
        } else {
            (self.scene.balancer.all, CLIENTS * FRONT_ENDS)
        };
        let load = match self.direction {
            // Each name once: to replace an object is another job.
            Direction::Put => {
                let warm_up = format!("{name}-{front_ends}-warm-up");
                let load = self.load(server, Direction::Put, &warm_up, self.signed)?;
                load.run_for(clients, WARM_UP)?;
                let seconds = usize::try_from(TIME.as_secs())? + 1;
                let name = format!("{name}-{front_ends}");
                self.load(server, Direction::Put, &name, self.signed * seconds)?
            }
            Direction::Get => {
                let load = self.load(server, Direction::Get, "objects", self.objects)?;
                load.run_for(clients, WARM_UP)?;
                load
            }
        };
        let counted = self.counted()?;
        let times = self.times(front_ends)?;
        let (count, wall) = load.run_for(clients, TIME)?;
        let times = difference(&times, &self.times(front_ends)?);
        let counted = difference(&counted, &self.counted()?);
        ensure!(
            self.direction == Direction::Get || count <= load.heads.len(),
            "more requests were sent than were signed: {count}"
        );
        let sample = Sample::new(count, wall, self.quota, &times, &counted);
        println!("    {sample}");
        Ok(sample)
    }

    /// Processor time in seconds: HAProxy, PostgreSQL, Ceph, and each front end.
    fn times(&self, front_ends: usize) -> anyhow::Result<Vec<f64>> {
        let Groups {
            balancer,
            postgres,
            ceph,
        } = self.groups;
        let own = self.scene.front_ends.iter().take(front_ends);
        [balancer, postgres, ceph]
            .into_iter()
            .chain(own.filter_map(|front_end| front_end.group.as_ref()))
            .map(|group| Ok(group.used()?.as_secs_f64()))
            .collect()
    }

    /// Statements of PostgreSQL and requests to Ceph so far.
    fn counted(&self) -> anyhow::Result<Vec<f64>> {
        let Scene { postgres, ceph, .. } = self.scene;
        Ok(vec![postgres.statements()? as f64, ceph.requests()? as f64])
    }
}

fn difference(before: &[f64], after: &[f64]) -> Vec<f64> {
    before
        .iter()
        .zip(after)
        .map(|(before, after)| after - before)
        .collect()
}

impl Sample {
    fn new(count: usize, wall: Duration, quota: f64, times: &[f64], counted: &[f64]) -> Self {
        let (others, own) = times.split_at(3);
        let each = |value: f64| value / count as f64;
        Self {
            rate: count as f64 / wall.as_secs_f64(),
            used: own
                .iter()
                .map(|time| time / wall.as_secs_f64() / quota)
                .collect(),
            time: each(own.iter().sum()),
            others: others.iter().map(|&time| each(time)).collect(),
            statements: each(counted[0]),
            blob_operations: each(counted[1]),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used: Vec<_> = self
            .used
            .iter()
            .map(|used| format!("{:.0} %", used * 100.0))
            .collect();
        write!(
            f,
            "{} front ends: {:.0} requests/s; quotas used {}; ms of processor time per request: front ends {:.2}, HAProxy {:.2}, PostgreSQL {:.2}, Ceph {:.2}; per request: statements {:.2}, blob operations {:.2}",
            self.used.len(),
            self.rate,
            used.join(", "),
            self.time * 1e3,
            self.others[0] * 1e3,
            self.others[1] * 1e3,
            self.others[2] * 1e3,
            self.statements,
            self.blob_operations
        )
    }
}

/// How many times more requests three front ends have answered than one, or why the figures mean nothing.
fn verdict(one: &[Sample], three: &[Sample]) -> Result<f64, String> {
    let used = one.iter().chain(three).flat_map(|sample| &sample.used);
    let least = used.copied().fold(f64::INFINITY, f64::min);
    if least < USED {
        return Err(format!(
            "a front end has used {:.0} % of its quota",
            least * 100.0
        ));
    }
    let change = median(three, |sample| sample.time) / median(one, |sample| sample.time);
    if change > DEARER {
        return Err(format!(
            "with three front ends a request takes {change:.2} times the processor time"
        ));
    }
    let ratio = median(three, |sample| sample.rate) / median(one, |sample| sample.rate);
    // More than three is what a request takes less.
    Ok(if ratio > FRONT_ENDS as f64 {
        ratio * change
    } else {
        ratio
    })
}

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round of one arm: so many requests in 5 seconds, with 0.08 of a processor for each front end.
    fn sample(count: usize, seconds_used: &[f64]) -> Sample {
        let times: Vec<_> = [0.1, 0.2, 0.3]
            .iter()
            .chain(seconds_used)
            .copied()
            .collect();
        Sample::new(
            count,
            Duration::from_secs(5),
            0.08,
            &times,
            &[1000.0, 500.0],
        )
    }

    #[test]
    fn three_times_as_many_with_all_quotas_used_count() {
        let one = [
            sample(500, &[0.4]),
            sample(490, &[0.39]),
            sample(510, &[0.4]),
        ];
        let three = [
            sample(1400, &[0.4; 3]),
            sample(1450, &[0.39; 3]),
            sample(1500, &[0.4; 3]),
        ];
        let ratio = verdict(&one, &three).unwrap();
        assert!((ratio - 2.9).abs() < 1e-9, "{ratio}");
        assert!((one[0].statements - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_quota_that_was_not_used_up_does_not_count() {
        let one = [sample(500, &[0.4])];
        let three = [sample(1500, &[0.4, 0.34, 0.4])];
        assert!(verdict(&one, &three).unwrap_err().contains("85 %"));
    }

    #[test]
    fn requests_that_get_dearer_do_not_count_and_cheaper_ones_are_taken_off() {
        let one = [sample(500, &[0.4])];
        let refusal = verdict(&one, &[sample(1200, &[0.4; 3])]).unwrap_err();
        assert!(refusal.contains("1.25 times"), "{refusal}");
        let ratio = verdict(&one, &[sample(2000, &[0.4; 3])]).unwrap();
        assert!((ratio - 3.0).abs() < 1e-9, "{ratio}");
    }
}
