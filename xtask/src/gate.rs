//! `cargo xtask test`: the whole gate.

use clap::Args;
use support::report::Steps;
use support::system;
use support::workspace::Workspace;
use xshell::cmd;

use crate::deny::Deny;
use crate::{deny, tidy, tools};

/// Run every check: what CI runs, and nothing else.
///
/// Set-up, formatting, clippy, tidy, all tests, documentation, cargo-deny (bans, licences and sources; the
/// advisories need a host that is no package registry: `cargo xtask deny --advisories`), and foreign clients
/// against the embedded cloud. All of them run even when one fails.
#[derive(Args)]
pub(crate) struct Gate {
    /// Only formatting, clippy, tidy and tests
    #[arg(long)]
    quick: bool,
}

impl Gate {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let shell = workspace.shell()?;
        let mut steps = Steps::new();
        if !self.quick {
            steps.check("setup", || {
                system::all(workspace)?;
                deny::install(workspace)?;
                Ok(())
            });
        }
        steps.check("format", || {
            Ok(cmd!(shell, "cargo fmt --all --check").run()?)
        });
        steps.check("clippy", || {
            let strict = ["--", "--deny", "warnings"];
            Ok(cmd!(shell, "cargo clippy --workspace --all-targets {strict...}").run()?)
        });
        steps.check("tidy", || tidy::check(workspace));
        steps.check("tests", || {
            Ok(cmd!(shell, "cargo test --workspace --no-fail-fast").run()?)
        });
        if !self.quick {
            steps.check("documentation", || {
                let doc = cmd!(shell, "cargo doc --no-deps --workspace");
                Ok(doc.env("RUSTDOCFLAGS", "--deny warnings").run()?)
            });
            steps.check("deny (without advisories)", || {
                Deny::default().run(workspace)
            });
            steps.check("interop", || tools::interop(workspace));
        }
        steps.finish()
    }
}
