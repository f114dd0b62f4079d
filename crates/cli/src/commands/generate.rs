//! `gumnut completions`, `gumnut man` and what completions ask: for packagers and shells, from the one tree of commands.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use gumnut_command_line::{MANUAL, Shell, completions};
use gumnut_terminal::{Lines, Session};
use serde_json::json;

use crate::complete;

/// Print completions for a shell.
///
/// The script contains commands, options and their values. It runs gumnut for the ids of the images that were last listed, and for runs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut completions bash > ~/.local/share/bash-completion/completions/gumnut
  gumnut completions fish > ~/.config/fish/completions/gumnut.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Print what the last word may become: for completions.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct Complete {
    /// The words of the command line up to the cursor
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Write manual pages, one per command.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Directory of the pages, created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self, session: &Session, mut tree: Command) -> Result<(), anyhow::Error> {
        let script = completions(self.shell, &mut tree);
        let json = json!({ "shell": self.shell.to_string(), "completions": script });
        session.output.script(&json, &script)
    }
}

impl Complete {
    pub(crate) fn run(&self, session: &Session, tree: &Command) -> Result<(), anyhow::Error> {
        let values = complete::candidates(tree, &self.words);
        let lines: Lines = values.iter().map(|value| [value]).collect();
        session.output.result(&json!({ "values": values }), &lines)
    }
}

impl Man {
    pub(crate) fn run(&self, session: &Session, tree: Command) -> Result<(), anyhow::Error> {
        fs_err::create_dir_all(&self.folder)?;
        MANUAL
            .write(tree, &self.folder)
            .with_context(|| format!("cannot write pages into {}", self.folder.display()))?;
        let json = json!({ "folder": self.folder.to_string_lossy() });
        session
            .output
            .result(&json, &Lines::one(self.folder.display()))
    }
}
