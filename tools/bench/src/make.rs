//! An image of a tree of files, side by side with the other ways to make one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use support::report::mebibytes;
use support::system;
use support::workspace::is_root;
use tempfile::TempDir;
use xshell::{Shell, cmd};

use crate::input::Tree;
use crate::measure::{Sample, Spread, linearity, measure};
use crate::row::{Row, heading};
use crate::suites::{Run, Suites, in_turn};

/// What euca-bundle-vol does, as root, without the bundle: a file system on a loop device, filled by rsync.
const BUNDLE_VOLUME: &str = "set -eu
device= place=\"$2.mounted\"
trap 'umount \"$place\" 2>/dev/null || true; losetup -d $device 2>/dev/null || true; rmdir \"$place\"' EXIT
mkdir \"$place\"
truncate -s 2G \"$2\"
mke2fs -q -F -t ext4 \"$2\"
device=$(losetup -f --show \"$2\")
mount $device \"$place\"
rsync -aHSX \"$1/\" \"$place\"
umount \"$place\"
losetup -d $device
device=";
const MKE2FS: &str = "set -eu
mke2fs -q -F -t ext4 -d \"$1\" \"$2\" 2G";
/// For a mke2fs that reads no archives: before 1.47.1, or without libarchive.
const UNPACK_FIRST: &str = "set -eu
mkdir \"$2.tree\"
tar -x -f \"$1\" -C \"$2.tree\"
mke2fs -q -F -t ext4 -d \"$2.tree\" \"$2\" 2G
rm -r \"$2.tree\"";
const PROBE: &str = "set -eu
device=$(losetup -f --show \"$1\")
trap 'losetup -d $device' EXIT
mount -o ro $device \"$2\"
umount \"$2\"";

/// gumnut takes at most this share of the time of euca-bundle-vol's way.
const MOST_OF_BUNDLE_VOLUME: f64 = 0.6;
/// gumnut takes at most this share of the time of mke2fs with an archive.
const MOST_OF_MKE2FS: f64 = 0.5;
/// gumnut remains below this with the tree of 1 GiB, in bytes.
const PEAK_LIMIT: u64 = 64 << 20;
/// What the time of growing trees and a straight line have in common, at least.
const LEAST_LINEARITY: f64 = 0.95;
/// Memory may grow with the number of files, but not with their lengths: by this at most, in bytes.
const PEAK_GROWTH: u64 = 16 << 20;

/// Lengths of growing trees, in GiB.
const LENGTHS: [u16; 4] = [1, 2, 5, 10];
/// Numbers of files of growing trees, in thousands.
const THOUSANDS: [u16; 4] = [50, 100, 200, 500];

/// Where everything is.
struct Bed<'a> {
    shell: Shell,
    program: &'a Path,
    folder: PathBuf,
}

/// The tree of 1 GiB as a directory and as an archive, each way in turn.
pub(crate) fn run(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    let Tree { directory, archive } = Tree::get(suites.workspace)?;
    let folder = suites.folder()?;
    let bed = Bed::new(suites, &folder)?;
    let reads_archives = bed.mke2fs_reads_archives()?;
    let (with_archive, archive_script) = if reads_archives {
        ("mke2fs -d TAR", MKE2FS)
    } else {
        println!("this mke2fs reads no archives: tar unpacks them for it");
        ("tar, mke2fs -d", UNPACK_FIRST)
    };
    let mut runs: Vec<Run<'_>> = vec![
        ("gumnut, archive".to_owned(), bed.gumnut(&archive)),
        ("gumnut, directory".to_owned(), bed.gumnut(&directory)),
        (
            with_archive.to_owned(),
            bed.script(archive_script, &archive),
        ),
        ("mke2fs -d DIR".to_owned(), bed.script(MKE2FS, &directory)),
    ];
    let can_mount = bed.can_mount()?;
    if can_mount {
        system::program(&bed.shell, "rsync", "rsync")?;
        let run = bed.script(BUNDLE_VOLUME, &directory);
        runs.push(("as bundle-vol".to_owned(), run));
    } else {
        println!("the way of euca-bundle-vol needs root and loop devices, and is left out");
    }
    heading();
    let samples = in_turn(suites.rounds, &runs)?;
    let nothing = Vec::new();
    let bundle_volume = samples.get(4).unwrap_or(&nothing);
    let peers = [&samples[2], bundle_volume, &nothing, &nothing, &nothing];
    let rows: Vec<Row> = runs
        .iter()
        .zip(&samples)
        .zip(peers)
        .map(|(((name, _), own), peer)| suites.row(("make", "1 GiB tree", name), own, peer))
        .collect();
    rows.iter().for_each(Row::print);
    judge(
        &rows,
        share(&samples[0], &samples[2]),
        share(&samples[1], bundle_volume),
    )?;
    Ok(rows)
}

/// `of_mke2fs` and `of_bundle_volume` are gumnut's shares of the time of its peers; not a number where there is no peer.
fn judge(rows: &[Row], of_mke2fs: f64, of_bundle_volume: f64) -> anyhow::Result<()> {
    let own = rows.iter().filter(|row| row.program.starts_with("gumnut"));
    let peak = own.map(|row| row.peak).max().unwrap_or(0);
    println!(
        "\ngumnut make takes {of_mke2fs:.2} of the time of mke2fs with an archive (at most {MOST_OF_MKE2FS}), \
         {of_bundle_volume:.2} of that of euca-bundle-vol's way (at most {MOST_OF_BUNDLE_VOLUME}); peak memory {} (at most {})",
        mebibytes(peak),
        mebibytes(PEAK_LIMIT)
    );
    ensure!(
        of_mke2fs <= MOST_OF_MKE2FS,
        "slower than wanted beside mke2fs"
    );
    ensure!(
        of_bundle_volume.is_nan() || of_bundle_volume <= MOST_OF_BUNDLE_VOLUME,
        "slower than wanted beside the way of euca-bundle-vol"
    );
    ensure!(peak <= PEAK_LIMIT, "gumnut make takes too much memory");
    Ok(())
}

/// Trees that grow up to 10 GiB, and up to 500,000 files. Source and image are in the workspace, because together they have more
/// than 20 GiB.
pub(crate) fn sweep(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    let folder = suites.workspace.scratch("make")?;
    let bed = Bed::new(suites, &folder)?;
    heading();
    let mut rows = Vec::new();
    let lengths = bed.lengths(suites, &mut rows)?;
    let numbers = bed.numbers(suites, &mut rows)?;
    println!(
        "\nr^2 of wall time and length {lengths:.4}, of wall time and number of files {numbers:.4} (at least {LEAST_LINEARITY})"
    );
    ensure!(
        lengths >= LEAST_LINEARITY,
        "time is not linear in the length"
    );
    ensure!(
        numbers >= LEAST_LINEARITY,
        "time is not linear in the number of files"
    );
    let peak = |row: usize| rows.get(row).map_or(0, |row: &Row| row.peak);
    let growth = peak(LENGTHS.len() - 1).saturating_sub(peak(0));
    let (fewest, most) = (THOUSANDS[0], THOUSANDS[THOUSANDS.len() - 1]);
    let by_number = peak(rows.len() - 1).saturating_sub(peak(LENGTHS.len()));
    let each = by_number / (u64::from(most - fewest) * 1000);
    println!(
        "peak memory grows by {} from 1 to 10 GiB, and by {each} bytes for each file",
        mebibytes(growth)
    );
    // A tree of 10 GiB has as many times the files of one of 1 GiB.
    let more_files = u64::from(LENGTHS[LENGTHS.len() - 1] - LENGTHS[0]) * bed.files(suites)?;
    ensure!(
        growth <= more_files * each + PEAK_GROWTH,
        "memory grows with the lengths of files"
    );
    Ok(rows)
}

impl<'a> Bed<'a> {
    fn new(suites: &'a Suites<'_>, folder: &TempDir) -> anyhow::Result<Self> {
        let shell = suites.workspace.shell()?;
        shell.change_dir(folder.path());
        Ok(Self {
            shell,
            program: suites.program(),
            folder: folder.path().to_owned(),
        })
    }

    /// How gumnut makes an image of a source; a wrong one has no time.
    fn gumnut<'b>(&'b self, source: &'b Path) -> Box<dyn Fn() -> anyhow::Result<Sample> + 'b> {
        Box::new(move || {
            let image = self.folder.join("gumnut.img");
            let words = [
                &self.program.display().to_string(),
                "--quiet",
                "make",
                &source.display().to_string(),
                "-o",
                &image.display().to_string(),
                "--only-fs",
                "--owner",
                "root",
            ];
            let command = words.map(str::to_owned);
            let sample = measure(&self.shell, &self.folder.join("time"), &command)?;
            self.finished(&image, sample)
        })
    }

    /// A script of a source and an image.
    fn script<'b>(
        &'b self,
        script: &'b str,
        source: &'b Path,
    ) -> Box<dyn Fn() -> anyhow::Result<Sample> + 'b> {
        Box::new(move || {
            let image = self.folder.join("other.img");
            let words = [
                "bash",
                "-c",
                script,
                "bench",
                &source.display().to_string(),
                &image.display().to_string(),
            ];
            let command = words.map(str::to_owned);
            let sample = measure(&self.shell, &self.folder.join("time"), &command)?;
            self.finished(&image, sample)
        })
    }

    /// Judges an image, and removes it.
    fn finished(&self, image: &Path, sample: Sample) -> anyhow::Result<Sample> {
        use std::os::unix::fs::MetadataExt as _;
        let shell = &self.shell;
        let clean = cmd!(shell, "e2fsck -fn {image}").quiet().ignore_stdout();
        clean
            .ignore_stderr()
            .run()
            .context("the image is not clean")?;
        let output = fs_err::metadata(image)?.blocks() * 512;
        fs_err::remove_file(image)?;
        Ok(Sample { output, ..sample })
    }

    fn mke2fs_reads_archives(&self) -> anyhow::Result<bool> {
        let (file, archive) = (self.folder.join("time"), self.folder.join("probe.tar"));
        fs_err::write(&file, "")?;
        let shell = &self.shell;
        cmd!(shell, "tar -c -f {archive} time").quiet().run()?;
        let image = self.folder.join("probe.img");
        let probe = cmd!(shell, "mke2fs -q -F -t ext4 -d {archive} {image} 8M").quiet();
        Ok(probe.ignore_stdout().ignore_stderr().run().is_ok())
    }

    fn can_mount(&self) -> anyhow::Result<bool> {
        let shell = &self.shell;
        if !is_root(shell)? {
            return Ok(false);
        }
        let (image, place) = (self.folder.join("probe.img"), self.folder.join("probe"));
        fs_err::create_dir(&place)?;
        cmd!(shell, "mke2fs -q -F -t ext4 {image} 8M")
            .quiet()
            .run()?;
        let probe = cmd!(shell, "bash -c {PROBE} bench {image} {place}").quiet();
        Ok(probe.ignore_stdout().ignore_stderr().run().is_ok())
    }

    /// Number of files and directories in the tree of 1 GiB.
    fn files(&self, suites: &Suites<'_>) -> anyhow::Result<u64> {
        let (shell, Tree { directory, .. }) = (&self.shell, Tree::get(suites.workspace)?);
        let dots = cmd!(shell, "find {directory} -printf .").quiet().read()?;
        Ok(dots.len() as u64)
    }

    /// Trees of 1 to 10 GiB; how straight the line is.
    fn lengths(&self, suites: &Suites<'_>, rows: &mut Vec<Row>) -> anyhow::Result<f64> {
        let Tree { directory, .. } = Tree::get(suites.workspace)?;
        let source = self.folder.join("lengths");
        fs_err::create_dir(&source)?;
        let (shell, mut copies, mut points) = (&self.shell, 0, Vec::new());
        for length in LENGTHS {
            while copies < length {
                copies += 1;
                let copy = source.join(format!("copy-{copies}"));
                cmd!(shell, "cp -a {directory} {copy}").quiet().run()?;
            }
            let row = self.grown(suites, &format!("{length} GiB"), &source)?;
            points.push((f64::from(length), row.seconds()));
            rows.push(row);
        }
        fs_err::remove_dir_all(source)?;
        Ok(linearity(&points))
    }

    /// Trees of 50,000 to 500,000 files; how straight the line is.
    fn numbers(&self, suites: &Suites<'_>, rows: &mut Vec<Row>) -> anyhow::Result<f64> {
        let source = self.folder.join("numbers");
        fs_err::create_dir(&source)?;
        let (mut directories, mut points) = (0, Vec::new());
        for thousands in THOUSANDS {
            while directories < thousands {
                directories += 1;
                let directory = source.join(format!("directory-{directories}"));
                fs_err::create_dir(&directory)?;
                for file in 1..1000 {
                    let name = format!("file-{file}");
                    fs_err::write(directory.join(&name), &name)?;
                }
            }
            let row = self.grown(suites, &format!("{thousands},000 files"), &source)?;
            points.push((f64::from(thousands), row.seconds()));
            rows.push(row);
        }
        fs_err::remove_dir_all(source)?;
        Ok(linearity(&points))
    }

    fn grown(&self, suites: &Suites<'_>, input: &str, source: &Path) -> anyhow::Result<Row> {
        let runs: [Run<'_>; 1] = [("gumnut".to_owned(), self.gumnut(source))];
        let samples = in_turn(suites.rounds, &runs)?;
        let row = suites.row(("make", input, "gumnut"), &samples[0], &[]);
        row.print();
        Ok(row)
    }
}

/// The median of one time by another, by pairs of the same round.
fn share(own: &[Sample], other: &[Sample]) -> f64 {
    let pairs = own.iter().zip(other);
    Spread::of(pairs.map(|(own, other)| own.wall / other.wall)).median
}
