//! `cargo xtask setup`

use support::system;
use support::workspace::Workspace;

use crate::deny;

/// Makes sure of everything.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    system::all(workspace)?;
    deny::install(workspace)?;
    println!("everything is there");
    Ok(())
}
