//! `cargo xtask bench`: time and memory, side by side with the shell pipeline that it replaces.

mod input;
mod jobs;
mod measure;

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::gumnut::{Choice, Profile};
use crate::report::mebibytes;
use crate::setup;
use crate::workspace::Workspace;
use jobs::{Bench as Bed, Contender};
use measure::{Sample, Summary};

/// Measure bundling, unbundling and verifying, side by side with tar, pigz, openssl and split.
///
/// Prints medians with minimum and maximum, and fails when gumnut's peak memory reaches 64 MiB. Figures mean
/// something only in comparison within one run on a quiet machine.
#[derive(Args)]
pub(crate) struct Bench {
    /// What to measure [default: all]
    jobs: Vec<Job>,
    /// Use this image [default: a 1001 MiB ext3 with files of this machine's /usr]
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// How often each is run; the first time for nothing, to warm the page cache
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    program: Choice,
    /// Measure the dev build, which is there sooner
    #[arg(long)]
    dev: bool,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Job {
    /// Image to parts
    Bundle,
    /// Parts to image
    Unbundle,
    /// Parts checked, nothing written; the shell has nothing like it
    Verify,
}

/// gumnut must stay below this in every job, in bytes.
const PEAK_LIMIT: u64 = 64 << 20;

impl Bench {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        ensure!(self.rounds > 0, "no rounds, no figures");
        setup::system(workspace)?;
        let profile = if self.dev {
            Profile::Dev
        } else {
            Profile::Release
        };
        let program = self.program.get(workspace, profile)?;
        let image = match &self.image {
            Some(image) => fs_err::canonicalize(image)?,
            None => input::populated(workspace)?,
        };
        let scratch = workspace.scratch("bench")?;
        let bed = Bed::new(workspace, program, image, scratch.path())?;
        let all = [Job::Bundle, Job::Unbundle, Job::Verify];
        let jobs = if self.jobs.is_empty() {
            &all[..]
        } else {
            &self.jobs
        };
        let mut highest = 0;
        let cores = std::thread::available_parallelism()?;
        println!(
            "image {}, {cores} cores, {} rounds",
            bed.image().display(),
            self.rounds
        );
        heading();
        for job in jobs {
            highest = highest.max(self.compare(&bed, *job)?);
        }
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

    /// Measures one job in turn with each contender; gives gumnut's peak memory in bytes.
    fn compare(&self, bed: &Bed, job: Job) -> anyhow::Result<u64> {
        let contenders: &[Contender] = match job {
            Job::Bundle | Job::Unbundle => &[Contender::Gumnut, Contender::Shell],
            Job::Verify => &[Contender::Gumnut],
        };
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
        for round in 0..=self.rounds {
            for (contender, samples) in contenders.iter().zip(&mut samples) {
                let sample = bed.run(job, *contender)?;
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        let summaries: Vec<Summary> = samples.iter().map(|samples| Summary::of(samples)).collect();
        let gumnut = summaries[0].wall.median;
        for (contender, summary) in contenders.iter().zip(&summaries) {
            row(job, *contender, summary, summary.wall.median / gumnut);
        }
        Ok(summaries[0].peak)
    }
}

fn heading() {
    println!(
        "\n{:9} {:7} {:>24} {:>9} {:>12} {:>12} {:>6}",
        "job", "program", "wall (min to max)", "CPU", "peak memory", "output", "ratio"
    );
}

fn row(job: Job, contender: Contender, summary: &Summary, ratio: f64) {
    let job = match job {
        Job::Bundle => "bundle",
        Job::Unbundle => "unbundle",
        Job::Verify => "verify",
    };
    let wall = &summary.wall;
    let wall = format!(
        "{:.2} s ({:.2} to {:.2})",
        wall.median, wall.least, wall.most
    );
    let output = if summary.output == 0 {
        "-".to_owned()
    } else {
        mebibytes(summary.output)
    };
    println!(
        "{job:9} {:7} {wall:>24} {:>7.2} s {:>12} {output:>12} {ratio:>6.2}",
        contender.name(),
        summary.cpu,
        mebibytes(summary.peak),
    );
}
