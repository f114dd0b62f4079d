//! The embedded cloud's object store under load, side by side with rclone's server on the same disk.

mod counts;
mod servers;

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use support::load::{Direction, Load, Signer};
use support::noise;
use support::python::Environment;
use support::report::mebibytes;
use support::system;

use self::servers::Server;
use crate::measure::Sample;
use crate::row::{Row, heading};
use crate::suites::{Run, Suites, in_turn};

/// How many clients there are at once.
const CLIENTS: [usize; 3] = [1, 8, 64];
/// Name of a job, its objects, and the length of each in bytes.
const OBJECTS: [(&str, usize, usize); 2] = [("10 MiB", 64, 10 << 20), ("4 KiB", 1024, 4 << 10)];
/// The uploads that memory is measured under, and the length of each in bytes.
const UPLOADS: (usize, usize) = (64, 100 << 20);
/// gumnut must remain below this under them, in bytes.
const PEAK_LIMIT: u64 = 256 << 20;
/// The bucket: the first name that the signer gives out, below the root of the server.
const BUCKET: &str = "00000";

/// Only what is counted: see [`Bed::count`].
pub(crate) fn count(suites: &Suites<'_>) -> anyhow::Result<()> {
    let environment = Environment::of_clients(suites.workspace)?;
    let folder = suites.workspace.scratch("bench-cloud")?;
    system::program(&suites.workspace.shell()?, "strace", "strace")?;
    let bed = Bed {
        suites,
        environment,
        folder: folder.path(),
    };
    bed.count()
}

pub(crate) fn run(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    let environment = Environment::of_clients(suites.workspace)?;
    // Not in memory, as the other jobs: how soon bytes are on the disk is half of what a store is about.
    let folder = suites.workspace.scratch("bench-cloud")?;
    let bed = Bed {
        suites,
        environment,
        folder: folder.path(),
    };
    heading();
    let mut rows = Vec::new();
    for (name, count, length) in OBJECTS {
        for clients in CLIENTS {
            rows.extend(bed.compare(name, count, length, clients)?);
        }
    }
    rows.push(bed.memory()?);
    drop(bed);
    drop(folder);
    count(suites)?;
    Ok(rows)
}

struct Bed<'a> {
    suites: &'a Suites<'a>,
    environment: Environment,
    folder: &'a Path,
}

impl Bed<'_> {
    /// Both servers in turn; each round puts all objects and gets them again.
    fn compare(
        &self,
        name: &str,
        count: usize,
        length: usize,
        clients: usize,
    ) -> anyhow::Result<Vec<Row>> {
        let servers = [
            Server::gumnut(&self.suites.program, &self.folder.join("gumnut"))?,
            Server::rclone(&self.environment, &self.folder.join("rclone"))?,
        ];
        let mut rows = Vec::new();
        for server in &servers {
            self.make_bucket(server)?;
        }
        for (verb, direction) in [("PUT", Direction::Put), ("GET", Direction::Get)] {
            let runs = servers.each_ref().map(|server| -> Run<'_> {
                (
                    server.name.to_owned(),
                    Box::new(move || self.sample(server, direction, (count, length), clients)),
                )
            });
            let samples = in_turn(self.suites.rounds, &runs)?;
            let input = format!("{verb} {name}, {clients}");
            for (number, (program, _)) in runs.iter().enumerate() {
                let peer: &[Sample] = if number == 0 { &samples[1] } else { &[] };
                let row = self
                    .suites
                    .row(("cloud", &input, program), &samples[number], peer);
                row.print();
                rows.push(row);
            }
        }
        drop(servers);
        fs_err::remove_dir_all(self.folder.join("gumnut"))?;
        fs_err::remove_dir_all(self.folder.join("rclone"))?;
        Ok(rows)
    }

    /// gumnut's memory while many large objects come in at once.
    fn memory(&self) -> anyhow::Result<Row> {
        let (count, length) = UPLOADS;
        let server = Server::gumnut(&self.suites.program, &self.folder.join("gumnut"))?;
        self.make_bucket(&server)?;
        let sample = self.sample(&server, Direction::Put, UPLOADS, count)?;
        let input = format!("PUT {}, {count}", mebibytes(length as u64));
        let row = self
            .suites
            .row(("cloud", &input, server.name), &[sample], &[]);
        row.print();
        ensure!(
            sample.peak < PEAK_LIMIT,
            "gumnut takes {} of memory under {count} uploads, limit {}",
            mebibytes(sample.peak),
            mebibytes(PEAK_LIMIT)
        );
        Ok(row)
    }

    fn make_bucket(&self, server: &Server) -> anyhow::Result<()> {
        let url = format!("http://{}", server.address);
        let heads = self.signer(server).heads("PUT", &url, 1, &[])?;
        let load = Load {
            server: server.address,
            heads,
            body: Vec::new(),
            direction: Direction::Put,
        };
        load.run(1).map(drop)
    }

    fn sample(
        &self,
        server: &Server,
        direction: Direction,
        (count, length): (usize, usize),
        clients: usize,
    ) -> anyhow::Result<Sample> {
        let body = noise(length);
        let url = format!("http://{}/{BUCKET}", server.address);
        let signed: &[u8] = if direction == Direction::Put {
            &body
        } else {
            &[]
        };
        let heads = self
            .signer(server)
            .heads(direction.method(), &url, count, signed)?;
        let load = Load {
            server: server.address,
            heads,
            body,
            direction,
        };
        let before = server.processor_time()?;
        let wall: Duration = load.run(clients)?;
        Ok(Sample {
            wall: wall.as_secs_f64(),
            user: 0.0,
            cpu: server.processor_time()? - before,
            peak: server.peak_memory()?,
            output: (count * length) as u64,
        })
    }

    fn signer<'a>(&'a self, server: &'a Server) -> Signer<'a> {
        Signer {
            workspace: self.suites.workspace,
            environment: &self.environment,
            access_key: &server.access_key,
            secret_key: &server.secret_key,
        }
    }
}
