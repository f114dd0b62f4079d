//! `gumnut compat`

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;

use super::dialect::{Chosen, Dialect, Family};
use super::names::{self, NAMES};
use super::report;

/// The compatibility commands of euca2ools and ec2-ami-tools.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "help says what stands at the structs")]
pub enum Compat {
    Install(Install),
    Run(Run),
}

/// Install the compatibility commands as links in a directory.
///
/// If gumnut is called by the name of such a tool, it accepts the options of the tool, prints the same output and returns
/// the same exit codes. Without --dialect the names are links, and the variable `GUMNUT_DIALECT` (3.4 or 2010) selects the
/// dialect of each call; with it, the euca-* names are two-line scripts that always use that dialect. Existing files are
/// kept.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  gumnut compat install ~/euca
  gumnut compat install ~/euca --dialect 2010")]
pub struct Install {
    /// Directory of the links, created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Dialect of the euca-* names, independent of the environment: 2010 (euca2ools 1.x) or 3.4
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Chosen>,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

/// Run a compatibility command, as the scripts of `compat install --dialect` do.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gumnut compat run --dialect 2010 euca-describe-images")]
pub struct Run {
    /// Dialect of a euca-* name: 2010 or 3.4
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Chosen>,
    /// The name, and its options
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "NAME"
    )]
    call: Vec<OsString>,
}

impl Compat {
    /// Runs `compat install`. `compat run` has exit codes of its own and is for [`Run::start`].
    ///
    /// # Errors
    /// When the directory cannot be written, or has files of these names.
    pub fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match self {
            Self::Install(command) => command.run(session),
            Self::Run(_) => Ok(()),
        }
    }
}

impl Install {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let program = std::env::current_exe().context("cannot find the program itself")?;
        fs_err::create_dir_all(&self.folder)?;
        if !self.force {
            self.refuse_existing()?;
        }
        for name in &NAMES {
            let path = self.folder.join(name.text);
            match self.dialect {
                Some(dialect) if name.family == Family::Euca => {
                    self.put(&path, |path| script(path, &program, dialect, name.text))?;
                }
                _ => self.put(&path, |path| symlink(&program, path))?,
            }
        }
        let names: Vec<_> = NAMES.iter().map(|name| name.text).collect();
        let folder = self.folder.display();
        session
            .output
            .say(format!("{} names in {folder}", names.len()));
        let dialect = self.dialect.map(Chosen::as_str);
        let json =
            json!({ "folder": self.folder.to_string_lossy(), "names": names, "dialect": dialect });
        session.output.result(&json, &Lines::one(folder))
    }

    fn refuse_existing(&self) -> Result<(), Failure> {
        let mut paths = NAMES.iter().map(|name| self.folder.join(name.text));
        match paths.find(|path| fs_err::symlink_metadata(path).is_ok()) {
            Some(path) => Err(
                Failure::new(Exit::Input, format!("{} exists", path.display()))
                    .hint("choose another directory, or pass --force to replace it"),
            ),
            None => Ok(()),
        }
    }

    /// Makes a file under a temporary name and renames it.
    fn put(
        &self,
        path: &Path,
        make: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<(), anyhow::Error> {
        let folder = tempfile::Builder::new()
            .prefix(".gumnut-")
            .tempdir_in(&self.folder)
            .with_context(|| format!("cannot write into {}", self.folder.display()))?;
        let temporary = folder.path().join("name");
        make(&temporary).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(fs_err::rename(&temporary, path)?)
    }
}

/// A script that names the dialect.
fn script(path: &Path, program: &Path, dialect: Chosen, name: &str) -> std::io::Result<()> {
    let program = program.display().to_string().replace('\'', "'\\''");
    let dialect = dialect.as_str();
    let text =
        format!("#!/bin/sh\nexec '{program}' compat run --dialect {dialect} {name} \"$@\"\n");
    fs_err::write(path, text)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

impl Run {
    /// Runs the name; the exit code is that of the tool.
    pub fn start(&self) -> ExitCode {
        let mut call = self.call.iter().cloned();
        let first = call.next().unwrap_or_default();
        let called = first.to_string_lossy();
        let Some(name) = names::find(&called) else {
            let message = format!(
                "{called} is not a compatibility command; `gumnut compat install` lists them"
            );
            return report::usage("gumnut", &Failure::new(Exit::Usage, message));
        };
        match Dialect::of(name.family, self.dialect) {
            Ok(dialect) => (name.start)(name.text, dialect, call.collect()),
            Err(error) => report::usage(name.text, &error),
        }
    }
}
