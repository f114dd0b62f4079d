//! The inside of each crate: not too large, and on both sides no circle of files.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::circles;
use super::modules::Modules;

/// Lines of a crate without tests, at most.
const MOST_LINES: usize = 6500;
/// Directories of crates in which no files use each other in a circle.
const STRAIGHT: [&str; 3] = ["crates/cli", "crates/client", "crates/cloud"];

/// Gives one line for each crate that is too large, and each circle.
pub(super) fn check(root: &Path, metadata: &Value) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let (name, manifest) = (package["name"].as_str(), package["manifest_path"].as_str());
        let name = name.context("a package has a name")?;
        let folder = Path::new(manifest.context("a package has a manifest")?)
            .parent()
            .context("a manifest is in a directory")?;
        let modules = Modules::read(&folder.join("src"))?;
        if modules.lines > MOST_LINES {
            problems.push(format!(
                "{name}: is too large: {} lines without tests, at most {MOST_LINES}",
                modules.lines
            ));
        }
        if STRAIGHT
            .iter()
            .any(|side| folder.starts_with(root.join(side)))
        {
            let circles = circles::find(&modules);
            problems.extend(
                circles
                    .iter()
                    .map(|circle| format!("{name}: a circle of files: {circle}")),
            );
        }
    }
    Ok(problems)
}
