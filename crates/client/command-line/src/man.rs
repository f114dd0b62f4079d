//! Manual pages, each with its examples and with what all commands have in common.

use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use gumnut_terminal::Exit;

/// What the manual pages of all commands have in common.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// Variables of the environment, and what each means.
    pub environment: &'static [(&'static str, &'static str)],
    /// Files that are read or written unasked, and what each holds.
    pub files: &'static [(&'static str, &'static str)],
    /// Pages that anyone who reads that of the program wants to see.
    pub see_also: &'static str,
}

impl Manual {
    /// Writes a page for each command that is shown into a directory that exists.
    ///
    /// # Errors
    /// When a page cannot be written.
    pub fn write(&self, tree: Command, folder: &Path) -> io::Result<()> {
        let mut tree = tree.disable_help_subcommand(true);
        tree.build();
        self.pages(&tree, folder)
    }

    fn pages(&self, command: &Command, folder: &Path) -> io::Result<()> {
        for inner in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            self.pages(inner, folder)?;
        }
        let man = clap_mangen::Man::new(command.clone());
        let mut page = Vec::new();
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if command.get_subcommands().any(|it| !it.is_hide_set()) {
            man.render_subcommands_section(&mut page)?;
        }
        let mut more = Roff::new();
        examples(&mut more, command);
        more.control("SH", ["EXIT STATUS"]);
        entry(&mut more, "0", "success");
        for exit in Exit::ALL {
            entry(&mut more, &(exit as u8).to_string(), exit.meaning());
        }
        more.control("SH", ["ENVIRONMENT"]);
        for (name, meaning) in self.environment {
            entry(&mut more, name, meaning);
        }
        more.control("SH", ["FILES"]);
        for (path, meaning) in self.files {
            entry(&mut more, path, meaning);
        }
        more.control("SH", ["SEE ALSO"]);
        more.text([self.see_also(command)]);
        more.to_writer(&mut page)?;
        fs_err::write(folder.join(man.get_filename()), page)
    }

    fn see_also(&self, command: &Command) -> Inline {
        let name = command.get_display_name().unwrap_or(command.get_name());
        match name.rsplit_once('-') {
            Some((above, _)) => roman(format!("{above}(1)")),
            None => roman(self.see_also),
        }
    }
}

fn entry(page: &mut Roff, name: &str, meaning: &str) {
    page.control("TP", []);
    page.text([bold(name)]);
    page.text([roman(meaning)]);
}

/// The examples of the help, whose heading the page has already.
fn examples(page: &mut Roff, command: &Command) {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let mut lines = help.lines().filter(|line| !line.trim().is_empty());
    match lines.next().map(str::trim) {
        Some("Example:" | "Examples:") => {}
        _ => return,
    }
    page.control("SH", ["EXAMPLES"]);
    page.control("nf", []);
    for line in lines {
        page.text([roman(line.trim_start())]);
    }
    page.control("fi", []);
}
