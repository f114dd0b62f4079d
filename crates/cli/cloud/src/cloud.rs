//! `gumnut cloud`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gumnut_terminal::{Lines, Session};
use serde_json::json;

use crate::data::{CREDENTIALS, Data};
use crate::images::ImageOptions;
use crate::instances::InstanceOptions;
use crate::listen::{self, Listen};
use crate::refused::refused;
use crate::runtime::within;
use crate::{backup, fsck, gc, migrate, process, schema, serve, ssh_config, user};

/// The embedded cloud: an object store and an EC2 API on this machine.
#[derive(Subcommand)]
#[expect(
    missing_docs,
    reason = "the text of a command is at its options, and would be replaced by one here"
)]
pub enum Cloud {
    Init(Init),
    Start(Box<Start>),
    Status(process::Status),
    Stop(process::Stop),
    Credentials(Credentials),
    SshConfig(ssh_config::SshConfig),
    Fsck(fsck::Fsck),
    Gc(gc::Gc),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Migrate(migrate::Migrate),
    #[command(subcommand)]
    Schema(schema::Schema),
    #[command(subcommand)]
    User(user::User),
}

/// Create the administrator's account, its keys, and the cloud's certificate.
///
/// Writes the credentials to the subdirectory `credentials` of the data directory, for a cloud that is started with the
/// same options. An existing cloud is not changed.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud init")]
pub struct Init {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    listen: Listen,
}

/// Run the cloud until ^C, or in the background until `gumnut cloud stop`.
///
/// Prints the endpoint when it accepts connections.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud start
  gumnut cloud start --listen 127.0.0.1:9000 --data /srv/cloud
  gumnut cloud start --instances
  gumnut cloud start --detach && gumnut cloud status
  gumnut cloud stop")]
pub struct Start {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    images: ImageOptions,
    #[command(flatten)]
    instances: InstanceOptions,
    /// Run the cloud in the background, once it accepts connections; `gumnut cloud stop` ends it
    #[arg(long)]
    detach: bool,
    /// Print the settings of these options and of the configuration file as a configuration file, and exit
    #[arg(long, conflicts_with = "detach")]
    print_config: bool,
    /// This is the process in the background
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

/// Write a user's credentials: eucarc, keys and certificates.
///
/// To a directory, or to a zip file like that of the Eucalyptus console if the name ends with .zip.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud credentials --user alice -o alice-x509.zip")]
pub struct Credentials {
    #[command(flatten)]
    data: Data,
    /// User [default: the administrator]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Directory or zip file of the credentials
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// Endpoint in the eucarc [default: that of the last start]
    #[arg(long, value_name = "URL")]
    endpoint: Option<url::Url>,
}

impl Cloud {
    /// Runs the command that was given.
    ///
    /// # Errors
    /// What failed, with a [`gumnut_terminal::Failure`] in it where there is something to do about it.
    pub fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match self {
            Self::Init(command) => within(|| command.run(session)),
            Self::Start(command) => command.run(session),
            Self::Status(command) => command.run(session),
            Self::Stop(command) => command.run(session),
            Self::Credentials(command) => within(|| command.run(session)),
            Self::SshConfig(command) => command.run(session),
            Self::Fsck(command) => within(|| command.run(session)),
            Self::Backup(command) => command.run(session),
            Self::Restore(command) => command.run(session),
            Self::Migrate(command) => command.run(session),
            Self::Gc(command) => within(|| command.run(session)),
            Self::Schema(command) => within(|| command.run(session)),
            Self::User(command) => within(|| command.run(session)),
        }
    }
}

impl Init {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let mut settings = self.data.settings()?;
        self.listen.apply(&mut settings);
        let config = settings.config()?;
        gumnut_cloud::Cloud::init(&config).map_err(refused)?;
        let output = config.data_dir.join(CREDENTIALS);
        let endpoint = config.endpoint();
        let users = gumnut_cloud::Cloud::users(&config)?;
        users.credentials(None, &endpoint)?.write_folder(&output)?;
        say_credentials(session, &output)
    }
}

impl Credentials {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let config = self.data.config()?;
        let users = gumnut_cloud::Cloud::users(&config)?;
        let last = config.data_dir.join(CREDENTIALS);
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.to_string(),
            None => gumnut_cloud::Credentials::endpoint_in(&last)?
                .unwrap_or_else(|| format!("http://{}", listen::DEFAULT)),
        };
        let credentials = users.credentials(self.user.as_deref(), &endpoint)?;
        if self.output.extension().is_some_and(|end| end == "zip") {
            credentials.write_zip(&self.output)?;
            let json = json!({ "zip": self.output.to_string_lossy() });
            return session
                .output
                .result(&json, &Lines::one(self.output.display()));
        }
        credentials.write_folder(&self.output)?;
        say_credentials(session, &self.output)
    }
}

fn say_credentials(session: &Session, folder: &Path) -> Result<(), anyhow::Error> {
    let eucarc = folder.join("eucarc");
    let json = json!({ "eucarc": eucarc.to_string_lossy() });
    session.output.result(&json, &Lines::one(eucarc.display()))
}

impl Start {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let mut settings = self.data.settings()?;
        self.listen.apply(&mut settings);
        self.images.apply(&mut settings);
        self.instances.apply(&mut settings);
        // What is wrong with the options is said here, not in a log.
        let config = settings.config()?;
        if self.print_config {
            let toml = settings.to_toml();
            let json = json!({ "config": toml });
            let lines = toml.lines().map(|line| [line]).collect();
            return session.output.result(&json, &lines);
        }
        if self.detach {
            return process::detach(session, &config.data_dir);
        }
        if self.detached {
            process::leave_session()?;
        }
        serve::serve(session, config)
    }
}
