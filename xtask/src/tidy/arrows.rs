//! Who may call whom. ARCHITECTURE.md has the same table in words.

use serde_json::Value;

/// Each package and the packages of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 23] = [
    ("gumnut-types", &[]),
    ("gumnut-crypto", &["gumnut-types"]),
    ("gumnut-archive", &["gumnut-types"]),
    ("gumnut-splitter", &["gumnut-types"]),
    ("gumnut-manifest", &["gumnut-types", "gumnut-crypto"]),
    (
        "gumnut-bundle",
        &[
            "gumnut-types",
            "gumnut-crypto",
            "gumnut-archive",
            "gumnut-splitter",
            "gumnut-manifest",
        ],
    ),
    ("gumnut-disk-image", &["gumnut-types", "gumnut-archive"]),
    ("gumnut-qemu", &["gumnut-types"]),
    ("gumnut-signing", &["gumnut-types"]),
    ("gumnut-transport", &["gumnut-types", "gumnut-signing"]),
    (
        "gumnut-walrus-client",
        &["gumnut-types", "gumnut-signing", "gumnut-transport"],
    ),
    (
        "gumnut-ec2-client",
        &["gumnut-types", "gumnut-signing", "gumnut-transport"],
    ),
    ("gumnut-cloud-catalogue", &["gumnut-types"]),
    ("gumnut-cloud-blobs", &["gumnut-types"]),
    (
        "gumnut-cloud",
        &[
            "gumnut-cloud-catalogue",
            "gumnut-types",
            "gumnut-crypto",
            "gumnut-manifest",
            "gumnut-signing",
            "gumnut-bundle",
        ],
    ),
    (
        "gumnut-workflows",
        &[
            "gumnut-types",
            "gumnut-crypto",
            "gumnut-manifest",
            "gumnut-bundle",
            "gumnut-disk-image",
            "gumnut-signing",
            "gumnut-transport",
            "gumnut-walrus-client",
            "gumnut-ec2-client",
        ],
    ),
    (
        "gumnut-fuzz-targets",
        &[
            "gumnut-types",
            "gumnut-crypto",
            "gumnut-splitter",
            "gumnut-manifest",
            "gumnut-bundle",
            "gumnut-transport",
            "gumnut-ec2-client",
        ],
    ),
    ("gumnut", EVERYTHING),
    ("gumnut-tests", &[]),
    ("support", &[]),
    ("bench", &["support"]),
    ("interop", &["support"]),
    ("xtask", &["support"]),
];

/// Only the program composes all of it.
const EVERYTHING: &[&str] = &[
    "gumnut-types",
    "gumnut-crypto",
    "gumnut-archive",
    "gumnut-splitter",
    "gumnut-manifest",
    "gumnut-bundle",
    "gumnut-disk-image",
    "gumnut-qemu",
    "gumnut-signing",
    "gumnut-transport",
    "gumnut-walrus-client",
    "gumnut-ec2-client",
    "gumnut-workflows",
    "gumnut-cloud",
];

/// Compares what `cargo metadata` says with the table; gives one line for each arrow that is not in it.
/// Dependencies of tests and build scripts count as any other.
pub(crate) fn check(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut problems = Vec::new();
    if packages.is_empty() {
        problems.push("cargo metadata lists no packages".to_owned());
    }
    for package in packages {
        let name = text(&package["name"]);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            problems.push(format!(
                "{name} is not in the table of xtask/src/tidy/arrows.rs"
            ));
            continue;
        };
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let inside = dependencies.filter(|dependency| dependency["path"].is_string());
        let wrong = inside.map(|dependency| text(&dependency["name"]));
        let wrong = wrong.filter(|dependency| !allowed.contains(dependency));
        problems.extend(wrong.map(|dependency| format!("{name} must not depend on {dependency}")));
    }
    problems
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies = dependencies.iter().map(|(dependency, kind)| {
            json!({ "name": dependency, "kind": kind, "path": format!("/w/crates/{dependency}") })
        });
        json!({ "packages": [{
            "name": name,
            "dependencies": dependencies.collect::<Vec<Value>>(),
        }] })
    }

    #[test]
    fn arrows_of_the_table_pass() {
        let bundle = package(
            "gumnut-bundle",
            &[("gumnut-types", None), ("gumnut-archive", None)],
        );
        assert!(check(&bundle).is_empty());
    }

    #[test]
    fn an_arrow_the_wrong_way_is_found() {
        for (from, to) in [
            ("gumnut-types", "gumnut-crypto"),
            ("gumnut-manifest", "gumnut-transport"),
            ("gumnut-cloud", "gumnut-walrus-client"),
            ("gumnut-walrus-client", "gumnut-ec2-client"),
            ("gumnut-disk-image", "gumnut-bundle"),
            ("xtask", "gumnut-types"),
        ] {
            let problems = check(&package(from, &[("gumnut-types", None), (to, None)]));
            assert!(
                problems.contains(&format!("{from} must not depend on {to}")),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn tests_and_build_scripts_count() {
        for kind in ["dev", "build"] {
            let problems = check(&package("gumnut-tests", &[("gumnut-cloud", Some(kind))]));
            assert_eq!(problems, ["gumnut-tests must not depend on gumnut-cloud"]);
        }
    }

    #[test]
    fn foreign_crates_are_not_its_business_and_new_members_are() {
        let mut metadata = package("gumnut-types", &[]);
        metadata["packages"][0]["dependencies"] = json!([{ "name": "serde", "path": null }]);
        assert!(check(&metadata).is_empty());
        assert_eq!(check(&package("gumnut-new", &[])).len(), 1);
        assert_eq!(check(&json!({ "packages": [] })).len(), 1);
    }
}
