//! Log lines of the libraries.

use std::fmt;
use std::io;

use anstyle::{AnsiColor, Style};
use gumnut_types::{printable, printable_json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::output::Color;
use crate::screen;

/// Which log lines are wanted, and how they look.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogOptions {
    /// No lines at all, unless `RUST_LOG` says otherwise.
    pub quiet: bool,
    /// 0: warnings; 1: what happens; 2 and more: every request.
    pub verbose: u8,
    /// When lines are coloured.
    pub color: Color,
    /// One JSON object a line.
    pub json: bool,
}

/// Sends the libraries' log lines to standard error: warnings, more with `verbose`, or what `RUST_LOG` says. To be
/// called once.
pub fn start_log(options: LogOptions) {
    let default = match (options.quiet, options.verbose) {
        (true, _) => "off",
        // s3s logs every refusal as an error; the cloud says what there is to say.
        (false, 0) => "warn,s3s=off",
        (false, 1) => "info,s3s=off",
        (false, _) => "debug,hyper=info,reqwest=info,rustls=info,h2=info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Screen { json: options.json });
    if options.json {
        log.json().init();
    } else {
        let color = options.color.on_stderr();
        let event = Format::default().without_time().with_level(false);
        log.event_format(OneLine { event, color }).init();
    }
}

/// An event on one line: whatever requests have brought into it, it makes no line of its own and nothing that a terminal obeys.
struct OneLine {
    event: Format<Full, ()>,
    color: bool,
}

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.event
            .format_event(context, Writer::new(&mut text), event)?;
        SystemTime.format_time(&mut writer)?;
        let level = event.metadata().level();
        let style = if self.color {
            style(*level)
        } else {
            Style::new()
        };
        let text = printable(text.trim_end());
        writeln!(writer, " {style}{level:>5}{style:#} {text}")
    }
}

fn style(level: Level) -> Style {
    match level {
        Level::ERROR => AnsiColor::Red.on_default(),
        Level::WARN => AnsiColor::Yellow.on_default(),
        Level::INFO => AnsiColor::Green.on_default(),
        _ => AnsiColor::Blue.on_default(),
    }
}

/// Standard error, above the progress bar. Each write is a line.
#[derive(Clone, Copy)]
struct Screen {
    json: bool,
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl io::Write for Screen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\n');
        if self.json {
            screen::line(printable_json(text));
        } else {
            screen::line(text);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_of_text() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .event_format(OneLine {
                event: Format::default().without_time().with_level(false),
                color: false,
            })
            .finish();
        let evil = "x\n2026-01-01T00:00:00Z  INFO forged\u{1b}[31m\u{9b}\u{202e}";
        tracing::subscriber::with_default(log, || {
            tracing::info!(action = %evil, "refused: {evil}");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        assert_eq!(printable(line), line);
        assert!(line.contains("forged") && line.contains(" INFO "), "{line}");
    }
}
