//! What requests for small objects cost the system, counted and not timed: the same on a busy machine.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, ensure};
use support::load::Direction;
use xshell::{Shell, cmd};

use super::servers::Server;
use super::{Bed, OBJECTS};

/// System calls that wait for the disk.
const WAITS: [&str; 5] = ["fsync", "fdatasync", "sync_file_range", "msync", "syncfs"];
/// Clients, and the most waits of the server for each PUT that it may have with so many.
const MOST_WAITS: [(usize, f64); 3] = [(1, 1.05), (8, 0.3), (64, 0.1)];
/// The most voluntary context switches of the server for each GET of one client: half of what they were, 3.3, when bytes of small
/// objects were in files.
const MOST_SWITCHES: f64 = 1.65;

impl Bed<'_> {
    /// Counts and prints; an error when a count is larger than it may be.
    pub(super) fn count(&self) -> anyhow::Result<()> {
        let folder = self.folder.join("counted");
        let server = Server::gumnut(&self.suites.program, &folder)?;
        self.make_bucket(&server)?;
        let (name, count, length) = OBJECTS[1];
        let requests = f64::from(u32::try_from(count)?);
        println!("\n{:44} {:>8} {:>8}", "counted", "found", "limit");
        let mut failures = Vec::new();
        let mut tell = |what: String, found: f64, limit: f64| {
            println!("{what:44} {found:>8.2} {limit:>8.2}");
            if found > limit {
                failures.push(what);
            }
        };
        for (clients, limit) in MOST_WAITS {
            let waits = Waits::of(server.id(), &folder)?;
            self.sample(&server, Direction::Put, (count, length), clients)?;
            let found = waits.end()? / requests;
            tell(
                format!("waits for the disk per PUT {name}, {clients}"),
                found,
                limit,
            );
        }
        // Twice, as the first time threads are started.
        for _ in 0..2 {
            self.sample(&server, Direction::Get, (count, length), 1)?;
        }
        let before = server.switches()?;
        self.sample(&server, Direction::Get, (count, length), 1)?;
        let found = (server.switches()? - before) / requests;
        tell(
            format!("context switches per GET {name}, 1"),
            found,
            MOST_SWITCHES,
        );
        drop(server);
        fs_err::remove_dir_all(folder)?;
        ensure!(failures.is_empty(), "too many: {}", failures.join("; "));
        Ok(())
    }
}

/// A `strace` that counts what a process waits for.
struct Waits {
    strace: Child,
    summary: PathBuf,
}

impl Waits {
    /// Begins to count.
    fn of(process: u32, folder: &Path) -> anyhow::Result<Self> {
        let summary = folder.join("waits");
        let mut strace = Command::new("strace")
            .args([
                "--follow-forks",
                "--summary-only",
                "--trace",
                &WAITS.join(","),
            ])
            .arg("--output")
            .arg(&summary)
            .args(["--attach", &process.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run strace")?;
        let stderr = strace.stderr.take().context("standard error is a pipe")?;
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        // It reports each new thread, and ends when nobody listens.
        thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
        // All threads are there when it says so of the process.
        ensure!(line.contains("attached"), "strace cannot attach: {line}");
        Ok(Self { strace, summary })
    }

    /// How often the process has waited.
    fn end(mut self) -> anyhow::Result<f64> {
        let (shell, id) = (Shell::new()?, self.strace.id().to_string());
        cmd!(shell, "kill -INT {id}").quiet().run()?;
        self.strace.wait()?;
        let summary = fs_err::read_to_string(&self.summary)?;
        Ok(waits(&summary))
    }
}

/// The calls in a summary: a line each with its count in the fourth column and its name at the end.
fn waits(summary: &str) -> f64 {
    let lines = summary.lines().map(str::split_whitespace);
    let calls = lines.filter_map(|mut columns| {
        let count: f64 = columns.nth(3)?.parse().ok()?;
        WAITS.contains(&columns.last()?).then_some(count)
    });
    calls.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_added_up() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 99.06    1.234567        1200      1024           fdatasync
  0.94    0.004321         432        10         2 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    1.238888        1198      1034         2 total
";
        assert!((waits(summary) - 1034.0).abs() < f64::EPSILON);
        assert!(waits("").abs() < f64::EPSILON);
    }
}
