//! Which contenders do which job on which images.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use support::report::mebibytes;
use support::workspace::Workspace;
use tempfile::TempDir;

use crate::contenders::{Bed, Contender, Maker};
use crate::input::Input;
use crate::measure::{Sample, linearity};
use crate::row::{Reference, Row, heading};

const DEFAULT: Contender = Contender::Gumnut(&[]);
const FAST: Contender = Contender::Gumnut(&["--level", "fast"]);
const SPARSE: Contender = Contender::Gumnut(&["--sparse"]);
const UNVERIFIED: Contender = Contender::Gumnut(&["--unverified"]);

/// Lengths of the sweep's images, in GiB.
const LENGTHS: [u64; 5] = [1, 2, 4, 8, 16];

/// The suites, and what they have in common.
pub(crate) struct Suites<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) program: PathBuf,
    /// In the place of the images that would be made.
    pub(crate) image: Option<PathBuf>,
    /// Where bundles and restored images go.
    pub(crate) scratch: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) cores: f64,
}

/// One contender's way of doing a job.
pub(crate) type Run<'a> = (String, Box<dyn Fn() -> anyhow::Result<Sample> + 'a>);

/// An image under measurement. Its directory is deleted with it.
struct Place {
    bed: Bed,
    input: String,
    sha1: f64,
    _folder: TempDir,
}

impl Suites<'_> {
    pub(crate) fn bundle(&self) -> anyhow::Result<Vec<Row>> {
        heading();
        let mut rows = Vec::new();
        let images = self.images(&[Input::Files, Input::Grown, Input::Noise, Input::Zeros])?;
        for (input, image) in images {
            let place = self.place(input, image)?;
            let bed = &place.bed;
            let contenders = [DEFAULT, FAST, SPARSE, Contender::Shell];
            let runs = contenders.map(|contender| -> Run<'_> {
                (contender.name(), Box::new(move || bed.bundle(contender)))
            });
            rows.extend(self.compare("bundle", &place, &runs, Some(3))?);
        }
        Ok(rows)
    }

    pub(crate) fn unbundle(&self) -> anyhow::Result<Vec<Row>> {
        heading();
        let mut rows = Vec::new();
        for (input, image) in self.images(&[Input::Files, Input::Grown])? {
            let place = self.place(input, image)?;
            let bed = &place.bed;
            bed.bundle(DEFAULT)?;
            bed.bundle(Contender::Shell)?;
            bed.describe_shell_parts()?;
            let runs: [Run<'_>; 3] = [
                (
                    "gumnut, own parts".to_owned(),
                    Box::new(|| bed.unbundle(DEFAULT, Maker::Gumnut)),
                ),
                (
                    "gumnut, shell's parts".to_owned(),
                    Box::new(|| bed.unbundle(UNVERIFIED, Maker::Shell)),
                ),
                (
                    "shell".to_owned(),
                    Box::new(|| bed.unbundle(Contender::Shell, Maker::Shell)),
                ),
            ];
            let new = self.compare("unbundle", &place, &runs, Some(2))?;
            println!("the original takes {} of disk", mebibytes(bed.allocated()?));
            rows.extend(new);
        }
        Ok(rows)
    }

    pub(crate) fn verify(&self) -> anyhow::Result<Vec<Row>> {
        heading();
        let mut rows = Vec::new();
        for (input, image) in self.images(&[Input::Files, Input::Grown])? {
            let place = self.place(input, image)?;
            let bed = &place.bed;
            bed.bundle(DEFAULT)?;
            let run: Run<'_> = (DEFAULT.name(), Box::new(|| bed.verify()));
            rows.extend(self.compare("verify", &place, &[run], None)?);
        }
        Ok(rows)
    }

    pub(crate) fn sweep(&self) -> anyhow::Result<Vec<Row>> {
        heading();
        let mut rows = Vec::new();
        let mut points = Vec::new();
        for length in LENGTHS {
            let input = Input::Length(length);
            let place = self.place(input.name(), input.path(self.workspace)?)?;
            let bed = &place.bed;
            let run: Run<'_> = (DEFAULT.name(), Box::new(|| bed.bundle(DEFAULT)));
            for row in self.compare("bundle", &place, &[run], None)? {
                points.push((f64::from(u32::try_from(length)?), row.seconds()));
                rows.push(row);
            }
        }
        println!(
            "the same data in 1 to 16 GiB: r^2 of wall time and length {:.4}, peak memory from {} to {}",
            linearity(&points),
            mebibytes(rows.first().map_or(0, |row| row.peak)),
            mebibytes(rows.last().map_or(0, |row| row.peak))
        );
        Ok(rows)
    }

    /// A row of a job, an input and a program, without SHA-1 as a bound; without a ratio when there are no runs of a peer.
    pub(crate) fn row(
        &self,
        (job, input, program): (&'static str, &str, &str),
        samples: &[Sample],
        peer: &[Sample],
    ) -> Row {
        let reference = Reference {
            cores: self.cores,
            peer,
            sha1: 0.0,
        };
        Row::new(
            (job, input.to_owned(), program.to_owned()),
            samples,
            &reference,
        )
    }

    /// The images by name: the user's, or these.
    fn images(&self, inputs: &[Input]) -> anyhow::Result<Vec<(String, PathBuf)>> {
        if let Some(image) = &self.image {
            let name = image.file_name().unwrap_or_default().to_string_lossy();
            return Ok(vec![(name.into_owned(), image.clone())]);
        }
        inputs
            .iter()
            .map(|input| Ok((input.name(), input.path(self.workspace)?)))
            .collect()
    }

    /// A new directory for results, deleted when it goes out of scope.
    pub(crate) fn folder(&self) -> anyhow::Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("gumnut-bench-")
            .tempdir_in(&self.scratch);
        folder.with_context(|| format!("cannot make a directory in {}", self.scratch.display()))
    }

    fn place(&self, input: String, image: PathBuf) -> anyhow::Result<Place> {
        let folder = self.folder()?;
        let bed = Bed::new(self.workspace, &self.program, image, folder.path())?;
        let sha1 = bed.sha1()?;
        Ok(Place {
            bed,
            input,
            sha1,
            _folder: folder,
        })
    }

    /// Does one job in turn in each way, `peer` being the number of the one to compare with, and prints what came out.
    fn compare(
        &self,
        job: &'static str,
        place: &Place,
        runs: &[Run<'_>],
        peer: Option<usize>,
    ) -> anyhow::Result<Vec<Row>> {
        let samples = in_turn(self.rounds, runs)?;
        let rows: Vec<Row> = runs
            .iter()
            .enumerate()
            .map(|(number, (name, _))| {
                let compared = peer.filter(|peer| *peer != number);
                let reference = Reference {
                    cores: self.cores,
                    peer: compared.map_or(&[], |peer| &samples[peer]),
                    sha1: place.sha1,
                };
                let names = (job, place.input.clone(), name.clone());
                Row::new(names, &samples[number], &reference)
            })
            .collect();
        rows.iter().for_each(Row::print);
        Ok(rows)
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

/// The samples of each run.
pub(crate) fn in_turn(rounds: usize, runs: &[Run<'_>]) -> anyhow::Result<Vec<Vec<Sample>>> {
    let mut samples = vec![Vec::new(); runs.len()];
    for _ in 0..rounds {
        for ((_, run), samples) in runs.iter().zip(&mut samples) {
            samples.push(run()?);
        }
    }
    Ok(samples)
}
