//! Programs of the system that tasks start: found, or installed from Debian packages.

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

use crate::ceph;
use crate::workspace::{Workspace, has, is_root};

/// Programs, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 31] = [
    ("bzip2", "bzip2"),
    ("cc", "gcc"),
    ("cpio", "cpio"),
    ("curl", "curl"),
    ("debugfs", "e2fsprogs"),
    ("dropbear", "dropbear-bin"),
    ("dumpe2fs", "e2fsprogs"),
    ("e2fsck", "e2fsprogs"),
    ("fakeroot", "fakeroot"),
    ("groff", "groff-base"),
    ("gzip", "gzip"),
    ("jq", "jq"),
    ("lz4", "lz4"),
    ("lzop", "lzop"),
    ("mke2fs", "e2fsprogs"),
    ("openssl", "openssl"),
    ("pigz", "pigz"),
    ("python3", "python3"),
    ("qemu-img", "qemu-utils"),
    ("qemu-system-i386", "qemu-system-x86"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("resize2fs", "e2fsprogs"),
    ("setpriv", "util-linux"),
    ("sfdisk", "fdisk"),
    ("sgdisk", "gdisk"),
    ("sha1sum", "coreutils"),
    ("strace", "strace"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];
/// Two packages of one version.
const EMULATOR: &str = "qemu-system-x86";
const QEMU_TOOLS: &str = "qemu-utils";
/// Files, and the Debian packages that have them: what is not in `PATH`, or is something else there: bash has a `time` of its own.
const FILES: [(&str, &str); 2] = [
    ("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
    ("/usr/bin/time", "time"),
];

/// Where Debian has the programs of PostgreSQL, a directory for each version, and the package with the newest.
const POSTGRES: (&str, &str) = ("/usr/lib/postgresql", "postgresql");

/// Makes sure of the programs of the system.
pub fn all(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = workspace.shell()?;
    let missing = missing(&shell);
    if missing.is_empty() {
        return Ok(());
    }
    provide(&shell, &missing)
}

/// Makes sure of what a cluster of front ends needs beside that.
pub fn cluster(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = workspace.shell()?;
    programs(&shell, &ceph::PROGRAMS)?;
    program(&shell, "haproxy", "haproxy")
}

/// Makes sure of one program that few tasks need.
pub fn program(shell: &Shell, program: &str, package: &str) -> anyhow::Result<()> {
    programs(shell, &[(program, package)])
}

/// Makes sure of programs that few tasks need, each with its package.
pub fn programs(shell: &Shell, programs: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<_> = programs
        .iter()
        .filter(|(program, _)| !has(shell, program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    provide(shell, &missing)
}

fn provide(shell: &Shell, missing: &[&str]) -> anyhow::Result<()> {
    if !has(shell, "apt-get") {
        bail!(
            "not installed, and this is no Debian: {}",
            missing.join(" ")
        );
    }
    if !is_root(shell)? {
        let packages = missing.join(" ");
        bail!("something is missing; run: sudo apt-get update && sudo apt-get install {packages}");
    }
    install(shell, missing)
}

fn missing(shell: &Shell) -> Vec<&'static str> {
    let absent_programs = PROGRAMS.iter().filter(|(program, _)| !has(shell, program));
    let absent_files = FILES.iter().filter(|(path, _)| !shell.path_exists(path));
    let mut packages: Vec<&str> = absent_programs
        .chain(absent_files)
        .map(|row| row.1)
        .collect();
    // A Python without these two cannot make a virtual environment.
    let modules = "import ensurepip, venv";
    if cmd!(shell, "python3 -c {modules}")
        .quiet()
        .ignore_stderr()
        .run()
        .is_err()
    {
        packages.push("python3-venv");
    }
    let mut versions = shell.read_dir(POSTGRES.0).into_iter().flatten();
    if !versions.any(|version| version.join("bin/initdb").exists()) {
        packages.push(POSTGRES.1);
    }
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn install(shell: &Shell, packages: &[&str]) -> anyhow::Result<()> {
    shell.set_var("DEBIAN_FRONTEND", "noninteractive");
    manual_pages_stay_old(shell)?;
    if packages.contains(&POSTGRES.1) {
        no_server_is_started(shell)?;
    }
    cmd!(shell, "apt-get update -q").run()?;
    let packages = of_one_source(shell, packages)?;
    let keep = "Dpkg::Options::=--force-confold";
    cmd!(
        shell,
        "apt-get install -q -y --no-install-recommends --allow-downgrades -o {keep} {packages...}"
    )
    .run()?;
    Ok(())
}

/// Tests make their own servers of PostgreSQL: the package is not to make one and start it.
fn no_server_is_started(shell: &Shell) -> anyhow::Result<()> {
    let settings = "/etc/postgresql-common/createcluster.conf";
    if !shell.path_exists(settings) {
        shell.write_file(settings, "create_main_cluster = false\n")?;
    }
    Ok(())
}

/// The packages of qemu fit together only in one version: beside a qemu-utils of backports, apt installs the
/// emulator by removing it.
fn of_one_source(shell: &Shell, packages: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut wanted: Vec<String> = packages.iter().map(|name| (*name).to_owned()).collect();
    if !packages.contains(&EMULATOR) {
        return Ok(wanted);
    }
    let policy = cmd!(shell, "apt-cache policy {EMULATOR}")
        .env("LC_ALL", "C")
        .quiet()
        .read()?;
    let mut lines = policy.lines().map(str::trim);
    let version = lines
        .find_map(|line| line.strip_prefix("Candidate: "))
        .with_context(|| format!("apt knows no {EMULATOR}"))?;
    wanted.retain(|name| ![EMULATOR, QEMU_TOOLS].contains(&name.as_str()));
    wanted.extend([EMULATOR, QEMU_TOOLS].map(|name| format!("{name}={version}")));
    Ok(wanted)
}

/// Rebuilding the index of manual pages takes minutes after each installation.
fn manual_pages_stay_old(shell: &Shell) -> anyhow::Result<()> {
    let answer = "man-db man-db/auto-update boolean false\n";
    if has(shell, "debconf-set-selections") {
        cmd!(shell, "debconf-set-selections").stdin(answer).run()?;
    }
    cmd!(shell, "rm -f /var/lib/man-db/auto-update").run()?;
    Ok(())
}
