//! The commands for instances, and for what they need.

use clap::Subcommand;
use gumnut_terminal::Session;

use crate::console::Console;
use crate::group::Group;
use crate::instances::{Instances, Reboot, Terminate};
use crate::keypair::KeyPair;
use crate::run::Run;
use crate::ssh::Ssh;
use crate::types::Types;
use crate::wait::Wait;

/// A command for instances, or for what they need.
#[derive(Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would take the place of the help text of the command"
)]
pub enum InstanceCommand {
    Run(Box<Run>),
    Instances(Instances),
    Wait(Wait),
    Ssh(Ssh),
    Console(Console),
    Reboot(Reboot),
    Terminate(Terminate),
    Types(Types),
    #[command(name = "keypair")]
    KeyPair(KeyPair),
    Group(Group),
}

impl InstanceCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of the command.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match self {
            Self::Run(command) => command.run(session).await,
            Self::Instances(command) => command.run(session).await,
            Self::Wait(command) => command.run(session).await,
            Self::Ssh(command) => command.run(session).await,
            Self::Console(command) => command.run(session).await,
            Self::Reboot(command) => command.run(session).await,
            Self::Terminate(command) => command.run(session).await,
            Self::Types(command) => command.run(session).await,
            Self::KeyPair(command) => command.run(session).await,
            Self::Group(command) => command.run(session).await,
        }
    }
}
