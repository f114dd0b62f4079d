//! The commands, one module each, and what they share.

pub(crate) mod boot;
pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod cloud;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod deregister;
pub(crate) mod doctor;
pub(crate) mod download;
pub(crate) mod fetch;
pub(crate) mod generate;
pub(crate) mod images;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod publish;
pub(crate) mod register;
pub(crate) mod remote;
pub(crate) mod resize;
pub(crate) mod retire;
pub(crate) mod rewrap;
pub(crate) mod trust;
pub(crate) mod unbundle;
pub(crate) mod unpack;
pub(crate) mod upload;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use gumnut_signing::Credentials;

use crate::args::{Global, Signature};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use gumnut_settings::{Overrides, Settings, SettingsError, SourceOrder};

/// What every command gets.
pub(crate) struct Context<'a> {
    pub(crate) global: &'a Global,
    pub(crate) output: &'a Output,
    pub(crate) tradition: Tradition,
}

/// The ways of the tool whose name gumnut answers to; its own by default.
#[derive(Clone, Default)]
pub(crate) struct Tradition {
    /// Which source of settings comes first.
    pub(crate) order: SourceOrder,
    /// A key pair from the command line.
    pub(crate) credentials: Option<Credentials>,
    /// How requests to the object store are signed where the region does not insist on version 4.
    pub(crate) s3_signature: Option<Signature>,
}

impl Context<'_> {
    /// Reads the settings of all sources, and says what is odd about them.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        let settings = Settings::load(Overrides {
            config: self.global.config.clone(),
            region: self.global.region.clone(),
            ec2_url: self.global.ec2_url.clone(),
            s3_url: self.global.s3_url.clone(),
            credentials: self.tradition.credentials.clone(),
            order: self.tradition.order,
        })?;
        settings.warnings().iter().for_each(Output::warn);
        Ok(settings)
    }
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A file that the user named cannot be read.
pub(crate) fn unreadable(what: &str, path: &Path, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(
        Exit::Input,
        format!("cannot read the {what} {}", path.display()),
    )
    .because(error)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bounded(what: &str, path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).map_err(|error| unreadable(what, path, error))?;
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| unreadable(what, path, error))?;
    if read as u64 > limit {
        return Err(Failure::new(
            Exit::Input,
            format!(
                "{} is larger than {limit} bytes, too large for a {what}",
                path.display()
            ),
        ));
    }
    Ok(bytes)
}
