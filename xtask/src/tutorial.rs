//! `cargo xtask tutorial`

use clap::Args;
use support::workspace::Workspace;
use xshell::cmd;

/// Run the tutorial of 2010, command by command, and compare what it prints with the page
///
/// The commands are those of the page under the names of the compatibility commands, on the embedded cloud as Eucalyptus 2.0.
/// The test of the same name does this with a smaller disk. Then an image is run, logged in to, and ended, by the commands of 2010, too.
#[derive(Args)]
pub(crate) struct Tutorial {
    /// Parts of the disk's bundle: the page shows 39
    #[arg(long, value_name = "N", default_value_t = 39, value_parser = clap::value_parser!(u8).range(1..=39))]
    parts: u8,
}

impl Tutorial {
    pub(crate) fn run(&self, workspace: &Workspace) -> anyhow::Result<()> {
        let shell = workspace.shell()?;
        let parts = self.parts.to_string();
        cmd!(
            shell,
            "cargo test --quiet --package gumnut-tests --test it tutorial::"
        )
        .env("GUMNUT_TUTORIAL_PARTS", parts)
        .run()?;
        println!("every line is as on the page");
        Ok(())
    }
}
