//! The static binary.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use support::system;
use xshell::cmd;

use super::Making;

pub(super) const TARGET: &str = "x86_64-unknown-linux-musl";

/// Builds it, without a trace of where.
pub(super) fn build(making: &Making<'_>) -> anyhow::Result<PathBuf> {
    let shell = &making.shell;
    let library = cmd!(shell, "rustc --print target-libdir --target {TARGET}");
    if !PathBuf::from(library.quiet().read()?).is_dir() {
        bail!("the standard library for {TARGET} is missing; run: rustup target add {TARGET}");
    }
    system::program(shell, "musl-gcc", "musl-tools")?;
    let root = making.workspace.root().display();
    let cargo_home = cargo_home()?;
    let cargo = cargo_home.display();
    let rust = format!("--remap-path-prefix={root}=/build --remap-path-prefix={cargo}=/cargo");
    let c = format!("-ffile-prefix-map={root}=/build -ffile-prefix-map={cargo}=/cargo");
    let target = making.target();
    let arguments = ["--release", "--locked", "--package", "gumnut"];
    cmd!(
        shell,
        "cargo build {arguments...} --target {TARGET} --target-dir {target}"
    )
    .env("RUSTFLAGS", rust)
    .env("CFLAGS", c)
    .run()?;
    let program = target.join(TARGET).join("release/gumnut");
    let headers = cmd!(shell, "readelf --program-headers --wide {program}")
        .quiet()
        .read()?;
    ensure!(!headers.contains("INTERP"), "it is not static:\n{headers}");
    Ok(program)
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".cargo")),
        None => bail!("neither CARGO_HOME nor HOME is set"),
    }
}
