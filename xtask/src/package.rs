//! `cargo xtask package`: the library crates as a registry would have them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::Value;
use support::report::Steps;
use support::workspace::Workspace;
use xshell::{Shell, cmd};

use crate::tidy;

/// Pack every library crate, and build, test and document the packed copies where nothing else of the workspace is.
///
/// The copies are in an empty directory outside the workspace and find each other there, in place of a registry; crates of others
/// come from the local cache, in the versions of Cargo.lock. Last, the public API is compared with that of the last release.
#[derive(Args)]
pub(crate) struct Package {
    /// Keep the directory with the copies
    #[arg(long)]
    keep: bool,
    /// Only these packages and what they depend on [default: all]
    packages: Vec<String>,
}

/// A package on its way.
struct Library {
    name: String,
    version: String,
    /// Of the workspace.
    dependencies: BTreeSet<String>,
}

impl Library {
    /// The directory that it is unpacked to, and the name of what it is packed into without the ending.
    fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

impl Package {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let metadata = workspace.metadata()?;
        let libraries = self.libraries(workspace.root(), &metadata)?;
        let mut steps = Steps::new();
        let mut scratch = tempfile::Builder::new()
            .prefix("gumnut-packages-")
            .tempdir()?;
        scratch.disable_cleanup(self.keep);
        if self.keep {
            println!("everything is in {}", scratch.path().display());
        }
        steps.run("pack", || pack(workspace, &libraries))?;
        let target = metadata["target_directory"].as_str();
        let packed = Path::new(target.context("cargo names no target directory")?).join("package");
        steps.run("unpack", || {
            unpack(workspace, &libraries, &packed, scratch.path())
        })?;
        let shell = Shell::new()?;
        shell.change_dir(scratch.path());
        // The crates of others are compiled once and kept.
        shell.set_var("CARGO_TARGET_DIR", workspace.kept("package"));
        for library in &libraries {
            let name = &library.name;
            steps.check(&format!("test {name}"), || {
                Ok(cmd!(shell, "cargo test --offline --quiet --package {name}").run()?)
            });
        }
        steps.check("documentation", || {
            let doc = cmd!(
                shell,
                "cargo doc --offline --quiet --workspace --no-deps --all-features"
            );
            Ok(doc.env("RUSTDOCFLAGS", "--deny warnings").run()?)
        });
        steps.check("public API", || compare(workspace, &libraries));
        steps.finish()
    }

    /// The packages to pack, each behind those that it depends on.
    fn libraries(&self, root: &Path, metadata: &Value) -> anyhow::Result<Vec<Library>> {
        let all = all(root, metadata)?;
        for name in &self.packages {
            ensure!(
                all.iter().any(|library| library.name == *name),
                "there is no library crate {name}"
            );
        }
        let mut wanted: BTreeSet<String> = self.packages.iter().cloned().collect();
        if wanted.is_empty() {
            wanted.extend(all.iter().map(|library| library.name.clone()));
        }
        // Until nothing new is found.
        let mut known = 0;
        while known != wanted.len() {
            known = wanted.len();
            for library in &all {
                if wanted.contains(&library.name) {
                    wanted.extend(library.dependencies.iter().cloned());
                }
            }
        }
        in_order(
            all.into_iter()
                .filter(|library| wanted.contains(&library.name))
                .collect(),
        )
    }
}

fn all(root: &Path, metadata: &Value) -> anyhow::Result<Vec<Library>> {
    let mut libraries = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = package["manifest_path"]
            .as_str()
            .context("a package has a manifest")?;
        let folder = Path::new(manifest)
            .parent()
            .context("a manifest is in a directory")?;
        if !tidy::is_library(root, folder) {
            continue;
        }
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        libraries.push(Library {
            name: text(package, "name")?,
            version: text(package, "version")?,
            dependencies: dependencies
                .filter(|dependency| dependency["path"].is_string())
                .map(|dependency| text(dependency, "name"))
                .collect::<anyhow::Result<_>>()?,
        });
    }
    Ok(libraries)
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value[key].as_str();
    Ok(text
        .with_context(|| format!("cargo metadata names no {key}"))?
        .to_owned())
}

/// Each behind those that it depends on.
fn in_order(mut left: Vec<Library>) -> anyhow::Result<Vec<Library>> {
    let mut ordered: Vec<Library> = Vec::new();
    while !left.is_empty() {
        let next = left
            .iter()
            .position(|library| {
                !left
                    .iter()
                    .any(|other| library.dependencies.contains(&other.name))
            })
            .context("the library crates depend on each other in a circle")?;
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

fn pack(workspace: &Workspace, libraries: &[Library]) -> anyhow::Result<()> {
    let shell = workspace.shell()?;
    let packages = libraries
        .iter()
        .flat_map(|library| ["--package", &library.name]);
    // What is packed is what is here, committed or not; it is built below and not by cargo.
    let options = ["--no-verify", "--allow-dirty", "--offline", "--quiet"];
    Ok(cmd!(shell, "cargo package {options...} {packages...}").run()?)
}

/// Unpacks everything into `folder` and makes a workspace of it, in which the copies are in the place of the registry's.
fn unpack(
    workspace: &Workspace,
    libraries: &[Library],
    packed: &Path,
    folder: &Path,
) -> anyhow::Result<()> {
    let shell = workspace.shell()?;
    let mut patches = Vec::new();
    for library in libraries {
        let archive: PathBuf = packed.join(library.folder() + ".crate");
        // With the time of now: all packed files have one and the same, by which cargo would take what it built last for new.
        cmd!(shell, "tar -xzmf {archive} -C {folder}")
            .quiet()
            .run()?;
        patches.push(format!(
            "{} = {{ path = \"{}\" }}",
            library.name,
            library.folder()
        ));
    }
    let root = fs_err::read_to_string(workspace.root().join("Cargo.toml"))?;
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"gumnut-*\"]\n\n[patch.crates-io]\n{}\n\n{}\n",
        patches.join("\n"),
        profiles(&root)
    );
    fs_err::write(folder.join("Cargo.toml"), manifest)?;
    fs_err::copy(
        workspace.root().join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )?;
    Ok(())
}

/// The profiles of the workspace: without them ciphers and digests take minutes. What is optimised has to be there, so the lines
/// of our own crates are left out.
fn profiles(manifest: &str) -> String {
    manifest
        .find("[profile.dev.package]")
        .map_or("", |at| &manifest[at..])
        .lines()
        .filter(|line| !line.starts_with("gumnut-"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Compares the public API with that of the newest tag `v*`, by cargo-semver-checks.
fn compare(workspace: &Workspace, libraries: &[Library]) -> anyhow::Result<()> {
    const VERSION: &str = "0.49.0";
    let shell = workspace.shell()?;
    let tags = cmd!(shell, "git tag --list v* --sort=-version:refname")
        .quiet()
        .read()?;
    let Some(release) = tags.lines().next() else {
        println!("not compared: there is no release yet, that is, no tag v*");
        return Ok(());
    };
    let root = workspace.kept("cargo-semver-checks");
    let program = root.join("bin/cargo-semver-checks");
    if !program.is_file() {
        println!("compiling cargo-semver-checks, which takes minutes");
        cmd!(
            shell,
            "cargo install --locked --root {root} cargo-semver-checks --version {VERSION}"
        )
        .run()
        .context("cannot install cargo-semver-checks")?;
    }
    let packages = libraries
        .iter()
        .flat_map(|library| ["--package", &library.name]);
    Ok(cmd!(
        shell,
        "{program} semver-checks --baseline-rev {release} {packages...}"
    )
    .run()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn library(name: &str, dependencies: &[&str]) -> Library {
        Library {
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_package_comes_behind_what_it_depends_on() {
        let ordered = in_order(vec![
            library("a", &["c"]),
            library("b", &[]),
            library("c", &["b"]),
        ]);
        let names: Vec<String> = ordered
            .unwrap()
            .into_iter()
            .map(|library| library.name)
            .collect();
        assert_eq!(names, ["b", "c", "a"]);
        assert!(in_order(vec![library("a", &["b"]), library("b", &["a"])]).is_err());
    }

    #[test]
    fn what_is_named_brings_what_it_depends_on_and_nothing_else() {
        let package = |name: &str, side: &str, dependency: Value| {
            json!({
                "name": name,
                "version": "1.2.3",
                "manifest_path": format!("/w/{side}/{name}/Cargo.toml"),
                "dependencies": [dependency, { "name": "serde" }],
            })
        };
        let metadata = json!({ "packages": [
            package("top", "crates/client", json!({ "name": "low", "path": "/w/crates/base/low" })),
            package("low", "crates/base", json!({ "name": "bytes" })),
            package("other", "crates/cloud", json!({ "name": "bytes" })),
            package("tool", "tools", json!({ "name": "bytes" })),
        ] });
        let names = |packages: &[&str]| {
            let package = Package {
                keep: false,
                packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            };
            let libraries = package.libraries(Path::new("/w"), &metadata)?;
            Ok::<_, anyhow::Error>(libraries.iter().map(Library::folder).collect::<Vec<_>>())
        };
        assert_eq!(names(&["top"]).unwrap(), ["low-1.2.3", "top-1.2.3"]);
        assert_eq!(names(&[]).unwrap().len(), 3);
        assert!(names(&["tool"]).is_err());
    }

    #[test]
    fn profiles_leave_our_own_crates_out() {
        let manifest =
            "[a]\n[profile.dev.package]\naes = { opt-level = 3 }\ngumnut-x = { opt-level = 2 }\n";
        assert_eq!(
            profiles(manifest),
            "[profile.dev.package]\naes = { opt-level = 3 }"
        );
        assert_eq!(profiles("[a]"), "");
    }
}
