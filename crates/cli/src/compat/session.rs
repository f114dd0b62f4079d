//! What a tool has while it runs.

use std::io::Write as _;

use super::dialect::Dialect;
use super::options::{Calls, Service};
use crate::args::{ColorWhen, Global, LogFormat};
use crate::commands::{Context, Tradition};
use crate::exit::Failure;
use crate::output::{self, Output};

/// One run of a tool.
pub(super) struct Session {
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    pub(super) global: Global,
    output: Output,
    tradition: Tradition,
}

impl Session {
    pub(super) fn new(
        name: &'static str,
        dialect: Dialect,
        calling: &dyn Calls,
        service: Service,
    ) -> Result<Self, Failure> {
        let common = calling.common();
        let url = common.url()?;
        let (mut ec2_url, mut s3_url) = (None, None);
        match service {
            Service::Ec2 => ec2_url = url,
            Service::S3 => s3_url = url,
        }
        let credentials = calling.key_pair().get(common.token())?;
        let global = Global {
            log_format: LogFormat::Text,
            json: false,
            quiet: true,
            verbose: if common.debug { 2 } else { 0 },
            no_progress: true,
            color: ColorWhen::Auto,
            config: common.config.clone(),
            region: common.region.clone(),
            s3_url,
            ec2_url,
            signature: dialect.ec2_signature(),
            retries: None,
            ca_cert: None,
        };
        output::start_log(&Global {
            quiet: false,
            ..global.clone()
        });
        Ok(Self {
            name,
            dialect,
            output: Output::new(&global),
            global,
            tradition: Tradition {
                order: dialect.order(),
                credentials,
                s3_signature: Some(dialect.s3_signature()),
            },
        })
    }

    /// What the workflows want.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            global: &self.global,
            output: &self.output,
            tradition: self.tradition.clone(),
        }
    }

    /// The same with another signature for the object store.
    pub(super) fn signing(mut self, signature: crate::args::Signature) -> Self {
        self.tradition.s3_signature = Some(signature);
        self
    }

    /// Says something on standard error.
    pub(super) fn say(&self, text: &str) {
        say(self.name, text);
    }
}

/// Says something on standard error under a tool's name.
pub(super) fn say(name: &str, text: &str) {
    // A closed standard error must not end the work; there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{name}: {text}");
}

/// Prints a line of the result. A reader that went away is no error.
pub(super) fn print(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
