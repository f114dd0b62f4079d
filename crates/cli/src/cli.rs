//! The tree of commands. One struct a command, in a file of its own with the code that runs it.

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::args::Global;
use crate::commands::{Context, Tradition, remote};
use crate::commands::{
    boot, bundle, check, cloud, copy, delete, deregister, doctor, download, fetch, generate,
    images, inspect, publish, register, resize, retire, rewrap, unbundle, unpack, upload, verify,
};
use crate::compat::Compat;
use crate::output::Output;

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
    Register(register::Register),
    Images(images::Images),
    Deregister(deregister::Deregister),
    Retire(retire::Retire),
    Copy(copy::Copy),
    Boot(boot::Boot),
    Doctor(doctor::Doctor),
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
}

impl Cli {
    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// When the command fails; the error knows its exit code.
    pub(crate) fn run(&self, output: &Output) -> Result<(), anyhow::Error> {
        let context = Context {
            global: &self.global,
            output,
            tradition: Tradition::default(),
        };
        match &self.command {
            Command::Publish(command) => command.run(&context),
            Command::Resume(command) => command.run(&context),
            Command::Runs(command) => command.run(&context),
            Command::Abort(command) => command.run(&context),
            Command::Bundle(command) => command.run(&context),
            Command::Unbundle(command) => command.run(&context),
            Command::Verify(command) => command.run(&context),
            Command::Upload(command) => remote::block_on(command.run(&context)),
            Command::Download(command) => remote::block_on(command.run(&context)),
            Command::Fetch(command) => command.run(&context),
            Command::Delete(command) => remote::block_on(command.run(&context)),
            Command::Register(command) => remote::block_on(command.run(&context)),
            Command::Images(command) => remote::block_on(command.run(&context)),
            Command::Deregister(command) => remote::block_on(command.run(&context)),
            Command::Retire(command) => remote::block_on(command.run(&context)),
            Command::Copy(command) => command.run(&context),
            Command::Boot(command) => command.run(&context),
            Command::Doctor(command) => command.run(&context),
            Command::Resize(command) => command.run(&context),
            Command::Unpack(command) => command.run(&context),
            Command::Check(command) => command.run(&context),
            Command::Inspect(command) => command.run(&context),
            Command::Rewrap(command) => command.run(&context),
            Command::Cloud(command) => command.run(&context),
            Command::Compat(command) => command.run(&context),
            Command::Completions(command) => command.run(&context, Self::command()),
            Command::Man(command) => command.run(&context, Self::command()),
        }
    }
}
