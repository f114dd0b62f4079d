//! The tree of commands. One struct a command, in a file of its own with the code that runs it.

use std::ffi::OsString;

use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use gumnut_cloud_commands::{Cloud, Connect};
use gumnut_command_line::{OVERVIEW, Reference};
use gumnut_compat::Compat;
use gumnut_manage::{Doctor, Images, InstanceCommand, Ls, Modify, Share, Tag, Unshare, Whoami};
use gumnut_terminal::{Session, block_on};

use crate::args::Global;
use crate::commands::{
    boot, bundle, capture, check, copy, delete, deregister, download, fetch, generate, inspect,
    make, publish, register, resize, retire, rewrap, unbundle, unpack, upload, verify,
};

/// Bundle, upload, register and restore machine images.
///
/// Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 unexpected,
/// 2 usage, 3 bad or untrusted input, 4 the cloud refused, 5 network,
/// 6 `boot --expect` or waiting for an instance timed out; 129, 130 and 143 when a signal ended it.
#[derive(Parser)]
#[command(
    name = "gumnut",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  gumnut publish disk.img --bucket images --name debian-12
  gumnut images
  gumnut fetch emi-9FE813FD -o disk.img"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Action,
}

/// What gumnut can do.
#[derive(Subcommand)]
pub(crate) enum Action {
    Publish(Box<publish::Publish>),
    Resume(publish::Resume),
    Runs(publish::ListRuns),
    Abort(publish::Abort),
    Bundle(bundle::Bundle),
    Unbundle(unbundle::Unbundle),
    Verify(verify::Verify),
    Upload(upload::Upload),
    Download(download::Download),
    Fetch(fetch::Fetch),
    Delete(delete::Delete),
    Ls(Ls),
    Register(register::Register),
    Images(Images),
    Share(Share),
    Unshare(Unshare),
    Tag(Tag),
    Modify(Modify),
    Deregister(deregister::Deregister),
    Retire(retire::Retire),
    Copy(copy::Copy),
    Boot(boot::Boot),
    #[command(flatten)]
    Instance(InstanceCommand),
    Connect(Connect),
    Doctor(Doctor),
    Whoami(Whoami),
    Make(Box<make::Make>),
    Capture(Box<capture::Capture>),
    Resize(resize::Resize),
    Unpack(unpack::Unpack),
    Check(check::Check),
    Inspect(inspect::Inspect),
    Rewrap(rewrap::Rewrap),
    #[command(subcommand)]
    Cloud(Cloud),
    #[command(subcommand)]
    Compat(Compat),
    Completions(generate::Completions),
    Complete(generate::Complete),
    Man(generate::Man),
    Reference(Reference),
}

/// The tree of commands, with its help.
pub(crate) fn tree() -> Command {
    let tree = Cli::command();
    let commands = OVERVIEW.listing(&tree);
    tree.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\nCommands:\n{commands}\n\
         Options:\n{{options}}{{after-help}}"
    ))
}

impl Cli {
    /// Reads a command line.
    ///
    /// # Errors
    /// When it is wrong, and when it asks for help or the version.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&tree().try_get_matches_from(arguments)?)
    }

    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// When the command fails; the error knows its exit code.
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match &self.command {
            Action::Publish(command) => command.run(session),
            Action::Resume(command) => command.run(session),
            Action::Runs(command) => command.run(session),
            Action::Abort(command) => command.run(session),
            Action::Bundle(command) => command.run(session),
            Action::Unbundle(command) => command.run(session),
            Action::Verify(command) => command.run(session),
            Action::Upload(command) => block_on(command.run(session)),
            Action::Download(command) => block_on(command.run(session)),
            Action::Fetch(command) => command.run(session),
            Action::Delete(command) => block_on(command.run(session)),
            Action::Ls(command) => block_on(command.run(session)),
            Action::Register(command) => block_on(command.run(session)),
            Action::Images(command) => block_on(command.run(session)),
            Action::Share(command) => block_on(command.run(session)),
            Action::Unshare(command) => block_on(command.run(session)),
            Action::Tag(command) => block_on(command.run(session)),
            Action::Modify(command) => block_on(command.run(session)),
            Action::Deregister(command) => block_on(command.run(session)),
            Action::Retire(command) => block_on(command.run(session)),
            Action::Copy(command) => command.run(session),
            Action::Boot(command) => command.run(session),
            Action::Instance(command) => block_on(command.run(session)),
            Action::Connect(command) => command.run(),
            Action::Doctor(command) => command.run(session),
            Action::Whoami(command) => block_on(command.run(session)),
            Action::Make(command) => command.run(session),
            Action::Capture(command) => command.run(session),
            Action::Resize(command) => command.run(session),
            Action::Unpack(command) => command.run(session),
            Action::Check(command) => command.run(session),
            Action::Inspect(command) => command.run(session),
            Action::Rewrap(command) => command.run(session),
            Action::Cloud(command) => command.run(session),
            Action::Compat(command) => command.run(session),
            Action::Completions(command) => command.run(session, tree()),
            Action::Complete(command) => command.run(session, &tree()),
            Action::Man(command) => command.run(session, tree()),
            Action::Reference(command) => command.run(session, tree()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_screen_fits_a_terminal() {
        let screen = OVERVIEW.first_screen(&tree());
        // The prompt needs the last of 24 lines.
        assert!(screen.lines().count() <= 23, "{screen}");
        for line in screen.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn no_command_is_left_over() {
        let tree = tree();
        for command in tree.get_subcommands().filter(|it| !it.is_hide_set()) {
            let name = command.get_name();
            let known = OVERVIEW
                .groups
                .iter()
                .any(|(_, names)| names.contains(&name));
            assert!(known, "{name} is in no group");
        }
    }
}
