//! Options that many tools share.

use std::path::PathBuf;

use clap::Args;
use gumnut_types::SecretString;
use url::Url;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Whose endpoint `--url` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Ec2,
    S3,
}

/// Options of every tool.
#[derive(Args)]
#[command(next_help_heading = "Common options")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(super) struct Common {
    /// Endpoint of the service
    #[arg(short = 'U', long = "url", value_name = "[REGION::]URL")]
    url: Option<String>,
    /// Region and user of the ini files
    #[arg(long, value_name = "[USER@][REGION]")]
    pub(super) region: Option<String>,
    /// Read settings from this eucarc; it is parsed, never executed
    #[arg(long, value_name = "EUCARC")]
    pub(super) config: Option<PathBuf>,
    /// Tell the requests that are made
    #[arg(long)]
    pub(super) debug: bool,
    #[arg(
        long = "security-token",
        short = 't',
        alias = "delegation-token",
        value_name = "TOKEN",
        hide = true
    )]
    token: Option<String>,
    #[arg(long, hide = true)]
    debugger: bool,
    #[arg(long = "euca-auth", hide = true)]
    euca_auth: bool,
    #[arg(long, hide = true)]
    progress: bool,
    #[arg(long = "no-progress", hide = true)]
    no_progress: bool,
    #[arg(long, hide = true)]
    porcelain: bool,
}

impl Common {
    pub(super) fn url(&self) -> Result<Option<Url>, Failure> {
        let parse = |text: &String| {
            let url = match text.split_once("::") {
                Some((region, url)) if !region.contains('/') => url,
                _ => text,
            };
            Url::parse(url).map_err(|error| {
                Failure::new(Exit::Usage, format!("--url {text} is no URL")).because(error)
            })
        };
        self.url.as_ref().map(parse).transpose()
    }

    pub(super) fn meaningless(&self) -> Vec<&'static str> {
        given(&[
            ("--debugger", self.debugger),
            ("--euca-auth", self.euca_auth),
            ("--progress", self.progress),
            ("--porcelain", self.porcelain),
        ])
    }

    /// Refuses what would silently be done in another way than asked for.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        match &self.token {
            Some(_) => Err(
                Failure::new(Exit::Usage, "security tokens are not supported")
                    .hint("use a long-lived access key and secret key"),
            ),
            None => Ok(()),
        }
    }
}

/// The options of a list that were given.
pub(super) fn given(options: &[(&'static str, bool)]) -> Vec<&'static str> {
    options
        .iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| *name)
        .collect()
}

/// A key pair on the command line.
#[derive(Clone, Default)]
pub(super) struct KeyPair {
    pub(super) access: Option<String>,
    pub(super) secret: Option<String>,
}

impl KeyPair {
    /// Both halves or none.
    pub(super) fn get(&self) -> Result<Option<(String, SecretString)>, Failure> {
        match (&self.access, &self.secret) {
            (Some(access), Some(secret)) => {
                Output::warn(
                    "everybody on this machine can read the secret key among the arguments; set EC2_SECRET_KEY instead",
                );
                Ok(Some((access.clone(), SecretString::new(secret.clone()))))
            }
            (None, None) => Ok(None),
            _ => Err(Failure::new(
                Exit::Usage,
                "the access key and the secret key must be given together, or neither of them",
            )),
        }
    }
}

/// A key pair under every spelling of the old tools.
#[derive(Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct Keys {
    /// Access key id
    #[arg(short = 'a', short_aliases = ['A', 'I'], long = "access-key", alias = "access-key-id", value_name = "KEY")]
    access: Option<String>,
    /// Secret key; the environment is safer
    #[arg(
        short = 's',
        short_alias = 'S',
        long = "secret-key",
        value_name = "KEY"
    )]
    secret: Option<String>,
}

/// The same for tools that use `-a` or `-s` for something else.
#[derive(Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct CapitalKeys {
    /// Access key id
    #[arg(
        short = 'A',
        short_alias = 'I',
        long = "access-key",
        alias = "access-key-id",
        value_name = "KEY"
    )]
    access: Option<String>,
    /// Secret key; the environment is safer
    #[arg(short = 'S', long = "secret-key", value_name = "KEY")]
    secret: Option<String>,
}

impl Keys {
    pub(super) fn pair(&self) -> KeyPair {
        KeyPair {
            access: self.access.clone(),
            secret: self.secret.clone(),
        }
    }
}

impl CapitalKeys {
    pub(super) fn pair(&self) -> KeyPair {
        KeyPair {
            access: self.access.clone(),
            secret: self.secret.clone(),
        }
    }
}
