//! `gumnut cloud`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Context;

/// The embedded cloud: an object store and an EC2 front end on this machine.
#[derive(Subcommand)]
pub(crate) enum Cloud {
    Init(Init),
    Start(Start),
    Credentials(Credentials),
}

/// Where a cloud keeps its data.
#[derive(Args)]
struct Data {
    #[arg(
        long,
        value_name = "DIR",
        help = "Folder of the cloud's data [default: $XDG_DATA_HOME/gumnut/cloud]"
    )]
    data: Option<PathBuf>,
}

/// Make the administrator's account, its keys, and the cloud's certificate.
///
/// Writes the credentials to the folder `credentials` of the data. A cloud that exists stays as it is.
#[derive(Args)]
pub(crate) struct Init {
    #[command(flatten)]
    data: Data,
    /// Address that the eucarc names
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8773")]
    listen: SocketAddr,
}

/// Run the cloud until ^C.
///
/// Prints where it listens as soon as it accepts connections.
#[derive(Args)]
pub(crate) struct Start {
    #[command(flatten)]
    data: Data,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8773")]
    listen: SocketAddr,
}

/// Write the administrator's credentials: eucarc, keys and certificates.
#[derive(Args)]
pub(crate) struct Credentials {
    #[command(flatten)]
    data: Data,
    /// Folder of the credentials
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Where the cloud listens, for the eucarc
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8773")]
    endpoint: url::Url,
}

impl Cloud {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let _ = context;
        Ok(())
    }
}
