//! The tree of commands. One struct a command, in a file of its own with the code that runs it.

use clap::{CommandFactory as _, Parser, Subcommand};
use gumnut_compat::Compat;
use gumnut_manage::{Doctor, Ls, Modify, Share, Tag, Unshare, Whoami};
use gumnut_terminal::{Session, block_on};

use crate::args::Global;
use crate::commands::{
    boot, bundle, check, cloud, copy, delete, deregister, download, fetch, generate, images,
    inspect, publish, reference, register, resize, retire, rewrap, unbundle, unpack, upload,
    verify,
};

/// Bundle, upload, register and restore machine images.
///
/// Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 unexpected,
/// 2 usage, 3 bad or untrusted input, 4 the cloud refused, 5 network,
/// 6 an expected text was not seen.
#[derive(Parser)]
#[command(
    name = "gumnut",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What gumnut can do.
#[derive(Subcommand)]
pub(crate) enum Command {
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
    Images(images::Images),
    Share(Share),
    Unshare(Unshare),
    Tag(Tag),
    Modify(Modify),
    Deregister(deregister::Deregister),
    Retire(retire::Retire),
    Copy(copy::Copy),
    Boot(boot::Boot),
    Doctor(Doctor),
    Whoami(Whoami),
    Resize(resize::Resize),
    Unpack(unpack::Unpack),
    Check(check::Check),
    Inspect(inspect::Inspect),
    Rewrap(rewrap::Rewrap),
    #[command(subcommand)]
    Cloud(cloud::Cloud),
    #[command(subcommand)]
    Compat(Compat),
    Completions(generate::Completions),
    Man(generate::Man),
    Reference(reference::Reference),
}

impl Cli {
    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// When the command fails; the error knows its exit code.
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match &self.command {
            Command::Publish(command) => command.run(session),
            Command::Resume(command) => command.run(session),
            Command::Runs(command) => command.run(session),
            Command::Abort(command) => command.run(session),
            Command::Bundle(command) => command.run(session),
            Command::Unbundle(command) => command.run(session),
            Command::Verify(command) => command.run(session),
            Command::Upload(command) => block_on(command.run(session)),
            Command::Download(command) => block_on(command.run(session)),
            Command::Fetch(command) => command.run(session),
            Command::Delete(command) => block_on(command.run(session)),
            Command::Ls(command) => block_on(command.run(session)),
            Command::Register(command) => block_on(command.run(session)),
            Command::Images(command) => block_on(command.run(session)),
            Command::Share(command) => block_on(command.run(session)),
            Command::Unshare(command) => block_on(command.run(session)),
            Command::Tag(command) => block_on(command.run(session)),
            Command::Modify(command) => block_on(command.run(session)),
            Command::Deregister(command) => block_on(command.run(session)),
            Command::Retire(command) => block_on(command.run(session)),
            Command::Copy(command) => command.run(session),
            Command::Boot(command) => command.run(session),
            Command::Doctor(command) => command.run(session),
            Command::Whoami(command) => block_on(command.run(session)),
            Command::Resize(command) => command.run(session),
            Command::Unpack(command) => command.run(session),
            Command::Check(command) => command.run(session),
            Command::Inspect(command) => command.run(session),
            Command::Rewrap(command) => command.run(session),
            Command::Cloud(command) => command.run(session),
            Command::Compat(command) => command.run(session),
            Command::Completions(command) => command.run(session, Self::command()),
            Command::Man(command) => command.run(session, Self::command()),
            Command::Reference(command) => command.run(session, Self::command()),
        }
    }
}
