//! How long the embedded cloud takes to start: one that makes its keys first, and one that has them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::measure::Sample;
use crate::row::{Row, heading};
use crate::suites::Suites;

pub(crate) fn run(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    heading();
    let folder = suites.folder()?;
    let known = folder.path().join("known");
    once(suites.program(), &known)?;
    let (mut new, mut again) = (Vec::new(), Vec::new());
    for round in 0..suites.rounds {
        let data = folder.path().join(format!("new-{round}"));
        new.push(once(suites.program(), &data)?);
        again.push(once(suites.program(), &known)?);
    }
    let mut rows = Vec::new();
    for (input, samples) in [("a new cloud", new), ("a known one", again)] {
        let row = suites.row(("start", input, "gumnut cloud start"), &samples, &[]);
        row.print();
        println!("          {:.0} ms", row.seconds() * 1000.0);
        rows.push(row);
    }
    Ok(rows)
}

/// Seconds until it says where it listens.
fn once(program: &Path, data: &Path) -> anyhow::Result<Sample> {
    let start = Instant::now();
    let mut process = Command::new(program)
        .args(["--json", "cloud", "start", "--listen", "127.0.0.1:0"])
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = process.stdout.take().context("standard output is a pipe")?;
    let mut line = String::new();
    let read = BufReader::new(stdout).read_line(&mut line);
    let wall = start.elapsed().as_secs_f64();
    process.kill()?;
    process.wait()?;
    read?;
    ensure!(line.contains("endpoint"), "it did not start: {line:?}");
    Ok(Sample {
        wall,
        ..Sample::default()
    })
}
