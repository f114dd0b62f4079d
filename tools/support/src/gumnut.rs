//! The program that the workspace makes, as others run it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::workspace::{Workspace, without_foreign_settings};

/// Which `gumnut` a task runs.
#[derive(Args)]
pub struct Choice {
    /// Run this program instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl Choice {
    /// The program that was named, or a new one.
    pub fn get(&self, workspace: &Workspace, profile: Profile) -> anyhow::Result<PathBuf> {
        match &self.program {
            Some(program) => Ok(fs_err::canonicalize(program)?),
            None => build(workspace, profile),
        }
    }
}

/// How optimised the program is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build; ciphers, digests and compression are optimised anyway.
    Dev,
    /// What users get.
    Release,
}

/// Builds `gumnut` and gives its path.
pub fn build(workspace: &Workspace, profile: Profile) -> anyhow::Result<PathBuf> {
    let shell = workspace.shell()?;
    let (name, folder) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Release => ("release", "release"),
    };
    cmd!(
        shell,
        "cargo build --quiet --package gumnut --profile {name}"
    )
    .run()?;
    let metadata = workspace.metadata()?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo names no target directory")?;
    Ok(Path::new(target).join(folder).join("gumnut"))
}

/// `gumnut` with the settings of one cloud.
pub struct Gumnut<'a> {
    /// Its directory is the one that the program runs in.
    pub shell: &'a Shell,
    /// The path of `gumnut`.
    pub program: &'a Path,
    /// The cloud's settings, given to `--config`.
    pub eucarc: &'a Path,
}

impl Gumnut<'_> {
    /// Runs a command, shows it, and gives the JSON value that it prints.
    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let Self {
            shell,
            program,
            eucarc,
        } = self;
        println!("    $ gumnut {}", arguments.join(" "));
        let command = cmd!(
            shell,
            "{program} --config {eucarc} --no-progress --json {arguments...}"
        );
        let text = without_foreign_settings(command).quiet().read()?;
        serde_json::from_str(&text).with_context(|| format!("gumnut printed no JSON: {text}"))
    }

    /// Runs a command and gives one text of the JSON value that it prints.
    pub fn text(&self, arguments: &[&str], key: &str) -> anyhow::Result<String> {
        let value = self.json(arguments)?;
        let text = value[key]
            .as_str()
            .with_context(|| format!("no {key} in {value}"))?;
        println!("    {key}: {text}");
        Ok(text.to_owned())
    }

    /// Runs a command, and shows nothing of it unless it fails.
    pub fn quietly(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let Self {
            shell,
            program,
            eucarc,
        } = self;
        let command = cmd!(
            shell,
            "{program} --config {eucarc} --no-progress {arguments...}"
        );
        without_foreign_settings(command).quiet().read()?;
        Ok(())
    }

    /// Runs a command, shows it and what it prints.
    pub fn show(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let Self {
            shell,
            program,
            eucarc,
        } = self;
        println!("    $ gumnut {}", arguments.join(" "));
        let command = cmd!(
            shell,
            "{program} --config {eucarc} --no-progress {arguments...}"
        );
        for line in without_foreign_settings(command).quiet().read()?.lines() {
            println!("    {line}");
        }
        Ok(())
    }
}
