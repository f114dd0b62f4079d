//! Where words go: results to standard output, talk to standard error.

use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use console::Term;
use gumnut_types::printable_json;
use serde::Serialize;
use serde_json::json;

use crate::cause::{plain, told_once};
use crate::exit::Exit;
use crate::failure::{Failure, hint_of};
use crate::lines::Lines;
use crate::meter::Phase;
use crate::progress::{Bar, ProgressMode};
use crate::screen::{self, Label};
use crate::table::Table;

/// When messages are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether lines on standard error are coloured.
    pub(crate) fn on_stderr(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::io::stderr().is_terminal()
            }
        }
    }
}

/// How a run speaks, as its command line says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Voice {
    /// The result is one JSON value, and each line on standard error is a JSON object.
    pub json: bool,
    /// Nothing is said but results, warnings and errors.
    pub quiet: bool,
    /// How progress is shown.
    pub progress: ProgressMode,
    /// When messages are coloured.
    pub color: Color,
}

/// Says what a run has to say. All that people read goes through it, and whatever strangers wrote into it comes out as text:
/// without control and format characters, each message on one line.
#[derive(Clone, Debug)]
pub struct Output {
    voice: Voice,
}

impl Output {
    /// An output that speaks so. Colours and JSON on standard error are those of the whole process.
    pub fn new(voice: Voice) -> Self {
        match voice.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        screen::speak_json(voice.json);
        Self { voice }
    }

    /// Whether the result is one JSON value.
    pub fn is_json(&self) -> bool {
        self.voice.json
    }

    /// Whether nothing is said but results, warnings and errors.
    pub fn is_quiet(&self) -> bool {
        self.voice.quiet
    }

    /// Prints the result: `value` where JSON is wanted, `lines` otherwise, their cells under each other on a terminal.
    ///
    /// # Errors
    /// When standard output cannot be written. A reader that went away is no error.
    pub fn result<T: Serialize>(&self, value: &T, lines: &Lines) -> Result<(), anyhow::Error> {
        if self.voice.json {
            print_json(value)
        } else if std::io::stdout().is_terminal() {
            print(&lines.aligned())
        } else {
            print(&lines.to_string())
        }
    }

    /// Whether lists are tables: for a person at a terminal.
    pub fn shows_tables(&self) -> bool {
        !self.voice.json && std::io::stdout().is_terminal()
    }

    /// Prints a list: `value` where JSON is wanted, the table on a terminal, `lines` elsewhere. Where there is nothing in it,
    /// `none` is said instead.
    ///
    /// # Errors
    /// When standard output cannot be written. A reader that went away is no error.
    pub fn listing<T: Serialize>(
        &self,
        value: &T,
        lines: &Lines,
        table: &Table,
        none: &str,
    ) -> Result<(), anyhow::Error> {
        if self.voice.json {
            return print_json(value);
        }
        if lines.is_empty() {
            self.say(none);
            return Ok(());
        }
        let columns = Term::stdout().size_checked();
        match columns.filter(|_| std::io::stdout().is_terminal()) {
            Some((_, columns)) => print(&table.fitted(usize::from(columns))),
            None => print(&lines.to_string()),
        }
    }

    /// Prints a text that the program itself has made and that a program reads, such as a script: `value` where JSON is
    /// wanted, `text` as it is otherwise.
    ///
    /// # Errors
    /// When standard output cannot be written. A reader that went away is no error.
    pub fn script<T: Serialize>(&self, value: &T, text: &str) -> Result<(), anyhow::Error> {
        if self.voice.json {
            print_json(value)
        } else {
            print(text)
        }
    }

    /// Says what is continuing, in one line.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.voice.quiet {
            screen::say(Label::Notice, text.as_ref());
        }
    }

    /// Says what only those want to know who have asked for it.
    pub(crate) fn detail(text: &str) {
        screen::say(Label::Notice, text);
    }

    /// Says what the user should look at, in one line. It is never silenced.
    pub fn warn(text: impl AsRef<str>) {
        screen::say(Label::Warning, text.as_ref());
    }

    /// Says each of several things that the user should look at.
    pub fn warn_all(texts: &[impl Display]) {
        for text in texts {
            Self::warn(text.to_string());
        }
    }

    /// Standard output for bytes, without a buffer: the pieces of an image are large.
    ///
    /// # Errors
    /// When JSON is wanted, which needs standard output for itself; and when standard output is a terminal, or closed.
    pub fn stream(&self) -> Result<File, anyhow::Error> {
        if self.voice.json {
            let message = "standard output cannot hold both the image and its JSON";
            return Err(Failure::new(Exit::Usage, message)
                .hint("leave out --json or --stdout")
                .into());
        }
        let stdout = std::io::stdout();
        if stdout.is_terminal() {
            let message = "an image cannot be written to a terminal";
            return Err(Failure::new(Exit::Usage, message)
                .hint("redirect standard output to a pipe or a file")
                .into());
        }
        Ok(File::from(stdout.as_fd().try_clone_to_owned()?))
    }

    /// Says an error with its whole chain once, and its hints: a line each, or one JSON object.
    pub fn failure(error: &anyhow::Error, exit: Exit) {
        let causes = error.chain().skip(1).map(ToString::to_string);
        let mut hints: Vec<_> = error.chain().filter_map(hint_of).collect();
        // An error of a file and the one of the system that it stands for have the same.
        hints.dedup();
        if screen::speaks_json() {
            let refusal = error
                .chain()
                .find_map(|cause| gumnut_workflows::transport_error(cause)?.refusal());
            screen::object(&json!({
                "error": plain(&error.to_string()),
                "causes": causes.collect::<Vec<_>>(),
                "hint": (!hints.is_empty()).then(|| hints.join("; ")),
                "code": refusal.map(|refusal| &refusal.code).filter(|code| !code.is_empty()),
                "exit_code": exit as u8,
            }));
            return;
        }
        screen::say(Label::Error, &plain(&error.to_string()));
        let mut said = error.to_string();
        for cause in causes {
            let words = told_once(&said, &cause);
            screen::say(Label::Because, &words);
            said.push_str(&cause);
        }
        for hint in hints {
            screen::say(Label::Hint, &hint);
        }
    }

    /// Says what is wrong with a command line, with the usage lines that help: a line each, or one JSON object.
    pub fn unusable(message: &str, hint: Option<&str>, usage: &[&str]) {
        if screen::speaks_json() {
            screen::object(&json!({
                "error": message,
                "causes": [],
                "hint": hint,
                "code": null,
                "exit_code": Exit::Usage as u8,
            }));
            return;
        }
        screen::say(Label::Error, message);
        if let Some(hint) = hint {
            screen::say(Label::Hint, hint);
        }
        for line in usage {
            screen::say(Label::Notice, line);
        }
    }

    /// A progress bar over `total` bytes, which nobody sees when none is wanted.
    pub fn bar(&self, what: &str, total: u64) -> Bar {
        let bar = self.frame();
        bar.begin(Phase {
            stage: None,
            what: what.to_owned(),
            then: "writing",
            total,
        });
        bar
    }

    /// A frame for the phases of a run.
    pub(crate) fn frame(&self) -> Bar {
        match self.voice.progress {
            ProgressMode::Auto | ProgressMode::Terminal if self.voice.quiet => Bar::hidden(),
            mode => Bar::new(mode),
        }
    }
}

fn print_json<T: Serialize>(value: &T) -> Result<(), anyhow::Error> {
    let json = serde_json::to_string(value)?;
    print(&format!("{}\n", printable_json(&json)))
}

fn print(text: &str) -> Result<(), anyhow::Error> {
    let written = screen::above_bar(|| {
        let mut stdout = std::io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
    });
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A number of parts in words: `1 part`, `2 parts`.
pub fn parts(count: usize) -> String {
    if count == 1 {
        "1 part".to_owned()
    } else {
        format!("{count} parts")
    }
}
