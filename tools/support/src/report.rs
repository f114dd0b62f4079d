//! Steps with their times, and what became of each.

use std::time::{Duration, Instant};

/// What a task has done so far.
#[derive(Default)]
pub struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    time: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a step, says so, and keeps its time; a failure goes back to the caller.
    pub fn run<T>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = step();
        let time = start.elapsed();
        let failure = result.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            println!("    FAILED after {}: {failure}", seconds(time));
        }
        self.done.push(Step {
            name: name.to_owned(),
            time,
            failure,
        });
        result
    }

    /// Runs a step whose failure does not keep the next ones from running.
    pub fn check(&mut self, name: &str, step: impl FnOnce() -> anyhow::Result<()>) {
        // The failure is in the table.
        let _ = self.run(name, step);
    }

    /// Prints all steps and their times, and last a line `N passed, N failed`; an error when
    /// a step has failed.
    pub fn finish(&self) -> anyhow::Result<()> {
        let width = self
            .done
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or(0);
        println!();
        for step in &self.done {
            let word = if step.failure.is_some() {
                "FAILED"
            } else {
                "ok"
            };
            println!("{:width$}  {:>9}  {word}", step.name, seconds(step.time));
        }
        let total = self.done.iter().map(|step| step.time).sum();
        println!("{:width$}  {:>9}", "", seconds(total));
        for step in &self.done {
            if let Some(failure) = &step.failure {
                println!("FAILED: {}: {failure}", step.name);
            }
        }
        let failed = self
            .done
            .iter()
            .filter(|step| step.failure.is_some())
            .count();
        println!("{} passed, {failed} failed", self.done.len() - failed);
        anyhow::ensure!(failed == 0, "{failed} of {} failed", self.done.len());
        Ok(())
    }
}

/// `12.3 s`
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Bytes in MiB, as `12.3 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    // Tenths first: whole numbers lose nothing.
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_and_the_others_still_run() {
        let mut steps = Steps::new();
        let mut ran = false;
        steps.check("first", || anyhow::bail!("broken"));
        steps.check("second", || {
            ran = true;
            Ok(())
        });
        assert!(ran);
        assert_eq!(steps.finish().unwrap_err().to_string(), "1 of 2 failed");
    }

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(mebibytes(1_049_624_576), "1001.0 MiB");
        assert_eq!(mebibytes(1_572_864), "1.5 MiB");
    }
}
