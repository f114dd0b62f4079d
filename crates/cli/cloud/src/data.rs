//! Where a cloud keeps its data, and its configuration.

use std::path::PathBuf;

use clap::Args;
use gumnut_cloud::Config;
use gumnut_terminal::Failure;

use crate::settings::Settings;

/// The directory of credentials in that of the data.
pub(crate) const CREDENTIALS: &str = "credentials";

/// Where a cloud keeps its data.
#[derive(Args)]
pub(crate) struct Data {
    #[arg(
        long,
        value_name = "DIR",
        help = "Directory of the cloud's data [default: $XDG_DATA_HOME/gumnut/cloud]"
    )]
    data: Option<PathBuf>,
    /// Configuration file of the cloud (TOML); options take precedence over it
    #[arg(long, value_name = "FILE")]
    server_config: Option<PathBuf>,
}

impl Data {
    /// Whether one of the two options was given.
    pub(crate) fn is_given(&self) -> bool {
        self.data.is_some() || self.server_config.is_some()
    }

    /// What the configuration file says, with the directory that was named.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.server_config {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        if self.data.is_some() {
            settings.data.clone_from(&self.data);
        }
        Ok(settings)
    }

    /// The directory that was named, else the usual one.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        self.settings()?.folder()
    }

    /// What the cloud is started with when nothing else is said.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        self.settings()?.config()
    }
}
