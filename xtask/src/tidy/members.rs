//! What each member of the workspace inherits and carries.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

/// Fields that are said once, in the root.
const INHERITED: [&str; 8] = [
    "version",
    "edition",
    "rust-version",
    "license",
    "authors",
    "homepage",
    "repository",
    "publish",
];

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
            .context("a manifest lies in a folder")?;
        folders.push(folder.to_owned());
        let name = package["name"].as_str().unwrap_or_default();
        let text = fs_err::read_to_string(manifest)?;
        problems.extend(manifest_problems(&text).map(|problem| format!("{name}: {problem}")));
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

/// Folders below `folder` that are crates. A folder without a manifest groups crates, so it is looked into.
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
    let lints = (!lints.is_some_and(|section| has_line(section, "workspace = true")))
        .then(|| "does not inherit the lints".to_owned());
    let described = text
        .lines()
        .any(|line| line.starts_with("description = \""));
    let described = (!described).then(|| "has no description".to_owned());
    inherited.chain(lints).chain(described)
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
publish.workspace = true

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
