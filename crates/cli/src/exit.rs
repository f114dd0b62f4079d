//! Exit codes: a small, documented, stable set that scripts can rely on.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use gumnut_bundle::{BundleError, Fault, SplitterError};
use gumnut_cloud::CloudError;
use gumnut_crypto::CryptoError;
use gumnut_disk_image::DiskImageError;
use gumnut_manifest::ManifestError;
use gumnut_qemu::BootError;
use gumnut_transport::TransportError;
use gumnut_workflows::WorkflowError;

use crate::settings::SettingsError;

/// What a run ended with. The numbers are part of the interface; see `docs/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something that gumnut did not foresee, or the machine failed: no space, a broken pipe.
    Unexpected = 1,
    /// The command line or the settings are wrong or incomplete.
    Usage = 2,
    /// A file, key, image, bundle or manifest is missing, damaged or not trusted.
    Input = 3,
    /// The cloud answered, and the answer is no.
    Refused = 4,
    /// The cloud did not answer, or not in a form that can be understood.
    Network = 5,
    /// The machine that was started did not say what was expected of it.
    NotSeen = 6,
    /// Interrupted by ^C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows its exit code and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    hint: Option<String>,
    cause: Cause,
}

/// What a failure tells.
#[derive(Debug)]
enum Cause {
    /// What the command itself found.
    Own {
        message: String,
        source: Option<anyhow::Error>,
    },
    /// What a library found, in its own words.
    Library(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure that the command itself found.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            hint: None,
            cause: Cause::Own {
                message: message.into(),
                source: None,
            },
        }
    }

    /// This failure with the error that led to it.
    pub(crate) fn because(self, source: impl Into<anyhow::Error>) -> Self {
        let message = self.to_string();
        let source = Some(source.into());
        Self {
            cause: Cause::Own { message, source },
            ..self
        }
    }

    /// This failure with the next command or setting to try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self {
            exit: Exit::Usage,
            hint: error.hint().map(Cow::into_owned),
            cause: Cause::Library(Box::new(error)),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Own { message, .. } => f.write_str(message),
            Cause::Library(error) => error.fmt(f),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Own { source, .. } => source.as_ref().map(AsRef::as_ref),
            Cause::Library(error) => error.source(),
        }
    }
}

/// The exit code for an error: the first thing in its chain that knows one decides.
pub(crate) fn code_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(known).unwrap_or(Exit::Unexpected)
}

/// What to do about an error of a library, where that is known.
pub(crate) fn hint_of<'e>(cause: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return failure.hint.as_deref().map(Cow::Borrowed);
    }
    if let Some(error) = cause.downcast_ref::<SettingsError>() {
        return error.hint();
    }
    match transport_of(cause)? {
        TransportError::Untrusted { .. } => Some(
            "name the certificate of its authority with --ca-cert FILE, or in AWS_CA_BUNDLE; an embedded cloud \
             with --tls keeps it beside its eucarc, in tls-ca.pem"
                .into(),
        ),
        _ => None,
    }
}

/// The answer of a server, or its silence, also where a workflow passes it on.
pub(crate) fn transport_of<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e TransportError> {
    let passed_on = || match cause.downcast_ref()? {
        WorkflowError::Transport(error) => Some(error),
        _ => None,
    };
    cause.downcast_ref().or_else(passed_on)
}

fn known(cause: &(dyn Error + 'static)) -> Option<Exit> {
    let of_failure = || cause.downcast_ref().map(|failure: &Failure| failure.exit);
    let of_settings = || cause.is::<SettingsError>().then_some(Exit::Usage);
    let of_transport = || cause.downcast_ref().map(transport);
    let of_bundle = || cause.downcast_ref().map(bundle);
    let of_disk_image = || cause.downcast_ref().map(disk_image);
    let of_boot = || cause.downcast_ref().map(boot);
    let of_splitter = || cause.downcast_ref().map(splitter);
    let of_publish = || cause.downcast_ref().and_then(publish);
    let of_cloud = || cause.downcast_ref().map(cloud);
    let input = cause.is::<ManifestError>() || cause.is::<CryptoError>();
    of_failure()
        .or_else(of_settings)
        .or_else(of_transport)
        .or_else(of_bundle)
        .or_else(of_disk_image)
        .or_else(of_boot)
        .or_else(of_splitter)
        .or_else(of_publish)
        .or_else(of_cloud)
        .or(input.then_some(Exit::Input))
}

fn transport(error: &TransportError) -> Exit {
    match error {
        TransportError::Refused(_) | TransportError::Redirected { .. } => Exit::Refused,
        TransportError::Network { .. }
        | TransportError::Untrusted { .. }
        | TransportError::Timeout { .. }
        | TransportError::Malformed { .. } => Exit::Network,
        TransportError::File { .. } | TransportError::Authority(_) => Exit::Input,
        _ => Exit::Unexpected,
    }
}

fn bundle(error: &BundleError) -> Exit {
    match error.fault() {
        Fault::Input => Exit::Input,
        Fault::Cancelled => Exit::Interrupted,
        _ => Exit::Unexpected,
    }
}

fn cloud(error: &CloudError) -> Exit {
    match error {
        CloudError::NotLoopback(_) | CloudError::NotEncrypted(_) | CloudError::UserName(_) => {
            Exit::Usage
        }
        CloudError::NoCloud(_)
        | CloudError::NoUser(_)
        | CloudError::UserExists(_)
        | CloudError::Damaged { .. }
        | CloudError::Tls { .. } => Exit::Input,
        _ => Exit::Unexpected,
    }
}

/// Nothing where the error below decides.
fn publish(error: &WorkflowError) -> Option<Exit> {
    use WorkflowError as E;
    match error {
        E::NoEc2 => Some(Exit::Usage),
        E::NoImage(_) | E::NoManifest { .. } | E::NoBundle(_) | E::InUse { .. } => {
            Some(Exit::Refused)
        }
        E::UnknownId(_) | E::StillThere { .. } => Some(Exit::Network),
        E::Transport(error) => Some(transport(error)),
        E::Bundle(error) => Some(bundle(error)),
        E::DiskImage(error) => Some(disk_image(error)),
        E::Manifest(_)
        | E::Crypto(_)
        | E::StoredManifest { .. }
        | E::PartKey { .. }
        | E::PartMissing { .. }
        | E::PartTooLarge { .. }
        | E::PartSizes { .. }
        | E::PartDamaged { .. }
        | E::NotOurs { .. }
        | E::Busy { .. } => Some(Exit::Input),
        E::KeepPart { .. } | E::Folder { .. } => Some(Exit::Unexpected),
        _ => None,
    }
}

fn boot(error: &BootError) -> Exit {
    match error {
        BootError::Architecture(_) => Exit::Input,
        _ => Exit::Unexpected,
    }
}

fn splitter(error: &SplitterError) -> Exit {
    match error {
        SplitterError::Folder { source, .. } if source.kind() != io::ErrorKind::NotFound => {
            Exit::Unexpected
        }
        SplitterError::Store { .. } | SplitterError::File { .. } | SplitterError::Io(_) => {
            Exit::Unexpected
        }
        _ => Exit::Input,
    }
}

fn disk_image(error: &DiskImageError) -> Exit {
    use DiskImageError as E;
    match error {
        E::Cancelled => Exit::Interrupted,
        E::Io(source) => match source.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::StorageFull => Exit::Input,
            _ => Exit::Unexpected,
        },
        E::System { source, .. } if source.kind() == io::ErrorKind::StorageFull => Exit::Input,
        E::System { .. } | E::ToolMissing { .. } | E::Busy { .. } | E::WrongResult { .. } => {
            Exit::Unexpected
        }
        _ => Exit::Input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_error_that_knows_decides() {
        let inner = anyhow::Error::new(ManifestError::Unsigned);
        assert_eq!(code_of(&inner), Exit::Input);
        let outer = Failure::new(Exit::Usage, "what").because(inner);
        assert_eq!(code_of(&outer.into()), Exit::Usage);
        assert_eq!(code_of(&anyhow::anyhow!("a surprise")), Exit::Unexpected);
    }

    #[test]
    fn silence_is_the_network_and_a_no_is_the_cloud() {
        let timeout = TransportError::Timeout {
            what: String::new(),
            limit: std::time::Duration::ZERO,
        };
        assert_eq!(code_of(&timeout.into()), Exit::Network);
        let redirected = TransportError::Redirected {
            what: String::new(),
            to: String::new(),
        };
        assert_eq!(code_of(&redirected.into()), Exit::Refused);
    }
}
