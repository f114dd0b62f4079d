//! A recording of a publish on the embedded cloud, as asciinema plays it and as an animated picture.
//!
//! `script` of util-linux runs the commands on a terminal of its own and notes when what was printed.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::json;
use support::cloud::Cloud;
use support::fixture;
use support::workspace::{Workspace, without_foreign_settings};
use xshell::cmd;

use crate::screen::{self, Event};

/// The size of the terminal, in characters.
const WIDTH: u16 = 100;
const HEIGHT: u16 = 22;
/// The commands that are shown, as a user types them.
const COMMANDS: [&str; 3] = [
    "gumnut publish euca-busybox-x86_64.tar.gz --size 4G",
    "gumnut images",
    "gumnut publish euca-busybox-x86_64.tar.gz --size 4G   # changes nothing",
];

/// Records the commands with the small fixture, and writes `publish.cast` and `publish.svg` into `docs`.
pub(crate) fn run(workspace: &Workspace, program: &Path, docs: &Path) -> anyhow::Result<()> {
    let tarball = fixture::small(workspace)?;
    let events = recorded(workspace, program, (WIDTH, HEIGHT), &COMMANDS, |work| {
        let name = tarball.file_name().context("a tarball has a name")?;
        fs_err::copy(&tarball, work.join(name))?;
        Ok(())
    })?;
    fs_err::write(docs.join("publish.cast"), cast(&events)?)?;
    let picture = screen::picture(&events, WIDTH, HEIGHT)?;
    fs_err::write(docs.join("publish.svg"), picture)?;
    Ok(())
}

/// Runs the commands on a terminal of this many columns and rows, with an embedded cloud of their own. `prepare` gets the directory that they
/// run in: commands that name files in it by their names record no path of this machine.
pub(crate) fn recorded(
    workspace: &Workspace,
    program: &Path,
    (width, height): (u16, u16),
    commands: &[&str],
    prepare: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Event>> {
    let scratch = workspace.scratch("recording")?;
    let folder = scratch.path();
    let shell = workspace.shell()?;
    shell.change_dir(folder);
    let work = shell.create_dir("work")?;
    prepare(&work)?;
    let cloud = Cloud::start(program, &folder.join("cloud"))?;
    let bin = shell.create_dir("bin")?;
    fs_err::os::unix::fs::symlink(program, bin.join("gumnut"))?;
    // Where gumnut looks for a cloud when nothing else is set.
    let place = shell.create_dir("home/.local/share/gumnut")?;
    fs_err::os::unix::fs::symlink(folder.join("cloud/data"), place.join("cloud"))?;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut script = format!(
        "stty cols {width} rows {height}\ncd {}\nexport HOME={} PATH={}:{path} TERM=xterm-256color LC_ALL=C.UTF-8\n",
        work.display(),
        folder.join("home").display(),
        bin.display(),
    );
    for command in commands {
        // Time to read what is typed and what came of it.
        writeln!(
            script,
            "sleep 0.5; printf '$ %s\\n' '{command}'; sleep 0.5\n{command}\nsleep 1"
        )?;
    }
    let steps = folder.join("commands.sh");
    fs_err::write(&steps, script)?;
    let (log, timing) = (folder.join("log"), folder.join("timing"));
    let command = format!("sh -e {}", steps.display());
    let recorder = cmd!(
        shell,
        "script --quiet --return --command {command} --log-out {log} --log-timing {timing}"
    );
    without_foreign_settings(recorder)
        .quiet()
        .ignore_stdout()
        .run()?;
    cloud.stop()?;
    events(&fs_err::read(&log)?, &fs_err::read_to_string(&timing)?)
}

/// What `script` wrote: the log begins and ends with a line of its own, and the timing has lines of seconds and bytes.
fn events(log: &[u8], timing: &str) -> anyhow::Result<Vec<Event>> {
    let start = log
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut rest = &log[start..];
    let mut at = 0.0;
    let mut events = Vec::new();
    for line in timing.lines() {
        let (seconds, bytes) = line
            .split_once(' ')
            .context("a line of times has two numbers")?;
        let (seconds, bytes): (f64, usize) = (seconds.parse()?, bytes.trim().parse()?);
        ensure!(bytes <= rest.len(), "the log is shorter than its times say");
        let (piece, after) = rest.split_at(bytes);
        at += seconds;
        events.push(Event {
            at,
            text: String::from_utf8_lossy(piece).into_owned(),
        });
        rest = after;
    }
    Ok(events)
}

/// The recording in the format of asciinema, version 2.
fn cast(events: &[Event]) -> anyhow::Result<String> {
    let head = json!({
        "version": 2,
        "width": WIDTH,
        "height": HEIGHT,
        "title": "gumnut publish",
    });
    let mut cast = format!("{head}\n");
    for event in events {
        let at = (event.at * 1000.0).round() / 1000.0;
        writeln!(cast, "{}", json!([at, "o", event.text]))?;
    }
    Ok(cast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_and_its_times_are_a_recording() {
        let log = b"Script started on x\n$ a\r\nb\r\n\nScript done on x\n";
        let recorded = events(log, "0.5 5\n0.25 3\n").unwrap();
        assert_eq!(recorded[0].text, "$ a\r\n");
        assert_eq!((recorded[1].at, recorded[1].text.as_str()), (0.75, "b\r\n"));
        let cast = cast(&recorded).unwrap();
        let lines: Vec<&str> = cast.lines().collect();
        assert!(lines[0].contains("\"version\":2"));
        assert_eq!(lines[2], "[0.75,\"o\",\"b\\r\\n\"]");
        assert!(events(log, "0.5 500\n").is_err());
    }
}
