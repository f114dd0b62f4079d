//! `cargo xtask dist`: what packagers and users get.

mod binary;
mod check;
mod package;
mod sbom;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use support::report::Steps;
use support::workspace::Workspace;
use xshell::{Shell, cmd};

/// Make a static binary, a Debian package, a bill of materials and their checksums.
///
/// They go into `.gumnut/dist/out`. The same commit, toolchain and directory give the same bytes; the time in them is that of
/// the commit. Needs the target `x86_64-unknown-linux-musl` of rustup, and `musl-tools`.
#[derive(Args)]
pub(crate) struct Dist {
    /// Package this program instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "twice")]
    program: Option<PathBuf>,
    /// Build everything twice, and compare
    #[arg(long)]
    twice: bool,
    /// Install the package in a new Debian root, do the whole job there, run the service, upgrade, remove and purge; needs root
    #[arg(long)]
    check: bool,
}

/// What everything is made with.
struct Making<'a> {
    workspace: &'a Workspace,
    shell: Shell,
    version: String,
    /// The program, unless one is to be built.
    program: Option<PathBuf>,
    /// Seconds since 1970, as reproducible builds have them.
    epoch: String,
    /// `.gumnut/dist`
    folder: PathBuf,
}

impl Dist {
    pub(crate) fn run(&self, workspace: &Workspace) -> anyhow::Result<()> {
        let making = Making::new(workspace, self.program.clone())?;
        let mut steps = Steps::new();
        let out = making.folder.join("out");
        making.all(&mut steps, &out)?;
        if self.twice {
            let again = making.folder.join("again");
            fs_err::remove_dir_all(making.target())?;
            making.all(&mut steps, &again)?;
            steps.check("both are the same", || same(&out, &again));
        }
        if self.check {
            steps.check("a new Debian root", || {
                check::in_a_new_root(&making, &making.package(&out))
            });
            steps.check("the service", || check::service(&making, &out));
        }
        let sums = fs_err::read_to_string(out.join("SHA256SUMS"))?;
        println!("\n{}\n{sums}", out.display());
        steps.finish()
    }
}

impl<'a> Making<'a> {
    fn new(workspace: &'a Workspace, program: Option<PathBuf>) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        let metadata = workspace.metadata()?;
        let packages = metadata["packages"].as_array();
        let gumnut = packages
            .and_then(|all| all.iter().find(|package| package["name"] == "gumnut"))
            .context("the workspace has a package gumnut")?;
        let version = gumnut["version"].as_str().context("it has a version")?;
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => cmd!(shell, "git log -1 --format=%ct").quiet().read()?,
        };
        shell.set_var("SOURCE_DATE_EPOCH", &epoch);
        Ok(Self {
            workspace,
            version: version.to_owned(),
            program: program.map(fs_err::canonicalize).transpose()?,
            epoch,
            folder: workspace.kept("dist"),
            shell,
        })
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    fn package(&self, out: &Path) -> PathBuf {
        out.join(format!("gumnut_{}_amd64.deb", self.version))
    }

    fn all(&self, steps: &mut Steps, out: &Path) -> anyhow::Result<()> {
        if out.exists() {
            fs_err::remove_dir_all(out)?;
        }
        fs_err::create_dir_all(out)?;
        let program = match &self.program {
            Some(program) => program.clone(),
            None => steps.run("static binary", || binary::build(self))?,
        };
        let named = format!("gumnut-{}-x86_64-linux-musl", self.version);
        fs_err::copy(&program, out.join(named))?;
        steps.run("bill of materials", || {
            let bill = out.join(format!("gumnut-{}.cdx.json", self.version));
            Ok(fs_err::write(bill, sbom::bill(self)?)?)
        })?;
        steps.run("Debian package", || {
            package::make(self, &program, &self.package(out), &self.version)
        })?;
        let _folder = self.shell.push_dir(out);
        let script = "sha256sum -- gumnut* > SHA256SUMS";
        Ok(cmd!(self.shell, "sh -c {script}").quiet().run()?)
    }
}

/// Compares the checksums of two runs.
fn same(one: &Path, other: &Path) -> anyhow::Result<()> {
    let sums = fs_err::read_to_string(one.join("SHA256SUMS"))?;
    let others = fs_err::read_to_string(other.join("SHA256SUMS"))?;
    ensure!(sums == others, "they differ:\n{sums}\n{others}");
    Ok(())
}
