//! Options that many tools share.

use std::path::PathBuf;

use clap::Args;
use gumnut_ec2_client::Filter;
use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_terminal::{Exit, Failure, Output};
use gumnut_types::SecretString;
use url::Url;

/// What stands in an empty column when that is asked for.
const NIL: &str = "(nil)";

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
    /// Print each request
    #[arg(long)]
    pub(super) debug: bool,
    /// Security token of a temporary access key
    #[arg(
        long = "security-token",
        short = 't',
        alias = "delegation-token",
        value_name = "TOKEN"
    )]
    token: Option<String>,
    /// Print (nil) in empty columns
    #[arg(long = "show-empty-fields")]
    show_empty: bool,
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
        let Some(text) = &self.url else {
            return Ok(None);
        };
        let url = match text.split_once("::") {
            Some((region, url)) if !region.contains('/') => url,
            _ => text,
        };
        Url::parse(url).map(Some).map_err(|error| {
            Failure::new(Exit::Usage, format!("--url {text} is not a URL")).because(error)
        })
    }

    pub(super) fn meaningless(&self) -> Vec<&'static str> {
        given(&[
            ("--debugger", self.debugger),
            ("--euca-auth", self.euca_auth),
            ("--progress", self.progress),
            ("--porcelain", self.porcelain),
        ])
    }

    /// A line of tab-separated columns, in which nobody can put a tab or an escape of his own.
    pub(super) fn line<T: AsRef<str>>(&self, columns: &[T]) -> String {
        columns
            .iter()
            .map(|text| match text.as_ref() {
                "" if self.show_empty => NIL.to_owned(),
                text => text.replace(char::is_control, "?"),
            })
            .collect::<Vec<_>>()
            .join("\t")
    }

    /// The token that belongs to the key pair beside it.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// Reads a filter of any name: the cloud knows which filters it has.
pub(super) fn any_filter(text: &str) -> Result<Filter, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a filter has the form NAME=VALUE")?;
    Ok(Filter {
        name: name.to_owned(),
        values: vec![value.to_owned()],
    })
}

/// Reads a filter whose name is one of these.
pub(super) fn filter(text: &str, known: &[&str]) -> Result<Filter, String> {
    let filter = any_filter(text)?;
    let name = filter.name.as_str();
    if !known.contains(&name) {
        let known = known.join(", ");
        return Err(format!("unknown filter {name:?}: use {known}"));
    }
    Ok(filter)
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
    access: Option<String>,
    secret: Option<String>,
}

impl KeyPair {
    fn of(access: Option<&str>, secret: Option<&str>) -> Self {
        Self {
            access: access.map(str::to_owned),
            secret: secret.map(str::to_owned),
        }
    }

    /// Both halves or none, and a token only with both.
    pub(super) fn get(&self, token: Option<&str>) -> Result<Option<Credentials>, Failure> {
        match (&self.access, &self.secret) {
            (Some(access), Some(secret)) => {
                Output::warn(
                    "other users of this machine can read the secret key in the arguments; set EC2_SECRET_KEY instead",
                );
                let secret = SecretString::new(secret.clone());
                let credentials = Credentials::new(AccessKeyId::new(access.clone()), secret);
                Ok(Some(match token {
                    Some(token) => credentials.with_token(SecretString::new(token)),
                    None => credentials,
                }))
            }
            (None, None) if token.is_some() => Err(Failure::new(
                Exit::Usage,
                "a security token belongs to the access key and secret key that were given with it",
            )
            .hint("pass all three, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN")),
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
pub(super) struct AnyKeys {
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

/// A key pair, for tools that use `-a` or `-s` for something else.
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

/// A key pair, for a tool that uses `-a`, `-s` and `-S` for something else.
#[derive(Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct VolumeKeys {
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
    #[arg(long = "secret-key", value_name = "KEY")]
    secret: Option<String>,
}

/// Options of every command that calls a service, which knows the key pair under the spellings `K`.
#[derive(Args)]
pub(super) struct Calling<K: Args> {
    #[command(flatten)]
    keys: K,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What a tool was told about where it goes and as whom.
pub(super) trait Calls {
    /// The options that every command has.
    fn common(&self) -> &Common;

    /// The key pair on the command line.
    fn key_pair(&self) -> KeyPair;
}

impl Calls for Common {
    fn common(&self) -> &Common {
        self
    }

    fn key_pair(&self) -> KeyPair {
        KeyPair::default()
    }
}

impl Calls for Calling<AnyKeys> {
    fn common(&self) -> &Common {
        &self.common
    }

    fn key_pair(&self) -> KeyPair {
        KeyPair::of(self.keys.access.as_deref(), self.keys.secret.as_deref())
    }
}

impl Calls for Calling<VolumeKeys> {
    fn common(&self) -> &Common {
        &self.common
    }

    fn key_pair(&self) -> KeyPair {
        KeyPair::of(self.keys.access.as_deref(), self.keys.secret.as_deref())
    }
}

impl Calls for Calling<CapitalKeys> {
    fn common(&self) -> &Common {
        &self.common
    }

    fn key_pair(&self) -> KeyPair {
        KeyPair::of(self.keys.access.as_deref(), self.keys.secret.as_deref())
    }
}
