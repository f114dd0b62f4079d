//! The commands, one module each, and what they share.

mod boot;
pub(crate) mod bundle;
mod check;
mod cloud;
mod copy;
pub(crate) mod delete;
mod deregister;
pub(crate) mod destination;
mod doctor;
pub(crate) mod download;
mod fetch;
mod generate;
mod images;
mod inspect;
pub(crate) mod keys;
mod place;
mod publish;
mod register;
pub(crate) mod remote;
mod resize;
mod retire;
mod rewrap;
pub(crate) mod seal;
pub(crate) mod streamed;
pub(crate) mod trust;
pub(crate) mod unbundle;
mod unpack;
pub(crate) mod upload;
mod verify;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use gumnut_signing::Credentials;

use crate::args::{Cli, Global, Signature};
use crate::compat::Compat;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::settings::{Order, Overrides, Settings};

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

/// What every command gets.
pub(crate) struct Context<'a> {
    pub(crate) global: &'a Global,
    pub(crate) output: &'a Output,
    pub(crate) tradition: Tradition,
}

/// The ways of the tool whose name gumnut answers to; its own by default.
#[derive(Clone, Default)]
pub(crate) struct Tradition {
    /// Which source of settings comes first.
    pub(crate) order: Order,
    /// A key pair from the command line.
    pub(crate) credentials: Option<Credentials>,
    /// How requests to the object store are signed where the region does not insist on version 4.
    pub(crate) s3_signature: Option<Signature>,
}

impl Context<'_> {
    /// Reads the settings of all sources.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Settings::load(Overrides {
            config: self.global.config.clone(),
            region: self.global.region.clone(),
            ec2_url: self.global.ec2_url.clone(),
            s3_url: self.global.s3_url.clone(),
            credentials: self.tradition.credentials.clone(),
            order: self.tradition.order,
        })
    }
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli, output: &Output) -> Result<(), anyhow::Error> {
    let context = Context {
        global: &cli.global,
        output,
        tradition: Tradition::default(),
    };
    match &cli.command {
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
        Command::Completions(command) => command.run(&context),
        Command::Man(command) => command.run(&context),
    }
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A file that the user named cannot be read.
pub(crate) fn unreadable(what: &str, path: &Path, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(
        Exit::Input,
        format!("cannot read the {what} {}", path.display()),
    )
    .because(error)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bounded(what: &str, path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).map_err(|error| unreadable(what, path, error))?;
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| unreadable(what, path, error))?;
    if read as u64 > limit {
        return Err(Failure::new(
            Exit::Input,
            format!(
                "{} is larger than {limit} bytes, too large for a {what}",
                path.display()
            ),
        ));
    }
    Ok(bytes)
}
