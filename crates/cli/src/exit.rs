//! Exit codes: a small, documented, stable set that scripts can rely on.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use gumnut_cloud::CloudError;
use gumnut_qemu::BootError;
use gumnut_settings::SettingsError;
use gumnut_transport::TransportError;
use gumnut_types::Fault;
use gumnut_workflows::WorkflowError;

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

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Usage => Self::Usage,
            Fault::Input => Self::Input,
            Fault::Refused => Self::Refused,
            Fault::Network => Self::Network,
            Fault::Cancelled => Self::Interrupted,
            Fault::System | Fault::Unexpected => Self::Unexpected,
        }
    }
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

/// The exit code for an error: the outermost in its chain that knows one decides.
pub(crate) fn code_of(error: &anyhow::Error) -> Exit {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<Failure>() {
            Some(failure) => Some(failure.exit),
            None => fault_of(cause).map(Exit::from),
        })
        .unwrap_or(Exit::Unexpected)
}

fn fault_of(cause: &(dyn Error + 'static)) -> Option<Fault> {
    cause
        .downcast_ref()
        .map(SettingsError::fault)
        .or_else(|| gumnut_workflows::fault_of(cause))
        .or_else(|| cause.downcast_ref().map(BootError::fault))
        .or_else(|| cause.downcast_ref().map(CloudError::fault))
}

/// What to do about an error of a library, where that is known.
pub(crate) fn hint_of<'e>(cause: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return failure.hint.as_deref().map(Cow::Borrowed);
    }
    if let Some(error) = cause.downcast_ref::<SettingsError>() {
        return error.hint();
    }
    let hint = match cause.downcast_ref() {
        Some(error) => hint_of_workflow(error),
        None => hint_of_transport(cause.downcast_ref()?),
    };
    hint.map(Cow::Borrowed)
}

/// What to do about a failed workflow, where that does not depend on the command.
fn hint_of_workflow(error: &WorkflowError) -> Option<&'static str> {
    use WorkflowError as E;
    match error {
        E::AclRefused(_) => {
            Some("repeat with --acl none, and let the cloud read the bucket in another way")
        }
        E::BundleExists(_) => {
            Some("pass --force to replace it, or another --destination or --prefix")
        }
        E::Exists(_) => Some("choose another folder with --destination"),
        E::KeysDiffer { .. } => Some(
            "clouds check the signature with the certificate: pass --cert and --private-key of one pair",
        ),
        E::LocalPartDamaged { .. } => Some("bundle the image again"),
        E::ManifestIsFolder(_) => Some("name the file PREFIX.manifest.xml in it"),
        E::NotTrusted(_) => Some(
            "the certificate must be that of the bundle's maker; --unverified reads it all the same",
        ),
        E::OwnFile(_) => Some("choose another name with --output; the old manifest stays"),
        E::Transport(error) => hint_of_transport(error),
        _ => None,
    }
}

fn hint_of_transport(error: &TransportError) -> Option<&'static str> {
    match error {
        TransportError::Untrusted { .. } => Some(
            "name the certificate of its authority with --ca-cert FILE, or in AWS_CA_BUNDLE; an embedded cloud \
             with --tls keeps it beside its eucarc, in tls-ca.pem",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gumnut_manifest::ManifestError;

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
