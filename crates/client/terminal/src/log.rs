//! Log lines of the libraries.

use tracing_subscriber::EnvFilter;

use crate::output::Color;

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
        .with_writer(std::io::stderr);
    if options.json {
        log.json().init();
    } else {
        log.with_ansi(options.color.on_stderr()).init();
    }
}
