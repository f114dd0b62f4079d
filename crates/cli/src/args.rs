//! The options that all commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gumnut_settings::{Overrides, SourceOrder};
use gumnut_terminal::{CloudOptions, Color, LogOptions, Output, ProgressMode, Session, Voice};
use url::Url;

/// Options of every command.
#[derive(Args, Clone)]
#[command(next_help_heading = "Common options")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Global {
    /// Print the result as one JSON value, and errors as JSON objects on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Show each request: method, URL, status, time; twice for the log of the libraries
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How log lines are written, which go to standard error [default: text, or json with --json]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// How progress is shown on standard error
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressChoice,
    /// Show no progress: --progress none
    #[arg(long, global = true, hide = true)]
    pub(crate) no_progress: bool,
    /// Colour messages
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWhen,
    /// Read settings from this eucarc, which must name an endpoint; it is never executed
    #[arg(long, global = true, value_name = "EUCARC")]
    pub(crate) config: Option<PathBuf>,
    /// Region of euca2ools' ini files; takes precedence over the environment
    #[arg(long, global = true, value_name = "[USER@][REGION]")]
    pub(crate) region: Option<String>,
    /// Endpoint of the object store, instead of `S3_URL`
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) s3_url: Option<Url>,
    /// Endpoint of the EC2 service, instead of `EC2_URL`
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) ec2_url: Option<Url>,
    /// How requests are signed; clouds older than 2014 need v2
    #[arg(long, global = true, value_name = "VERSION", default_value = "v4")]
    pub(crate) signature: Signature,
    /// How often a request is retried after a timeout, a broken connection, or status 429 or 5xx [default: 5]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) retries: Option<u32>,
    /// Trust these CA certificates (PEM) for https, in addition to those of the system; instead of `AWS_CA_BUNDLE`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Always sign requests with the time of this machine; never correct it to that of the server
    #[arg(long, global = true)]
    pub(crate) no_clock_correction: bool,
}

/// When messages are coloured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressChoice {
    /// One line that changes on a terminal, a line now and then elsewhere
    Auto,
    /// A line now and then
    Plain,
    /// A JSON object every second
    Json,
    /// Not at all
    None,
}

/// The form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The version of request signatures.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signature {
    /// AWS Signature Version 4
    V4,
    /// AWS Signature Version 2, for old clouds
    V2,
}

impl Global {
    /// What the command works with.
    pub(crate) fn session(&self) -> Session {
        Session {
            output: Output::new(Voice {
                json: self.json,
                quiet: self.quiet,
                progress: self.progress(),
                color: self.color.into(),
            }),
            cloud: CloudOptions {
                overrides: Overrides {
                    config: self.config.clone(),
                    region: self.region.clone(),
                    ec2_url: self.ec2_url.clone(),
                    s3_url: self.s3_url.clone(),
                    credentials: None,
                    order: SourceOrder::Native,
                },
                signature: self.signature.into(),
                store_signature: None,
                retries: self.retries,
                no_clock_correction: self.no_clock_correction,
                show_requests: self.verbose > 0,
                ca_cert: self.ca_cert.clone(),
            },
        }
    }

    fn progress(&self) -> ProgressMode {
        match self.progress {
            _ if self.no_progress => ProgressMode::None,
            ProgressChoice::Auto => ProgressMode::Auto,
            ProgressChoice::Plain => ProgressMode::Plain,
            ProgressChoice::Json => ProgressMode::Json,
            ProgressChoice::None => ProgressMode::None,
        }
    }

    /// Which log lines are wanted.
    pub(crate) fn log(&self) -> LogOptions {
        LogOptions {
            quiet: self.quiet,
            verbose: self.verbose,
            color: self.color.into(),
            json: match self.log_format {
                Some(format) => format == LogFormat::Json,
                None => self.json,
            },
        }
    }
}

impl From<ColorWhen> for Color {
    fn from(when: ColorWhen) -> Self {
        match when {
            ColorWhen::Auto => Self::Auto,
            ColorWhen::Always => Self::Always,
            ColorWhen::Never => Self::Never,
        }
    }
}

impl From<Signature> for gumnut_terminal::Signature {
    fn from(signature: Signature) -> Self {
        match signature {
            Signature::V4 => Self::V4,
            Signature::V2 => Self::V2,
        }
    }
}
