//! Instructions that each stage of the engine takes, counted by callgrind: the same on a busy machine and on a quiet one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use support::workspace::Workspace;
use xshell::{Shell, cmd};

/// What was counted last, for the toolchain and dependencies of this revision.
const COUNTS: &str = "crates/base/bundle/examples/stages.json";
const STAGES: [&str; 9] = [
    "read",
    "deflate",
    "inflate",
    "inflate-foreign",
    "sha1",
    "encrypt",
    "decrypt",
    "split",
    "join",
];
/// How far a count may be off before it is a change worth knowing, in per cent.
const TOLERANCE: f64 = 3.0;

/// Counts, and compares with the counts in the repository or replaces them.
pub(crate) fn run(workspace: &Workspace, update: bool) -> anyhow::Result<()> {
    let shell = workspace.shell()?;
    let program = build(workspace, &shell)?;
    let scratch = workspace.scratch("callgrind")?;
    let mut counts = BTreeMap::new();
    for stage in STAGES {
        counts.insert(
            stage.to_owned(),
            count(&shell, &program, scratch.path(), stage)?,
        );
    }
    let path = workspace.root().join(COUNTS);
    if update {
        fs_err::write(&path, serde_json::to_string_pretty(&counts)? + "\n")?;
        println!("written: {COUNTS}");
        return Ok(());
    }
    let known = serde_json::from_str(&fs_err::read_to_string(&path)?)
        .with_context(|| format!("cannot read {COUNTS}"))?;
    let changed = compare(&known, &counts);
    ensure!(
        changed.is_empty(),
        "the number of instructions has changed: {}; if that is meant: cargo xtask bench instructions --update",
        changed.join(", ")
    );
    Ok(())
}

fn build(workspace: &Workspace, shell: &Shell) -> anyhow::Result<PathBuf> {
    let words = ["--quiet", "--release", "--package", "gumnut-bundle"];
    cmd!(shell, "cargo build {words...} --example stages").run()?;
    let metadata = workspace.metadata()?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo names no target directory")?;
    Ok(Path::new(target).join("release/examples/stages"))
}

/// Instructions of doing a stage once: those of doing it twice without those of doing it once.
fn count(shell: &Shell, program: &Path, folder: &Path, stage: &str) -> anyhow::Result<u64> {
    let output = format!("--callgrind-out-file={}/callgrind.out", folder.display());
    let mut counts = [0; 2];
    for (times, count) in ["1", "2"].iter().zip(&mut counts) {
        let said = cmd!(
            shell,
            "valgrind --tool=callgrind {output} {program} {stage} {times}"
        )
        .quiet()
        .ignore_stdout()
        .read_stderr()?;
        *count = collected(&said).with_context(|| format!("callgrind counted nothing: {said}"))?;
    }
    let [once, twice] = counts;
    match twice.checked_sub(once) {
        Some(count) if count > 0 => Ok(count),
        _ => bail!("doing {stage} twice takes no more than once"),
    }
}

fn collected(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Prints the counts, and gives those that have changed.
fn compare(known: &BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) -> Vec<String> {
    let mut changed = Vec::new();
    for (stage, count) in counts {
        let Some(before) = known.get(stage) else {
            changed.push(format!("{stage} is new"));
            continue;
        };
        let per_cent = (as_float(*count) / as_float(*before) - 1.0) * 100.0;
        println!("    {stage:16} {count:>13} instructions, {per_cent:+.2} %");
        if per_cent.abs() > TOLERANCE {
            changed.push(format!("{stage} by {per_cent:+.1} %"));
        }
    }
    changed
}

/// Exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_prints_is_read() {
        let text = "==7== \n==7== Events    : Ir\n==7== Collected : 270195\n==7== \n";
        assert_eq!(collected(text), Some(270_195));
        assert_eq!(collected("==7== Events    : Ir"), None);
    }

    #[test]
    fn a_change_is_one_in_either_direction() {
        let counts = |figure| BTreeMap::from([("sha1".to_owned(), figure)]);
        assert!(compare(&counts(1000), &counts(1020)).is_empty());
        assert_eq!(compare(&counts(1000), &counts(1200)).len(), 1);
        assert_eq!(compare(&counts(1000), &counts(800)).len(), 1);
        assert_eq!(compare(&BTreeMap::new(), &counts(1)), ["sha1 is new"]);
    }
}
