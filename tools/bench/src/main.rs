#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to anyone who started it"
)]

mod chart;
mod cloud;
mod contenders;
mod input;
mod instructions;
mod make;
mod measure;
mod publish;
mod record;
mod resize;
mod row;
mod small;
mod start;
mod suites;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Parser, ValueEnum};
use support::gumnut::{Choice, Profile};
use support::report::mebibytes;
use support::system;
use support::workspace::Workspace;

use row::Row;
use suites::Suites;

/// Measure gumnut side by side with what it replaces.
///
/// Each job is done by gumnut and by its peer in turn, on several images. The table has medians with minimum and
/// maximum; "ratio" is how many times as fast as the peer, by pairs of the same round; "effic." is processor time on all
/// cores by wall time; "bound" is wall time in multiples of the largest of processor time on all cores and the time of
/// SHA-1. Fails when gumnut's peak memory reaches 48 MiB. Figures mean something only in comparison within one run on
/// a quiet machine.
#[derive(Parser)]
#[command(
    name = "cargo xtask bench",
    bin_name = "cargo xtask bench",
    max_term_width = 100
)]
struct Bench {
    /// What to measure [default: bundle, unbundle and verify]
    jobs: Vec<Job>,
    /// Use this image [default: images of several kinds, which are made]
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// How often each is run
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where bundles and restored images go
    ///
    /// By default a file system in memory, so that the speed of a disk is not measured with them; it takes up to 5 GiB.
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    scratch: PathBuf,
    /// Put the results into this file, and a chart of them beside it; results of other jobs in it are kept
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// With `instructions`: make the counts of this run the ones to compare with
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    program: Choice,
    /// Measure the dev build, which is there sooner
    #[arg(long)]
    dev: bool,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Job {
    /// Image to parts; peer: tar, sha1sum, pigz, openssl, split
    Bundle,
    /// Parts to image, for parts of either maker; peer: openssl, pigz, tar
    Unbundle,
    /// Parts checked, nothing written; the shell has nothing like it
    Verify,
    /// Bundling 1 to 16 GiB with the same data: time must be linear
    Sweep,
    /// 10,000 bundles of 64 KiB, spread over the rounds
    Small,
    /// The embedded cloud's object store with 1, 8 and 64 clients; peer: rclone's server, on the same disk
    Cloud,
    /// Waits for the disk and context switches of the embedded cloud's object store, counted and compared with limits; part of `cloud`
    Counts,
    /// The embedded cloud, from the command to the line that says where it listens
    Start,
    /// The small fixture's disk to 4 GiB; peer: the tutorial's commands, as root
    Resize,
    /// The small fixture published with a disk of 4 GiB; peer: the same resized and bundled, and no more
    Publish,
    /// An image of a tree of 1 GiB, from an archive and from a directory; peers: mke2fs -d, and as root what euca-bundle-vol does
    Make,
    /// Images of trees of 1 to 10 GiB and of 50,000 to 500,000 files: time must be linear; takes 25 GiB of disk
    MakeSweep,
    /// Instructions of each stage, counted by callgrind and compared with the counts in the repository
    Instructions,
}

/// gumnut must remain below this in every job, in bytes.
const PEAK_LIMIT: u64 = 48 << 20;

fn main() -> ExitCode {
    let bench = Bench::parse();
    match Workspace::find().and_then(|workspace| bench.run(&workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Bench {
    fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        ensure!(self.rounds > 0, "no rounds, no figures");
        system::all(workspace)?;
        let mut jobs = self.jobs.clone();
        if jobs.is_empty() {
            jobs = vec![Job::Bundle, Job::Unbundle, Job::Verify];
        }
        if jobs.contains(&Job::Instructions) {
            instructions::run(workspace, self.update)?;
            jobs.retain(|job| *job != Job::Instructions);
        }
        if jobs.is_empty() {
            return Ok(());
        }
        let rows = self.measure(workspace, &jobs)?;
        check_memory(&rows)
    }

    fn measure(&self, workspace: &Workspace, jobs: &[Job]) -> anyhow::Result<Vec<Row>> {
        let profile = if self.dev {
            Profile::Dev
        } else {
            Profile::Release
        };
        let cores = std::thread::available_parallelism()?.get();
        println!("{cores} cores, {} rounds", self.rounds);
        let suites = Suites {
            workspace,
            program: self.program.get(workspace, profile)?,
            image: self
                .image
                .as_deref()
                .map(fs_err::canonicalize)
                .transpose()?,
            scratch: fs_err::canonicalize(&self.scratch)?,
            rounds: self.rounds,
            cores: f64::from(u16::try_from(cores)?),
        };
        let mut rows = Vec::new();
        for job in jobs {
            let new = match job {
                Job::Bundle => suites.bundle()?,
                Job::Unbundle => suites.unbundle()?,
                Job::Verify => suites.verify()?,
                Job::Sweep => suites.sweep()?,
                Job::Small => small::run(&suites)?,
                Job::Cloud => cloud::run(&suites)?,
                Job::Counts => {
                    cloud::count(&suites)?;
                    Vec::new()
                }
                Job::Start => start::run(&suites)?,
                Job::Resize => resize::run(&suites)?,
                Job::Publish => publish::run(&suites)?,
                Job::Make => make::run(&suites)?,
                Job::MakeSweep => make::sweep(&suites)?,
                Job::Instructions => Vec::new(),
            };
            // What was measured is kept even if a later job fails.
            if let Some(path) = &self.json {
                let measured: Vec<_> = new.iter().map(Row::json).collect();
                record::write(path, cores, self.rounds, &measured)?;
            }
            rows.extend(new);
        }
        Ok(rows)
    }
}

fn check_memory(rows: &[Row]) -> anyhow::Result<()> {
    // These have limits of their own, which are checked where they are measured.
    let commands = rows
        .iter()
        .filter(|row| !["cloud", "make"].contains(&row.job));
    let own = commands.filter(|row| row.program.starts_with("gumnut"));
    let Some(highest) = own.map(|row| row.peak).max() else {
        return Ok(());
    };
    println!(
        "\npeak memory of gumnut: {}, limit {}",
        mebibytes(highest),
        mebibytes(PEAK_LIMIT)
    );
    ensure!(
        highest < PEAK_LIMIT,
        "gumnut takes {} of memory",
        mebibytes(highest)
    );
    Ok(())
}
