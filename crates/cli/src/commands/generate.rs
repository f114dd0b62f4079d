//! `gumnut completions` and `gumnut man`: for packagers and shells, from the one tree of commands.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;
use gumnut_terminal::Session;
use serde_json::json;

/// Print completions for a shell.
///
/// As in: gumnut completions bash > ~/.local/share/bash-completion/completions/gumnut
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Write the manual pages, one for each command.
///
/// As in: gumnut man ~/.local/share/man/man1
#[derive(Args)]
pub(crate) struct Man {
    /// Folder of the pages; made when it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self, session: &Session, mut tree: Command) -> Result<(), anyhow::Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut tree, "gumnut", &mut script);
        let script = String::from_utf8(script).context("completions are no text")?;
        let json = json!({ "shell": self.shell.to_string(), "completions": script });
        session.output.result(&json, &script)
    }
}

impl Man {
    pub(crate) fn run(&self, session: &Session, tree: Command) -> Result<(), anyhow::Error> {
        fs_err::create_dir_all(&self.folder)?;
        clap_mangen::generate_to(tree, &self.folder)
            .with_context(|| format!("cannot write pages into {}", self.folder.display()))?;
        let json = json!({ "folder": self.folder });
        let text = self.folder.display().to_string();
        session.output.result(&json, &text)
    }
}
