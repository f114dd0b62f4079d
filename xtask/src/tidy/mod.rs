//! `cargo xtask tidy`: the rules of the house that no compiler knows.

mod arrows;
mod docs;
mod members;
mod sources;

use anyhow::bail;
use support::workspace::Workspace;

/// Checks every rule and says so.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    check(workspace)?;
    println!("tidy");
    Ok(())
}

/// Checks every rule; the error names all that is not as it should be.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let metadata = workspace.metadata()?;
    let mut problems = arrows::check(&metadata);
    problems.extend(members::check(workspace.root(), &metadata)?);
    problems.extend(sources::check(workspace.root())?);
    problems.extend(docs::check(workspace.root())?);
    if !problems.is_empty() {
        bail!("not tidy:\n  {}", problems.join("\n  "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        check(&Workspace::find().unwrap()).unwrap();
    }
}
