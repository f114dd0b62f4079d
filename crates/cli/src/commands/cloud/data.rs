//! Where a cloud keeps its data.

use std::path::PathBuf;

use clap::Args;
use gumnut_settings::default_cloud_dir;
use gumnut_terminal::{Exit, Failure};

/// Where a cloud keeps its data.
#[derive(Args)]
pub(crate) struct Data {
    #[arg(
        long,
        value_name = "DIR",
        help = "Directory of the cloud's data [default: $XDG_DATA_HOME/gumnut/cloud]"
    )]
    data: Option<PathBuf>,
}

impl Data {
    /// The directory that was named, else the usual one.
    pub(super) fn folder(&self) -> Result<PathBuf, Failure> {
        self.data.clone().or_else(default_cloud_dir).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "there is no home directory for the cloud's data",
            )
            .hint("pass --data DIR")
        })
    }
}
