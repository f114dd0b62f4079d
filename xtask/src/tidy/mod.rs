//! `cargo xtask tidy`: the rules of the house that no compiler knows.

mod arrows;
mod circles;
mod comments;
mod crates;
mod docs;
mod kinds;
mod literals;
mod members;
mod messages;
mod modules;
mod sources;
mod table;
mod tokens;
mod weight;
mod words;

use anyhow::bail;
use support::workspace::Workspace;

pub(crate) use self::members::is_library;
use self::table::Table;

/// Checks every rule and says so.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    check(workspace)?;
    println!("tidy");
    Ok(())
}

/// Checks every rule; the error names all that is not as it should be.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let (root, metadata) = (workspace.root(), workspace.metadata()?);
    let mut problems = arrows::check(&Table::read(root)?, &metadata);
    problems.extend(crates::check(root, &metadata)?);
    problems.extend(members::check(root, &metadata)?);
    problems.extend(sources::check(root)?);
    problems.extend(docs::check(root, &metadata)?);
    problems.extend(messages::check(root)?);
    problems.extend(words::check(root)?);
    problems.extend(weight::check(workspace)?);
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
