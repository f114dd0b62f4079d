//! Wall time, processor time and peak memory of a command.

use std::path::Path;

use anyhow::Context as _;
use support::workspace::without_foreign_settings;
use xshell::{Shell, cmd};

/// One run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds of processor time outside the system, all processes together.
    pub(crate) user: f64,
    /// Seconds of processor time, all processes together.
    pub(crate) cpu: f64,
    /// Largest resident set in bytes; of a pipeline that of its largest process.
    pub(crate) peak: u64,
    /// What was written, in bytes; 0 when nothing was.
    pub(crate) output: u64,
}

/// A figure over several runs.
#[derive(Clone, Copy, Debug)]
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
    let fields: Vec<&str> = text.lines().last()?.split(' ').collect();
    let [wall, user, system, kilobytes] = fields.as_slice() else {
        return None;
    };
    let (wall, user): (f64, f64) = (wall.parse().ok()?, user.parse().ok()?);
    let (system, kilobytes): (f64, u64) = (system.parse().ok()?, kilobytes.parse().ok()?);
    Some(Sample {
        wall,
        user,
        cpu: user + system,
        peak: kilobytes * 1024,
        output: 0,
    })
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
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

/// How well a straight line describes the points: the square of their correlation, 1 if perfectly.
pub(crate) fn linearity(points: &[(f64, f64)]) -> f64 {
    let count: f64 = points.iter().map(|_| 1.0).sum();
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
    // Sums of x by x, y by y and x by y, all from their means.
    let (mut of_x, mut of_y, mut of_both) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        let (x, y) = (x - mean_x, y - mean_y);
        of_x += x * x;
        of_y += y * y;
        of_both += x * y;
    }
    of_both * of_both / (of_x * of_y)
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
                user: 2.25,
                cpu: 2.5,
                peak: 10 << 20,
                output: 0
            }
        );
        assert_eq!(parse("Command exited with non-zero status 1"), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
        let spread = Spread::of([4.0, 1.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.5, 4.0));
    }

    #[test]
    fn points_on_a_line_are_linear_and_others_are_not() {
        let near = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
        assert!(near(linearity(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]), 1.0));
        assert!(near(linearity(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]), 0.0));
    }
}
