//! Growing a root disk, side by side with the tutorial's commands.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use support::fixture::{self, Unpacked};
use support::report::mebibytes;
use xshell::{Shell, cmd};

use crate::contenders::pipeline;
use crate::measure::{Sample, Spread, measure};
use crate::row::{Row, heading};
use crate::suites::{Run, Suites, in_turn};

/// The tutorial, as root. Only the two slips of its text are corrected; what it leaves behind after a failure is
/// cleaned up.
const AS_ROOT: &str = "set -eu
cd \"$(dirname \"$2\")\"
one= two=
trap 'umount orig new 2>/dev/null || true; losetup -d $one $two 2>/dev/null || true' EXIT
dd if=/dev/zero of=\"$2\" bs=1M count=4096 status=none
one=$(losetup -f --show \"$1\")
two=$(losetup -f --show \"$2\")
mke2fs -q -j $two
mkdir -p orig new
mount $one orig
mount $two new
(cd orig; tar zcf - .) | (cd new; tar zxf -)
umount orig new
losetup -d $one $two
one= two=";
/// The tutorial's copying where there are no loop devices or mounts. Owners are lost.
const WITHOUT_ROOT: &str = "set -eu
cd \"$(dirname \"$2\")\"
dd if=/dev/zero of=\"$2\" bs=1M count=4096 status=none
rm -rf orig new
mkdir orig new
debugfs -R 'rdump / orig' \"$1\" 2>/dev/null
(cd orig; tar zcf - .) | (cd new; tar zxf -)
mke2fs -q -F -j -d new \"$2\"";
const PROBE: &str = "set -eu
device=$(losetup -f --show \"$1\")
trap 'losetup -d $device' EXIT
mkdir -p \"$2\"
mount -o ro $device \"$2\"
umount \"$2\"";
/// gumnut must be this many times as fast.
const LEAST_RATIO: f64 = 10.0;
/// What a new file system of 4 GiB adds in tables, at most, in bytes.
const GROWTH: u64 = 64 << 20;
/// What must be the same afterwards, as `dumpe2fs` calls it.
const KEPT: [&str; 4] = [
    "Filesystem volume name:",
    "Filesystem UUID:",
    "Filesystem features:",
    "Inode size:",
];

/// Where everything is.
struct Bed<'a> {
    shell: Shell,
    program: &'a Path,
    folder: &'a Path,
    image: PathBuf,
    script: &'static str,
}

pub(crate) fn run(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    let folder = suites.folder()?;
    let shell = suites.workspace.shell()?;
    let tarball = fixture::small(suites.workspace)?;
    let unpacked = Unpacked::from(&shell, &tarball, folder.path())?;
    let image = suites.image.clone().unwrap_or(unpacked.image);
    let possible = can_mount(&shell, &image, folder.path())?;
    let script = if possible { AS_ROOT } else { WITHOUT_ROOT };
    let peer = if possible {
        println!(
            "peer: the tutorial's commands, as root: dd, losetup, mke2fs -j, mount, tar, umount"
        );
        "tutorial"
    } else {
        println!(
            "peer: not the tutorial, since loop devices or mounts cannot be used here, but the same copying: dd, \
             debugfs rdump, tar, mke2fs -j -d"
        );
        "tutorial, no mount"
    };
    let bed = Bed {
        shell,
        program: suites.program(),
        folder: folder.path(),
        image,
        script,
    };
    let runs: [Run<'_>; 2] = [
        ("gumnut".to_owned(), Box::new(|| bed.gumnut())),
        (peer.to_owned(), Box::new(|| bed.tutorial())),
    ];
    heading();
    let samples = in_turn(suites.rounds, &runs)?;
    let input = "small to 4 GiB";
    let rows = vec![
        suites.row(("resize", input, "gumnut"), &samples[0], &samples[1]),
        suites.row(("resize", input, peer), &samples[1], &[]),
    ];
    rows.iter().for_each(Row::print);
    judge(&samples)?;
    Ok(rows)
}

fn judge(samples: &[Vec<Sample>]) -> anyhow::Result<()> {
    let pairs = samples[0].iter().zip(&samples[1]);
    let ratio = Spread::of(pairs.map(|(own, peer)| peer.wall / own.wall)).median;
    println!(
        "\ngumnut resize is {ratio:.1} times as fast, and must be {LEAST_RATIO:.0} times as fast"
    );
    ensure!(
        ratio >= LEAST_RATIO,
        "gumnut is only {ratio:.1} times as fast"
    );
    Ok(())
}

impl Bed<'_> {
    fn gumnut(&self) -> anyhow::Result<Sample> {
        let new = self.folder.join("gumnut.img");
        let program = self.program.display().to_string();
        let (image, output) = (self.image.display().to_string(), new.display().to_string());
        let words = ["--quiet", "resize", &image, "--size", "4G", "-o", &output].map(str::to_owned);
        let command: Vec<String> = [program].into_iter().chain(words).collect();
        let mut sample = measure(&self.shell, &self.folder.join("time"), &command)?;
        sample.output = self.check(&new)?;
        fs_err::remove_file(&new)?;
        Ok(sample)
    }

    /// The original is mounted for writing, so this works on a copy.
    fn tutorial(&self) -> anyhow::Result<Sample> {
        let (shell, image) = (&self.shell, &self.image);
        let (copy, new) = (self.folder.join("copy.img"), self.folder.join("new.img"));
        cmd!(shell, "cp --sparse=always {image} {copy}")
            .quiet()
            .run()?;
        let command = pipeline(self.script, &copy, &new)?;
        let mut sample = measure(shell, &self.folder.join("time"), &command)?;
        sample.output = allocated(&new)?;
        cmd!(shell, "e2fsck -fn {new}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()?;
        fs_err::remove_file(&new)?;
        Ok(sample)
    }

    /// A wrong result has no time. Gives what it takes on disk, in bytes.
    fn check(&self, new: &Path) -> anyhow::Result<u64> {
        let shell = &self.shell;
        let clean = cmd!(shell, "e2fsck -fn {new}").quiet().ignore_stdout();
        clean
            .ignore_stderr()
            .run()
            .context("the result is not clean")?;
        let length = fs_err::metadata(new)?.len();
        ensure!(length == 4 << 30, "the result has {length} bytes");
        let (before, after) = (allocated(&self.image)?, allocated(new)?);
        ensure!(
            after <= before + GROWTH,
            "the result is not sparse: it takes {}, the original {}",
            mebibytes(after),
            mebibytes(before)
        );
        let (old_header, new_header) = (header(shell, &self.image)?, header(shell, new)?);
        ensure!(
            old_header == new_header && old_header.len() == KEPT.len(),
            "the result is another file system: {new_header:?}, not {old_header:?}"
        );
        Ok(after)
    }
}

/// Whether this user may do what the tutorial does.
fn can_mount(shell: &Shell, image: &Path, folder: &Path) -> anyhow::Result<bool> {
    let command = pipeline(PROBE, image, &folder.join("probe"))?;
    let probe = cmd!(shell, "env {command...}").quiet();
    Ok(probe.ignore_stdout().ignore_stderr().run().is_ok())
}

fn header(shell: &Shell, image: &Path) -> anyhow::Result<Vec<String>> {
    let text = cmd!(shell, "dumpe2fs -h {image}")
        .quiet()
        .ignore_stderr()
        .read()?;
    Ok(text
        .lines()
        .filter(|line| KEPT.iter().any(|name| line.starts_with(name)))
        .map(str::to_owned)
        .collect())
}

fn allocated(path: &Path) -> anyhow::Result<u64> {
    Ok(fs_err::metadata(path)?.blocks() * 512)
}
