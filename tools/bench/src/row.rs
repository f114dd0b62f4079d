//! One line of a table of results.

use serde_json::{Value, json};
use support::report::mebibytes;

use crate::measure::{Sample, Spread};

/// What several runs of a contender came to.
pub(crate) struct Row {
    pub(crate) job: &'static str,
    pub(crate) input: String,
    pub(crate) program: String,
    wall: Spread,
    /// Median, in seconds.
    cpu: f64,
    /// Largest, in bytes.
    pub(crate) peak: u64,
    /// Bytes written, 0 when nothing was.
    pub(crate) output: u64,
    /// The peer's time, and this one's in the same round: how often this one is as fast.
    ratio: Option<Spread>,
    efficiency: f64,
    /// Wall time in multiples of the least that is possible with this program's own work on these cores.
    distance: Option<f64>,
}

/// What results are compared with.
pub(crate) struct Reference<'a> {
    /// Cores of the machine.
    pub(crate) cores: f64,
    /// Runs of the peer, in the order of the rounds; none when there is no peer.
    pub(crate) peer: &'a [Sample],
    /// Processor time of SHA-1 over the image, in seconds: it cannot be shared between cores.
    pub(crate) sha1: f64,
}

impl Row {
    pub(crate) fn new(
        (job, input, program): (&'static str, String, String),
        samples: &[Sample],
        reference: &Reference<'_>,
    ) -> Self {
        let wall = Spread::of(samples.iter().map(|sample| sample.wall));
        let cpu = Spread::of(samples.iter().map(|sample| sample.cpu)).median;
        let pairs = samples.iter().zip(reference.peer);
        let ratios: Vec<f64> = pairs.map(|(own, peer)| peer.wall / own.wall).collect();
        let on_all_cores = cpu / reference.cores;
        let bound = on_all_cores.max(reference.sha1);
        Self {
            job,
            input,
            program,
            wall,
            cpu,
            peak: samples.iter().map(|sample| sample.peak).max().unwrap_or(0),
            output: samples.last().map_or(0, |sample| sample.output),
            ratio: (!ratios.is_empty()).then(|| Spread::of(ratios)),
            efficiency: on_all_cores / wall.median,
            distance: (reference.sha1 > 0.0).then_some(wall.median / bound),
        }
    }

    /// Median of the wall time, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.wall.median
    }

    pub(crate) fn print(&self) {
        let output = match self.output {
            0 => "-".to_owned(),
            bytes => mebibytes(bytes),
        };
        let ratio = self.ratio.as_ref().map(|ratio| spread(ratio, ""));
        let distance = self.distance.map(|distance| format!("{distance:.2}"));
        println!(
            "{:9} {:14} {:22} {:>22} {:>8.2} s {:>11} {:>11} {:>20} {:>6.2} {:>6}",
            self.job,
            self.input,
            self.program,
            spread(&self.wall, " s"),
            self.cpu,
            mebibytes(self.peak),
            output,
            ratio.as_deref().unwrap_or("-"),
            self.efficiency,
            distance.as_deref().unwrap_or("-"),
        );
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "job": self.job,
            "input": self.input,
            "program": self.program,
            "wall_seconds": spread_json(&self.wall),
            "cpu_seconds": rounded(self.cpu),
            "peak_bytes": self.peak,
            "output_bytes": self.output,
            "ratio": self.ratio.as_ref().map(spread_json),
            "efficiency": rounded(self.efficiency),
            "distance_to_bound": self.distance.map(rounded),
        })
    }
}

/// The names of what [`Row::print`] prints.
pub(crate) fn heading() {
    println!(
        "\n{:9} {:14} {:22} {:>22} {:>10} {:>11} {:>11} {:>20} {:>6} {:>6}",
        "job",
        "input",
        "program",
        "wall (min to max)",
        "CPU",
        "peak memory",
        "output",
        "ratio (min to max)",
        "effic.",
        "bound"
    );
}

fn spread(spread: &Spread, unit: &str) -> String {
    let Spread {
        least,
        median,
        most,
    } = spread;
    format!("{median:.2}{unit} ({least:.2} to {most:.2})")
}

fn spread_json(spread: &Spread) -> Value {
    json!({
        "median": rounded(spread.median),
        "min": rounded(spread.least),
        "max": rounded(spread.most),
    })
}

/// GNU time knows no more than hundredths.
fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall: f64, cpu: f64) -> Sample {
        Sample {
            wall,
            cpu,
            ..Sample::default()
        }
    }

    fn row(sha1: f64) -> Value {
        let own = [sample(2.0, 3.0), sample(3.0, 3.0), sample(2.0, 3.0)];
        let peer = [sample(4.0, 8.0), sample(12.0, 8.0), sample(6.0, 8.0)];
        let reference = Reference {
            cores: 2.0,
            peer: &peer,
            sha1,
        };
        Row::new(("bundle", String::new(), String::new()), &own, &reference).json()
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let ratio = &row(1.0)["ratio"];
        assert_eq!(*ratio, json!({"median": 3.0, "min": 2.0, "max": 4.0}));
    }

    #[test]
    fn the_bound_is_the_larger_of_all_work_on_all_cores_and_of_sha1_on_one() {
        assert_eq!(row(1.0)["efficiency"], 0.75);
        assert_eq!(row(1.0)["distance_to_bound"], 1.333);
        assert_eq!(row(1.6)["distance_to_bound"], 1.25);
        assert_eq!(row(0.0)["distance_to_bound"], Value::Null);
    }
}
