//! One call of a tool: its name, its dialect, and what it works with.

use std::io::Write as _;

use gumnut_settings::Overrides;
use gumnut_terminal::{CloudOptions, Failure, LogOptions, Output, Session, Voice, start_log};
use gumnut_types::printable;

use super::dialect::Dialect;
use super::options::{Calls, Service};

/// One call of a tool.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    pub(super) session: Session,
}

impl Call {
    pub(super) fn new(
        name: &'static str,
        dialect: Dialect,
        calling: &dyn Calls,
        service: Service,
    ) -> Result<Self, Failure> {
        let common = calling.common();
        let url = common.url()?;
        let (ec2_url, s3_url) = match service {
            Service::Ec2 => (url, None),
            Service::S3 => (None, url),
        };
        let credentials = calling.key_pair().get(common.token())?;
        start_log(LogOptions {
            verbose: if common.debug { 2 } else { 0 },
            ..LogOptions::default()
        });
        Ok(Self {
            name,
            dialect,
            session: Session {
                output: Output::new(Voice {
                    quiet: true,
                    ..Voice::default()
                }),
                cloud: CloudOptions {
                    overrides: Overrides {
                        config: common.config.clone(),
                        region: common.region.clone(),
                        ec2_url,
                        s3_url,
                        credentials,
                        order: dialect.order(),
                    },
                    signature: dialect.ec2_signature(),
                    store_signature: Some(dialect.s3_signature()),
                    show_requests: common.debug,
                    ..CloudOptions::default()
                },
            },
        })
    }

    /// Says something on standard error.
    pub(super) fn say(&self, text: &str) {
        say(self.name, text);
    }
}

/// Says something on standard error under a tool's name, in one line.
pub(super) fn say(name: &str, text: &str) {
    write_error(&format!("{name}: {}", printable(text)));
}

/// Says a text of several lines on standard error, the first under a tool's name.
pub(super) fn say_lines(name: &str, text: &str) {
    write_error(&format!("{name}: {}", clean(text, '\n')));
}

fn write_error(text: &str) {
    // A closed standard error must not end the work; nobody would read the error.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a line of the result, whose tabs separate its cells. A reader that went away is no error.
pub(super) fn print(line: &str) {
    write_result(&clean(line, '\t'));
}

/// Prints a text of several lines.
pub(super) fn print_lines(text: &str) {
    write_result(&clean(text, '\n'));
}

fn write_result(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// The text with everything escaped that a terminal could obey, but for one separator that is its maker's.
fn clean(text: &str, separator: char) -> String {
    let pieces = text.split(separator).map(printable);
    pieces.collect::<Vec<_>>().join(&separator.to_string())
}
