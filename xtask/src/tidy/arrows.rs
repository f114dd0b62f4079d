//! Who calls whom, by `cargo metadata`, against the tables of ARCHITECTURE.md and the rules of each kind.

use serde_json::Value;

use super::kinds;
use super::table::{Row, Table};

/// Gives one line for each arrow that is not in the table or breaks a rule, each foreign crate where it does not belong, and
/// each difference between the table's crates and those that there are. Dependencies of build scripts count as any other.
pub(super) fn check(table: &Table, metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut problems = kinds::check(table);
    if packages.is_empty() {
        problems.push("cargo metadata lists no packages".to_owned());
    }
    for package in packages {
        let name = text(&package["name"]);
        let Some(row) = table.row(name) else {
            problems.push(format!("{name} is not in the table of ARCHITECTURE.md"));
            continue;
        };
        let manifest = text(&package["manifest_path"]);
        if !manifest.contains(row.kind.folder()) {
            problems.push(format!("{name} is not in {}", row.kind.folder()));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            problems.extend(objection(table, row, manifest, dependency));
        }
    }
    for row in &table.rows {
        if !packages
            .iter()
            .any(|package| text(&package["name"]) == row.name)
        {
            problems.push(format!(
                "the table of ARCHITECTURE.md has {}, which is not there",
                row.name
            ));
        }
    }
    problems
}

fn objection(table: &Table, row: &Row, manifest: &str, dependency: &Value) -> Option<String> {
    let name = text(&dependency["name"]);
    let in_tests = dependency["kind"] == "dev";
    let reason = match dependency["path"].as_str() {
        Some(path) => ours(table, row, manifest, path, name, in_tests),
        None => foreign(table, row, name, in_tests),
    };
    reason.map(|reason| format!("{} must not depend on {name}: {reason}", row.name))
}

/// Why not, for a crate of the workspace.
fn ours(
    table: &Table,
    row: &Row,
    manifest: &str,
    path: &str,
    name: &str,
    in_tests: bool,
) -> Option<String> {
    // By their directories, so that no table can change it.
    for (one, other) in [
        ("/crates/client/", "/crates/cloud/"),
        ("/crates/cloud/", "/crates/client/"),
    ] {
        if manifest.contains(one) && path.contains(other) {
            return Some("client and cloud never meet".to_owned());
        }
    }
    let kind = table.row(name).map(|other| other.kind);
    if let Some(reason) = kind.and_then(|kind| row.kind.objection(kind, in_tests)) {
        return Some(reason.to_owned());
    }
    let is_allowed = row.calls.iter().any(|call| call == name)
        || in_tests && row.tests.iter().any(|call| call == name);
    (!is_allowed).then(|| "the table of ARCHITECTURE.md does not say so".to_owned())
}

/// Why not, for a crate of others.
fn foreign(table: &Table, row: &Row, name: &str, in_tests: bool) -> Option<String> {
    if let Some(owner) = table.owners.iter().find(|owner| owner.foreign == name) {
        let is_owner =
            owner.owners.contains(&row.name) || in_tests && owner.tests.contains(&row.name);
        if !is_owner {
            return Some(format!("it is for {} only", owner.owners.join(", ")));
        }
    }
    let is_too_low = !in_tests && kinds::is_protocol_too_low(row.kind, name);
    is_too_low.then(|| "seams and domains know no HTTP, no SQL and no wire format".to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use support::workspace::Workspace;

    use super::*;

    /// The tables of the page itself.
    fn table() -> Table {
        Table::read(Workspace::find().unwrap().root()).unwrap()
    }

    /// One package with dependencies of a kind, each with its directory; none for foreign ones.
    fn problems(
        folder: &str,
        name: &str,
        dependencies: &[(&str, &str)],
        kind: Option<&str>,
    ) -> Vec<String> {
        let dependencies = dependencies.iter().map(|(name, folder)| {
            let path = (!folder.is_empty()).then(|| format!("/w/{folder}/{name}"));
            json!({ "name": name, "kind": kind, "path": path })
        });
        let metadata = json!({ "packages": [{
            "name": name,
            "manifest_path": format!("/w/{folder}/x/Cargo.toml"),
            "dependencies": dependencies.collect::<Vec<Value>>(),
        }] });
        check(&table(), &metadata)
            .into_iter()
            .filter(|problem| problem.contains("must not") || problem.contains("is not in"))
            .collect()
    }

    #[test]
    fn arrows_of_the_table_pass() {
        let below = [
            ("gumnut-types", "crates/base"),
            ("gumnut-archive", "crates/base"),
            ("serde", ""),
        ];
        assert_eq!(
            problems("crates/base", "gumnut-bundle", &below, None),
            [""; 0]
        );
    }

    #[test]
    fn an_arrow_the_wrong_way_is_found() {
        for (folder, from, other, to) in [
            (
                "crates/base",
                "gumnut-types",
                "crates/base",
                "gumnut-crypto",
            ),
            (
                "crates/base",
                "gumnut-manifest",
                "crates/client",
                "gumnut-transport",
            ),
            (
                "crates/client",
                "gumnut-walrus-client",
                "crates/client",
                "gumnut-ec2-client",
            ),
            (
                "crates/image",
                "gumnut-disk-image",
                "crates/base",
                "gumnut-bundle",
            ),
            (
                "crates/cloud",
                "gumnut-cloud-catalogue",
                "crates/cloud",
                "gumnut-cloud-sqlite",
            ),
            (
                "crates/cloud",
                "gumnut-cloud-objects",
                "crates/cloud",
                "gumnut-cloud-http",
            ),
            (
                "crates/cloud",
                "gumnut-cloud-http",
                "crates/cloud",
                "gumnut-cloud-accounts",
            ),
            ("xtask", "xtask", "crates/base", "gumnut-types"),
        ] {
            for kind in [None, Some("dev"), Some("build")] {
                let found = problems(folder, from, &[(to, other)], kind);
                let expected = format!("{from} must not depend on {to}: ");
                assert!(
                    found.len() == 1 && found[0].starts_with(&expected),
                    "{found:?}"
                );
            }
        }
    }

    #[test]
    fn front_ends_never_see_each_other() {
        for (one, other) in [("s3", "ec2"), ("ec2", "s3")] {
            let (one, other) = (
                format!("gumnut-cloud-{one}"),
                format!("gumnut-cloud-{other}"),
            );
            let found = problems(
                "crates/cloud",
                &one,
                &[(&other, "crates/cloud")],
                Some("dev"),
            );
            assert_eq!(
                found,
                [format!(
                    "{one} must not depend on {other}: front ends never see each other"
                )]
            );
        }
    }

    #[test]
    fn a_foreign_crate_stays_with_its_owner() {
        for (from, foreign, owner) in [
            ("gumnut-cloud-objects", "rusqlite", "gumnut-cloud-sqlite"),
            ("gumnut-cloud", "rusqlite", "gumnut-cloud-sqlite"),
            ("gumnut-cloud-ec2", "s3s", "gumnut-cloud-s3"),
            ("gumnut-cloud-http", "s3s", "gumnut-cloud-s3"),
        ] {
            for kind in [None, Some("dev")] {
                let found = problems("crates/cloud", from, &[(foreign, "")], kind);
                assert_eq!(
                    found,
                    [format!(
                        "{from} must not depend on {foreign}: it is for {owner} only"
                    )]
                );
            }
            assert_eq!(
                problems("crates/cloud", owner, &[(foreign, "")], None),
                [""; 0]
            );
        }
    }

    #[test]
    fn domains_know_no_wire() {
        let found = problems(
            "crates/cloud",
            "gumnut-cloud-images",
            &[("quick-xml", "")],
            None,
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn client_and_cloud_never_meet_whatever_they_are_called() {
        for (from, folder, to, other) in [
            (
                "gumnut-cloud",
                "crates/cloud",
                "gumnut-walrus-client",
                "crates/client",
            ),
            (
                "gumnut-workflows",
                "crates/client",
                "gumnut-cloud",
                "crates/cloud",
            ),
            (
                "gumnut-transport",
                "crates/client",
                "gumnut-types",
                "crates/cloud",
            ),
        ] {
            let found = problems(folder, from, &[(to, other)], Some("dev"));
            assert_eq!(
                found,
                [format!(
                    "{from} must not depend on {to}: client and cloud never meet"
                )]
            );
        }
    }

    #[test]
    fn new_members_and_misplaced_ones_are_found() {
        let packages = |name: &str| json!({ "packages": [{ "name": name, "manifest_path": "/w/crates/image/x/Cargo.toml" }] });
        let found = check(&table(), &packages("gumnut-new"));
        assert!(found.contains(&"gumnut-new is not in the table of ARCHITECTURE.md".to_owned()));
        assert!(found.contains(
            &"the table of ARCHITECTURE.md has gumnut-types, which is not there".to_owned()
        ));
        let found = check(&table(), &packages("gumnut-types"));
        assert!(found.contains(&"gumnut-types is not in crates/base".to_owned()));
        let found = check(&table(), &json!({ "packages": [] }));
        assert!(found.contains(&"cargo metadata lists no packages".to_owned()));
    }
}
