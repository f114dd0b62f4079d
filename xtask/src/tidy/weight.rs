//! What programs that embed the cloud get with it: no clients of databases and stores that they did not ask for.

use support::workspace::Workspace;
use xshell::cmd;

/// Crates that only the features `postgres` and `bucket` bring.
const BY_FEATURE: [&str; 4] = ["deadpool", "object_store", "reqwest", "tokio-postgres"];

/// Gives one line for each crate that the embedded cloud should not bring without its features.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let shell = workspace.shell()?;
    let package = ["--package", "gumnut-cloud", "--no-default-features"];
    // What only its tests use is not part of it.
    let shown = ["--edges", "normal,build", "--prefix", "none", "--locked"];
    let tree = cmd!(shell, "cargo tree {package...} {shown...}");
    // With it, other packages of the workspace would decide on features.
    let tree = tree.env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION");
    Ok(problems(&tree.quiet().read()?))
}

fn problems(tree: &str) -> Vec<String> {
    let names: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    if !names.contains(&"gumnut-cloud-sqlite") {
        return vec!["cargo tree does not show what gumnut-cloud depends on".to_owned()];
    }
    BY_FEATURE
        .into_iter()
        .filter(|name| names.contains(name))
        .map(|name| format!("gumnut-cloud brings {name} without any feature"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_nobody_asked_for_is_named() {
        let tree = "gumnut-cloud v0.1.0 (/x)\ngumnut-cloud-sqlite v0.1.0 (/x)\ntokio v1.0.0\n";
        assert_eq!(problems(tree), [""; 0]);
        let heavy = format!("{tree}tokio-postgres v0.7.18\ntokio-postgres v0.7.18 (*)\n");
        let expected = ["gumnut-cloud brings tokio-postgres without any feature"];
        assert_eq!(problems(&heavy), expected);
        assert_eq!(problems("").len(), 1);
    }
}
