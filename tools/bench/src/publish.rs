//! The whole job in one command, side by side with its parts: resizing and bundling alone.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use support::cloud::Cloud;
use support::fixture::{self, Unpacked};
use support::report::mebibytes;
use xshell::Shell;

use crate::measure::{Sample, Spread, measure};
use crate::row::{Row, heading};
use crate::suites::Suites;

/// Publishing may take this many times as long as resizing and bundling alone.
const MOST: f64 = 1.15;
/// A second run may take this share of the first.
const MOST_AGAIN: f64 = 0.15;
/// Publishing must remain below this, in bytes.
const PEAK_LIMIT: u64 = 96 << 20;
/// Resizes, and bundles all three images.
const PARTS: &str = "set -eu
\"$0\" --quiet resize \"$2\" --size 4G -o new.img
\"$0\" --config \"$1\" --quiet bundle \"$3\" --kind kernel --arch \"$5\" -d out
\"$0\" --config \"$1\" --quiet bundle \"$4\" --kind ramdisk --arch \"$5\" -d out
\"$0\" --config \"$1\" --quiet bundle new.img --arch \"$5\" -d out";

/// Where everything is.
struct Bed<'a> {
    shell: Shell,
    program: &'a Path,
    folder: &'a Path,
    tarball: PathBuf,
    unpacked: Unpacked,
}

/// The runs of all rounds.
#[derive(Default)]
struct Samples {
    first: Vec<Sample>,
    again: Vec<Sample>,
    parts: Vec<Sample>,
}

pub(crate) fn run(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    let folder = suites.folder()?;
    let shell = suites.workspace.shell()?;
    shell.change_dir(folder.path());
    let tarball = fixture::small(suites.workspace)?;
    let unpacked = Unpacked::from(&shell, &tarball, folder.path())?;
    let bed = Bed {
        shell,
        program: suites.program(),
        folder: folder.path(),
        tarball,
        unpacked,
    };
    heading();
    let mut samples = Samples::default();
    for round in 0..suites.rounds {
        bed.round(round, &mut samples)?;
    }
    let rows: Vec<Row> = [
        ("gumnut publish", &samples.first, &samples.parts),
        ("gumnut publish, again", &samples.again, &samples.first),
        ("resize and bundle alone", &samples.parts, &Vec::new()),
    ]
    .map(|(program, own, peer)| suites.row(("publish", "small to 4 GiB", program), own, peer))
    .into();
    rows.iter().for_each(Row::print);
    judge(&samples)?;
    Ok(rows)
}

fn judge(samples: &Samples) -> anyhow::Result<()> {
    let whole = ratio(&samples.first, &samples.parts);
    let again = ratio(&samples.again, &samples.first);
    let peak = samples
        .first
        .iter()
        .map(|sample| sample.peak)
        .max()
        .unwrap_or_default();
    println!(
        "\npublishing takes {whole:.2} times as long as resizing and bundling alone (at most {MOST}), a second run {again:.2} \
         of the first (at most {MOST_AGAIN}); peak memory {} (at most {})",
        mebibytes(peak),
        mebibytes(PEAK_LIMIT)
    );
    ensure!(whole <= MOST, "publishing is too slow");
    ensure!(again <= MOST_AGAIN, "a second run is too slow");
    ensure!(peak <= PEAK_LIMIT, "publishing takes too much memory");
    Ok(())
}

/// The median of one time by another, by pairs of the same round.
fn ratio(own: &[Sample], other: &[Sample]) -> f64 {
    let pairs = own.iter().zip(other);
    Spread::of(pairs.map(|(own, other)| own.wall / other.wall)).median
}

impl Bed<'_> {
    /// Each way once, on a cloud of its own.
    fn round(&self, number: usize, samples: &mut Samples) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("round-{number}"));
        fs_err::create_dir_all(&folder)?;
        let cloud = Cloud::start(self.program, &folder.join("cloud"))?;
        let state = folder.join("state");
        samples.first.push(self.publish(&cloud, &state)?);
        samples.again.push(self.publish(&cloud, &state)?);
        samples.parts.push(self.parts(&cloud, &folder)?);
        cloud.stop()?;
        Ok(fs_err::remove_dir_all(&folder)?)
    }

    fn publish(&self, cloud: &Cloud, state: &Path) -> anyhow::Result<Sample> {
        let _state = self.shell.push_env("XDG_STATE_HOME", state);
        let words = [
            &self.program.display().to_string(),
            "--quiet",
            "--config",
            &cloud.eucarc().display().to_string(),
            "publish",
            &self.tarball.display().to_string(),
            "--size",
            "4G",
        ];
        let command = words.map(str::to_owned);
        measure(&self.shell, &self.folder.join("time"), &command)
    }

    fn parts(&self, cloud: &Cloud, folder: &Path) -> anyhow::Result<Sample> {
        let _folder = self.shell.push_dir(folder);
        let words = [
            "sh",
            "-c",
            PARTS,
            &self.program.display().to_string(),
            &cloud.eucarc().display().to_string(),
            &self.unpacked.image.display().to_string(),
            &self.unpacked.kernel.display().to_string(),
            &self.unpacked.ramdisk.display().to_string(),
            self.unpacked.architecture,
        ];
        let command = words.map(str::to_owned);
        measure(&self.shell, &self.folder.join("time"), &command)
    }
}
