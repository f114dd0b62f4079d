//! Where words go: results to standard output, talk to standard error.

use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use serde::Serialize;

use crate::cause::told_once;
use crate::exit::Exit;
use crate::failure::{Failure, hint_of};
use crate::progress::Bar;

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
    /// The result is one JSON value.
    pub json: bool,
    /// Nothing is said but results, warnings and errors.
    pub quiet: bool,
    /// Progress bars are shown where there is a terminal.
    pub progress: bool,
    /// When messages are coloured.
    pub color: Color,
}

/// Says what a run has to say.
#[derive(Clone, Debug)]
pub struct Output {
    voice: Voice,
}

impl Output {
    /// An output that speaks so. The choice of colours is that of the whole process.
    pub fn new(voice: Voice) -> Self {
        match voice.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
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

    /// Prints the result: `value` where JSON is wanted, `text` otherwise.
    ///
    /// # Errors
    /// When standard output cannot be written. A reader that went away is no error.
    pub fn result<T: Serialize>(&self, value: &T, text: &str) -> Result<(), anyhow::Error> {
        let mut line = if self.voice.json {
            serde_json::to_string(value)?
        } else {
            text.to_owned()
        };
        if !line.is_empty() && !line.ends_with('\n') {
            line.push('\n');
        }
        let mut stdout = std::io::stdout().lock();
        match stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Says what is going on.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.voice.quiet {
            line(text.as_ref());
        }
    }

    /// Says what only those want to know who have asked for it.
    pub(crate) fn detail(text: &str) {
        line(&printable(text));
    }

    /// Says what the user should look at. It is never silenced.
    pub fn warn(text: impl AsRef<str>) {
        line(&format!("\x1b[33mwarning:\x1b[0m {}", text.as_ref()));
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
            let message = "an image on a terminal helps nobody";
            return Err(Failure::new(Exit::Usage, message)
                .hint("redirect standard output to a pipe or a file")
                .into());
        }
        Ok(File::from(stdout.as_fd().try_clone_to_owned()?))
    }

    /// Prints an error with its whole chain once, and its hints.
    pub fn failure(error: &anyhow::Error) {
        let mut text = format!("\x1b[31merror:\x1b[0m {error}");
        for cause in error.chain().skip(1) {
            let words = printable(&told_once(&text, &cause.to_string()));
            text.push_str("\n  because: ");
            text.push_str(&words);
        }
        for hint in error.chain().filter_map(hint_of) {
            text.push_str("\n\x1b[36mhint:\x1b[0m ");
            text.push_str(&hint);
        }
        line(&text);
    }

    /// A progress bar over `total` bytes, which nobody sees when none is wanted.
    pub fn bar(&self, what: &str, total: u64) -> Bar {
        if self.voice.progress && !self.voice.quiet {
            Bar::visible(what, total)
        } else {
            Bar::hidden()
        }
    }
}

fn line(text: &str) {
    // A closed standard error must not end the work; there is nobody left to tell.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A number of parts in words: `1 part`, `2 parts`.
pub fn parts(count: usize) -> String {
    if count == 1 {
        "1 part".to_owned()
    } else {
        format!("{count} parts")
    }
}

/// The text with control characters made visible: servers and manifests write some of our messages.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c.to_string(),
            _ if c.is_control() => c.escape_default().to_string(),
            _ => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn terminal_escapes_become_visible() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\n");
    }
}
