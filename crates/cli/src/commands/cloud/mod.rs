//! `gumnut cloud`

mod images;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use gumnut_cloud::Config;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use self::images::ImageOptions;
use super::Context;
use crate::exit::{Exit, Failure};
use crate::settings::default_cloud_dir;

/// The folder of credentials in that of the data.
const CREDENTIALS: &str = "credentials";

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
    #[command(flatten)]
    images: ImageOptions,
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
        match self {
            Self::Init(command) => command.run(context),
            Self::Start(command) => command.run(context),
            Self::Credentials(command) => command.run(context),
        }
    }
}

impl Data {
    fn folder(&self) -> Result<PathBuf, Failure> {
        self.data.clone().or_else(default_cloud_dir).ok_or_else(|| {
            Failure::new(Exit::Usage, "there is no home folder for the cloud's data")
                .hint("pass --data DIR")
        })
    }
}

impl Init {
    fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let data = self.data.folder()?;
        gumnut_cloud::Cloud::init(&Config::new(&data))?;
        let output = data.join(CREDENTIALS);
        let endpoint = format!("http://{}", self.listen);
        gumnut_cloud::Cloud::write_credentials(&data, &output, &endpoint)?;
        say_credentials(context, &output)
    }
}

impl Credentials {
    fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let data = self.data.folder()?;
        let endpoint = self.endpoint.as_str();
        gumnut_cloud::Cloud::write_credentials(&data, &self.output, endpoint)?;
        say_credentials(context, &self.output)
    }
}

fn say_credentials(context: &Context<'_>, folder: &Path) -> Result<(), anyhow::Error> {
    let eucarc = folder.join("eucarc");
    context
        .output
        .result(&json!({ "eucarc": eucarc }), &eucarc.display().to_string())
}

impl Start {
    fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.serve(context))
    }

    async fn serve(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let data = self.data.folder()?;
        let mut config = Config::new(&data);
        config.listen = self.listen;
        config.images = self.images.rules()?;
        // Watched from here on, so that an early ^C is not lost.
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for signals")?;
        let running = gumnut_cloud::Cloud::start(config).await?;
        let folder = data.join(CREDENTIALS);
        running.write_credentials(&folder)?;
        let endpoint = running.endpoint();
        let eucarc = folder.join("eucarc");
        context
            .output
            .say(format!("credentials: {}", eucarc.display()));
        let json = json!({ "endpoint": endpoint, "eucarc": eucarc });
        context
            .output
            .result(&json, &format!("listening on {endpoint}"))?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        context.output.say("stopping");
        Ok(running.shutdown().await?)
    }
}
