#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to anyone who started it"
)]

mod capture;
mod contents;
mod page;
mod record;
mod screen;
mod site;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use clap::Parser;
use support::gumnut::{Choice, Profile};
use support::workspace::Workspace;
use xshell::cmd;

use crate::site::Site;

/// Build the guide as a book, with a search field, and check every link in it
///
/// The book is written to .gumnut/book; the last line names its first page.
#[derive(Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[command(
    name = "cargo xtask docs",
    bin_name = "cargo xtask docs",
    max_term_width = 100
)]
struct Docs {
    /// Open the book in a browser
    #[arg(long)]
    open: bool,
    /// Write docs/commands.md from the help texts of the program
    #[arg(long)]
    commands: bool,
    /// Record a publish on the embedded cloud: docs/publish.cast and docs/publish.svg
    #[arg(long)]
    record: bool,
    /// Publish an image of 1 GiB on the embedded cloud, and write the screen at three moments into docs/publish.md
    #[arg(long)]
    capture: bool,
    #[command(flatten)]
    program: Choice,
}

fn main() -> ExitCode {
    let docs = Docs::parse();
    match Workspace::find().and_then(|workspace| docs.run(&workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Docs {
    fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let docs = workspace.root().join("docs");
        if self.commands {
            write_commands(workspace, &self.program, &docs)?;
        }
        if self.record {
            record::run(
                workspace,
                &self.program.get(workspace, Profile::Release)?,
                &docs,
            )?;
        }
        if self.capture {
            let program = self.program.get(workspace, Profile::Release)?;
            capture::run(workspace, &program, &docs)?;
        }
        let folder = workspace.kept("book");
        let site = Site::build(&docs)?;
        if !site.problems.is_empty() {
            bail!("the book has dead links:\n  {}", site.problems.join("\n  "));
        }
        site.write(&folder)?;
        let first = folder.join("index.html");
        if self.open {
            open(&first)?;
        }
        println!("{}", first.display());
        Ok(())
    }
}

fn write_commands(workspace: &Workspace, program: &Choice, docs: &Path) -> anyhow::Result<()> {
    let program = program.get(workspace, Profile::Dev)?;
    let shell = workspace.shell()?;
    let page = cmd!(shell, "{program} reference").quiet().read()?;
    fs_err::write(docs.join("commands.md"), page + "\n")?;
    Ok(())
}

/// Opens a file with the program that the desktop has for it.
fn open(page: &Path) -> anyhow::Result<()> {
    let browser = std::env::var_os("BROWSER").filter(|name| !name.is_empty());
    let mac = cfg!(target_os = "macos");
    let program = browser.unwrap_or_else(|| if mac { "open" } else { "xdg-open" }.into());
    let status = Command::new(&program).arg(page).status().with_context(|| {
        let (name, page) = (program.display(), page.display());
        format!("cannot run {name}; open {page} in a browser, or set BROWSER")
    })?;
    if !status.success() {
        bail!("{} ended with {status}", program.display());
    }
    Ok(())
}
