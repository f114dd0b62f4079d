//! Wall time, processor time and peak memory of a command.

use std::path::Path;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::workspace::without_foreign_settings;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds of processor time, all processes together.
    pub(crate) cpu: f64,
    /// Largest resident set in bytes; of a pipeline that of its largest process.
    pub(crate) peak: u64,
    /// What was written, in bytes; 0 when nothing was.
    pub(crate) output: u64,
}

/// Several runs.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) wall: Spread,
    /// Median.
    pub(crate) cpu: f64,
    /// Largest.
    pub(crate) peak: u64,
    pub(crate) output: u64,
}

/// A figure over several runs.
#[derive(Debug)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

/// Runs a command under GNU time; the output is for the caller to count.
pub(crate) fn measure(shell: &Shell, record: &Path, command: &[String]) -> anyhow::Result<Sample> {
    let format = "%e %U %S %M";
    let command = cmd!(shell, "/usr/bin/time -f {format} -o {record} {command...}");
    without_foreign_settings(command)
        .quiet()
        .ignore_stdout()
        .run()?;
    parse(&fs_err::read_to_string(record)?).context("GNU time printed something else")
}

fn parse(text: &str) -> Option<Sample> {
    let mut fields = text.lines().last()?.split(' ');
    let mut next = || fields.next()?.parse::<f64>().ok();
    let (wall, user, system) = (next()?, next()?, next()?);
    let kilobytes: u64 = text.lines().last()?.rsplit(' ').next()?.parse().ok()?;
    Some(Sample {
        wall,
        cpu: user + system,
        peak: kilobytes * 1024,
        output: 0,
    })
}

impl Summary {
    /// Of at least one run.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        Self {
            wall: Spread::of(samples.iter().map(|sample| sample.wall)),
            cpu: Spread::of(samples.iter().map(|sample| sample.cpu)).median,
            peak: samples.iter().map(|sample| sample.peak).max().unwrap_or(0),
            output: samples.last().map_or(0, |sample| sample.output),
        }
    }
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let last = figures.len().saturating_sub(1);
        Self {
            least: at(0),
            median: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
            most: at(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gnu_time_prints_is_read() {
        let sample = parse("1.50 2.25 0.25 10240\n").unwrap();
        assert_eq!(
            sample,
            Sample {
                wall: 1.5,
                cpu: 2.5,
                peak: 10 << 20,
                output: 0
            }
        );
        assert_eq!(parse("Command exited with non-zero status 1"), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0].into_iter());
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
        let spread = Spread::of([4.0, 1.0].into_iter());
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.5, 4.0));
    }
}
