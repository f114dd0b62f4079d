//! What each member of the workspace inherits and carries.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

/// Fields that are said once, in the root.
const INHERITED: [&str; 7] = [
    "version",
    "edition",
    "rust-version",
    "license",
    "authors",
    "homepage",
    "repository",
];

/// Directories of the crates that others can use.
const LIBRARIES: [&str; 4] = ["base", "image", "client", "cloud"];
/// How many keywords a registry takes.
const MOST_KEYWORDS: usize = 5;

/// Makes a README the documentation of its crate.
const README_IS_DOC: &str = "#![doc = include_str!(\"../README.md\")]";

/// Gives one line for each member that is not as its neighbours are.
pub(crate) fn check(root: &Path, metadata: &Value) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists packages")?;
    let mut folders = Vec::new();
    for package in packages {
        let manifest = package["manifest_path"]
            .as_str()
            .context("a package has a manifest")?;
        let folder = Path::new(manifest)
            .parent()
            .context("a manifest is in a directory")?;
        folders.push(folder.to_owned());
        let name = package["name"].as_str().unwrap_or_default();
        let text = fs_err::read_to_string(manifest)?;
        let is_library = is_library(root, folder);
        problems.extend(manifest_problems(&text).map(|problem| format!("{name}: {problem}")));
        problems
            .extend(publish_problem(&text, is_library).map(|problem| format!("{name}: {problem}")));
        if is_library {
            problems.extend(release_problems(package).map(|problem| format!("{name}: {problem}")));
        }
        problems.extend(readme_problems(folder)?.map(|problem| format!("{name}: {problem}")));
    }
    for folder in crate_folders(&root.join("crates"))? {
        if !folders.contains(&folder) {
            problems.push(format!(
                "{} is no member of the workspace",
                folder.display()
            ));
        }
    }
    let root_manifest = fs_err::read_to_string(root.join("Cargo.toml"))?;
    if !has_line(&root_manifest, "unsafe_code = \"forbid\"") {
        problems.push("the workspace does not forbid unsafe code".to_owned());
    }
    Ok(problems)
}

/// Whether the crate in `folder` is one that others can use.
pub(crate) fn is_library(root: &Path, folder: &Path) -> bool {
    LIBRARIES
        .iter()
        .any(|side| folder.parent() == Some(&root.join("crates").join(side)))
}

/// Directories below `folder` that are crates. A directory without a manifest groups crates, so it is looked into.
fn crate_folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() {
            found.push(path);
        } else if path.is_dir() {
            found.extend(crate_folders(&path)?);
        }
    }
    Ok(found)
}

fn manifest_problems(text: &str) -> impl Iterator<Item = String> {
    let inherited = INHERITED
        .into_iter()
        .filter(|field| !has_line(text, &format!("{field}.workspace = true")))
        .map(|field| format!("does not inherit {field}"));
    let lints = text
        .split("\n[")
        .find_map(|section| section.strip_prefix("lints]"));
    let own_lints = (!lints.is_some_and(|section| has_line(section, "workspace = true")))
        .then(|| "does not inherit the lints".to_owned());
    let is_described = text
        .lines()
        .any(|line| line.starts_with("description = \""));
    let undescribed = (!is_described).then(|| "has no description".to_owned());
    inherited.chain(own_lints).chain(undescribed)
}

/// A library can be published, everything else cannot.
fn publish_problem(text: &str, is_library: bool) -> Option<String> {
    let wanted = if is_library {
        "publish.workspace = true"
    } else {
        "publish = false"
    };
    (!has_line(text, wanted)).then(|| format!("does not say {wanted}"))
}

/// What a registry and its readers would miss, by the package's metadata.
fn release_problems(package: &Value) -> impl Iterator<Item = String> {
    let mut problems = Vec::new();
    let keywords = package["keywords"].as_array().map_or(0, Vec::len);
    if !(1..=MOST_KEYWORDS).contains(&keywords) {
        problems.push(format!("has not 1 to {MOST_KEYWORDS} keywords"));
    }
    if package["categories"].as_array().is_none_or(Vec::is_empty) {
        problems.push("has no categories".to_owned());
    }
    if !package["readme"].is_string() {
        problems.push("names no readme".to_owned());
    }
    if !package["metadata"]["docs"]["rs"].is_object() {
        problems.push("has no [package.metadata.docs.rs]".to_owned());
    }
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        if dependency["path"].is_string() && dependency["req"] == "*" {
            problems.push(format!(
                "depends on {} without a version",
                dependency["name"]
            ));
        }
    }
    problems.into_iter()
}

fn readme_problems(folder: &Path) -> anyhow::Result<impl Iterator<Item = String>> {
    let readme = fs_err::read_to_string(folder.join("README.md")).unwrap_or_default();
    let mut problems = Vec::new();
    if readme.trim().is_empty() {
        problems.push("has no README.md".to_owned());
    }
    let library = folder.join("src/lib.rs");
    if library.is_file() {
        if !has_line(&fs_err::read_to_string(library)?, README_IS_DOC) {
            problems.push(format!("src/lib.rs does not begin with {README_IS_DOC}"));
        }
        if !(readme.contains("```rust") && readme.contains("assert")) {
            problems.push("README.md has no example that asserts something".to_owned());
        }
    }
    Ok(problems.into_iter())
}

fn has_line(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line.trim() == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MANIFEST: &str = "\
[package]
name = \"x\"
description = \"Something\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
authors.workspace = true
homepage.workspace = true
repository.workspace = true

[lints]
workspace = true

[dependencies]
";

    fn problems(text: &str) -> Vec<String> {
        manifest_problems(text).collect()
    }

    #[test]
    fn a_manifest_that_inherits_everything_passes() {
        assert!(problems(MANIFEST).is_empty());
    }

    #[test]
    fn whatever_is_not_inherited_is_named() {
        let own = MANIFEST.replace("license.workspace = true", "license = \"MIT\"");
        assert_eq!(problems(&own), ["does not inherit license"]);
        let own = MANIFEST.replace("[lints]\nworkspace = true", "[lints.rust]");
        assert_eq!(problems(&own), ["does not inherit the lints"]);
        let own = MANIFEST.replace("description", "# description");
        assert_eq!(problems(&own), ["has no description"]);
    }

    #[test]
    fn a_library_can_be_published_and_nothing_else() {
        let (released, kept) = ("publish.workspace = true\n", "publish = false\n");
        assert_eq!(publish_problem(released, true), None);
        assert_eq!(publish_problem(kept, false), None);
        assert!(publish_problem(kept, true).is_some());
        assert!(publish_problem(released, false).is_some());
        assert!(is_library(Path::new("/w"), Path::new("/w/crates/base/x")));
        for folder in [
            "/w/crates/cli",
            "/w/crates/fuzz-targets",
            "/w/tools/bench",
            "/w/xtask",
        ] {
            assert!(!is_library(Path::new("/w"), Path::new(folder)), "{folder}");
        }
    }

    #[test]
    fn what_a_registry_would_miss_is_named() {
        let mut package = json!({
            "keywords": ["image"],
            "categories": ["encoding"],
            "readme": "README.md",
            "metadata": { "docs": { "rs": {} } },
            "dependencies": [{ "name": "x", "path": "/w/x", "req": "^0.1.0" }, { "name": "serde", "req": "*" }],
        });
        assert_eq!(release_problems(&package).count(), 0);
        package["dependencies"][0]["req"] = "*".into();
        assert_eq!(release_problems(&package).count(), 1);
        assert_eq!(release_problems(&json!({})).count(), 4);
        package["keywords"] = json!(["a", "b", "c", "d", "e", "f"]);
        assert_eq!(release_problems(&package).count(), 2);
    }

    #[test]
    fn a_crate_without_a_telling_readme_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let problems = || readme_problems(folder.path()).unwrap().count();
        assert_eq!(problems(), 1);
        fs_err::write(folder.path().join("README.md"), "# x\n").unwrap();
        assert_eq!(problems(), 0, "a program needs no example");
        fs_err::create_dir(folder.path().join("src")).unwrap();
        fs_err::write(folder.path().join("src/lib.rs"), "//! x\n").unwrap();
        assert_eq!(problems(), 2);
    }
}
