//! Where words go: results to standard output, talk to standard error.

use std::io::Write as _;

use serde::Serialize;

use crate::args::{ColorWhen, Global, LogFormat};
use crate::exit::hint_of;
use crate::progress::Bar;

/// How this run speaks.
#[derive(Clone)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    progress: bool,
}

impl Output {
    /// The voice that the options ask for.
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            ColorWhen::Auto => {}
            ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
            ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
        }
        let progress = !global.quiet && !global.no_progress;
        Self {
            json: global.json,
            quiet: global.quiet,
            progress,
        }
    }

    /// Prints the result: the JSON value with `--json`, the text otherwise.
    ///
    /// # Errors
    /// When standard output cannot be written. A reader that went away is no error.
    pub(crate) fn result<T: Serialize>(&self, value: &T, text: &str) -> Result<(), anyhow::Error> {
        let mut line = if self.json {
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
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Says what is going on.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            Self::line(text.as_ref());
        }
    }

    /// Says what the user should look at; not silenced by `-q`.
    pub(crate) fn warn(text: impl AsRef<str>) {
        Self::line(&format!("\x1b[33mwarning:\x1b[0m {}", text.as_ref()));
    }

    /// Prints an error with its whole chain once, and its hints.
    pub(crate) fn failure(error: &anyhow::Error) {
        let mut text = format!("\x1b[31merror:\x1b[0m {error}");
        for cause in error.chain().skip(1) {
            text.push_str("\n  because: ");
            text.push_str(&printable(&cause.to_string()));
        }
        for hint in error.chain().filter_map(hint_of) {
            text.push_str("\n\x1b[36mhint:\x1b[0m ");
            text.push_str(&hint);
        }
        Self::line(&text);
    }

    /// A progress bar over `total` bytes, or nothing to be seen when none is wanted.
    pub(crate) fn bar(&self, what: &str, total: u64) -> Bar {
        if self.progress {
            Bar::visible(what, total)
        } else {
            Bar::hidden()
        }
    }

    fn line(text: &str) {
        // A closed standard error must not end the work; there is nobody left to tell.
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

/// `1 part`, `2 parts`.
pub(crate) fn parts(count: usize) -> String {
    if count == 1 {
        "1 part".to_owned()
    } else {
        format!("{count} parts")
    }
}

/// The text with control characters made visible: servers and manifests write some of our messages.
pub(crate) fn printable(text: &str) -> String {
    let escape = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        _ if c.is_control() => c.escape_default().to_string(),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Sends the libraries' log lines to standard error: warnings, more with `-v`, or what `RUST_LOG` says.
pub(crate) fn start_log(global: &Global) {
    let default = match (global.quiet, global.verbose) {
        (true, _) => "off",
        // s3s logs every refusal as an error; the cloud says what there is to say.
        (false, 0) => "warn,s3s=off",
        (false, 1) => "info,s3s=off",
        (false, _) => "debug,hyper=info,reqwest=info,rustls=info,h2=info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let ansi = match global.color {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::io::IsTerminal::is_terminal(&std::io::stderr())
        }
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Text => log.with_ansi(ansi).init(),
        LogFormat::Json => log.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn terminal_escapes_become_visible() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\n");
    }
}
