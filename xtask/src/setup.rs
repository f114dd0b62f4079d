//! `cargo xtask setup`

use clap::Args;
use support::system;
use support::workspace::Workspace;

use crate::deny;

/// What is to be there.
#[derive(Args)]
pub(crate) struct Setup {
    /// Also Ceph and HAProxy, which `cargo xtask cluster` and `cargo xtask interop --ceph` need
    #[arg(long)]
    cluster: bool,
}

impl Setup {
    /// Makes sure of everything.
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        system::all(workspace)?;
        if self.cluster {
            system::cluster(workspace)?;
        }
        deny::install(workspace)?;
        println!("everything is there");
        Ok(())
    }
}
