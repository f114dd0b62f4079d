//! Errors of a program itself, and what the errors of its libraries mean to anyone who runs it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use gumnut_disk_image::DiskImageError;
use gumnut_settings::SettingsError;
use gumnut_transport::{TransportError, Unreachable};
use gumnut_types::{Fault, ImageClass};
use gumnut_workflows::WorkflowError;

use crate::exit::Exit;
use crate::refusals;
use crate::stop;

/// Asks an error whose fault it is. `None`: it is no error of the library that is asked.
pub type Ask = fn(&(dyn Error + 'static)) -> Option<Fault>;

/// An error that knows its exit code and what to do next.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    hint: Option<String>,
    cause: Cause,
}

/// What a failure says.
#[derive(Debug)]
enum Cause {
    /// What the program itself found.
    Own {
        message: String,
        source: Option<anyhow::Error>,
    },
    /// What a library found, in its own words.
    Library(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure that the program itself found.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            hint: None,
            cause: Cause::Own {
                message: message.into(),
                source: None,
            },
        }
    }

    /// Adds the error that led to this failure.
    #[must_use]
    pub fn because(self, source: impl Into<anyhow::Error>) -> Self {
        let message = self.to_string();
        let source = Some(source.into());
        Self {
            cause: Cause::Own { message, source },
            ..self
        }
    }

    /// Adds what led to an error whose own words this failure says already.
    #[must_use]
    pub fn caused_by(self, error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        let chain = causes.into_iter().rev().fold(None, |below, cause| {
            Some(match below {
                None => anyhow::Error::msg(cause),
                Some(below) => anyhow::Error::context(below, cause),
            })
        });
        match chain {
            Some(chain) => self.because(chain),
            None => self,
        }
    }

    /// Adds the next command or setting to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self {
            exit: error.fault().into(),
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
///
/// `others` are asked about errors of libraries that only the calling program uses; those of settings, workflows and what is
/// below them are known here.
pub fn exit_code(error: &anyhow::Error, others: &[Ask]) -> Exit {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<Failure>() {
            Some(failure) => Some(failure.exit),
            None => fault_of(cause, others).map(Exit::from),
        })
        .map_or(Exit::Unexpected, |exit| match exit {
            Exit::Interrupted => stop::exit(),
            exit => exit,
        })
}

fn fault_of(cause: &(dyn Error + 'static), others: &[Ask]) -> Option<Fault> {
    cause
        .downcast_ref()
        .map(SettingsError::fault)
        .or_else(|| gumnut_workflows::fault_of(cause))
        .or_else(|| others.iter().find_map(|ask| ask(cause)))
}

/// What to do about an error, where that is known.
pub fn hint_of<'e>(cause: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return failure.hint.as_deref().map(Cow::Borrowed);
    }
    if let Some(error) = cause.downcast_ref::<SettingsError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref() {
        return hint_of_image(error);
    }
    if gumnut_workflows::existing_file(cause).is_some() {
        return Some(REPLACE.into());
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return hint_of_file(error.kind()).map(Cow::Borrowed);
    }
    match cause.downcast_ref() {
        Some(WorkflowError::DiskImage(error)) => return hint_of_image(error),
        Some(error) => hint_of_workflow(error),
        None => hint_of_transport(cause.downcast_ref()?),
    }
    .map(Cow::Borrowed)
}

/// What to do about a file system that takes nothing.
fn hint_of_file(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(NO_ROOM),
        ErrorKind::ReadOnlyFilesystem => Some("write to a directory of another file system"),
        _ => None,
    }
}

/// What to do about a full disk.
const NO_ROOM: &str = "delete something there, or write to another disk";
/// What to do about a file that exists already.
const REPLACE: &str = "pass --force to replace it, or choose another name";

/// What to do about an image that cannot be used or made.
fn hint_of_image(error: &DiskImageError) -> Option<Cow<'static, str>> {
    use DiskImageError as E;
    let hint = match error {
        E::TooSmall { minimum, .. } => {
            return Some(format!("pass --size {}M or more", minimum.div_ceil(1 << 20)).into());
        }
        E::Unaligned { next, .. } => return Some(format!("pass --size {next}").into()),
        E::Exists { .. } => REPLACE,
        E::NotAnImage { .. } => "`gumnut inspect FILE` shows what a file contains",
        E::NoRoom { .. } => NO_ROOM,
        E::Io(source) | E::System { source, .. } if source.kind() == ErrorKind::FileTooLarge => {
            "the file system there does not support files of this size: pass a smaller --size, or write to another disk"
        }
        E::Io(source) | E::System { source, .. } => hint_of_file(source.kind())?,
        _ => return None,
    };
    Some(hint.into())
}

fn hint_of_transport(error: &TransportError) -> Option<&'static str> {
    match error {
        TransportError::Untrusted { .. } => Some(
            "pass the certificate of its CA with --ca-cert FILE, or set AWS_CA_BUNDLE; an embedded cloud \
             with --tls keeps it next to its eucarc, in tls-ca.pem",
        ),
        TransportError::Unreachable { host, reason } => Some(hint_of_absence(host, *reason)),
        TransportError::WrongScheme { .. } => {
            Some("change EC2_URL or S3_URL; `gumnut doctor --no-write` shows where each comes from")
        }
        TransportError::Refused(refusal) => refusals::hint(refusal),
        TransportError::Redirected { .. } => Some(
            "use the endpoint that the server names: --s3-url URL or --ec2-url URL, and AWS_REGION of its region",
        ),
        _ => None,
    }
}

/// What to do where nobody answers. On this machine it is most likely the embedded cloud that is meant.
fn hint_of_absence(host: &str, reason: Unreachable) -> &'static str {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port { name } else { host }
    });
    let is_here = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    if is_here && reason == Unreachable::Refused {
        "start the embedded cloud with `gumnut cloud start`, or name another cloud with --config EUCARC"
    } else {
        "check that the address is correct and the cloud is running; `gumnut doctor --no-write` shows where the address comes from"
    }
}

/// What to do about a failed workflow, where that does not depend on the command.
fn hint_of_workflow(error: &WorkflowError) -> Option<&'static str> {
    use WorkflowError as E;
    match error {
        E::AclRefused(_) => Some(
            "try again with --acl none, and give the cloud access to the bucket in another way",
        ),
        E::BundleExists(_) => {
            Some("pass --force to replace it, or another --destination or --prefix")
        }
        E::Exists(_) => Some("choose another directory with --destination"),
        E::NoSuchBucket(_) => {
            Some("`gumnut ls` lists your buckets; upload the bundle first, or correct the name")
        }
        E::NoSuchKey(_) => Some(
            "`gumnut ls BUCKET` lists what is in it; upload the bundle first, or correct the key, which ends with .manifest.xml",
        ),
        E::ForeignBucket(_) => {
            Some("choose a bucket of your own with --bucket; `gumnut ls` lists them")
        }
        E::Unusable {
            class: ImageClass::Ramdisk,
            ..
        } => Some("gumnut images --filter image-type=ramdisk lists those that you may use"),
        E::Unusable { .. } => {
            Some("gumnut images --filter image-type=kernel lists those that you may use")
        }
        E::NameTaken { .. } => {
            Some("choose another --name, or retire that image first: gumnut retire ID")
        }
        E::NoImage(_) => Some(
            "`gumnut images` lists the images that you may see; an id belongs to one cloud, so check the endpoint, too",
        ),
        E::FileTooLarge {
            what: "manifest", ..
        }
        | E::LocalManifest { .. } => Some(
            "this command takes PREFIX.manifest.xml, which `gumnut bundle IMAGE` makes; `gumnut publish IMAGE` does all steps at once",
        ),
        E::KeysDiffer { .. } => Some(
            "clouds check the signature with the certificate: pass --cert and --private-key of one pair",
        ),
        E::LocalPartDamaged { .. } => Some("bundle the image again"),
        E::ManifestIsFolder(_) => Some("name the file PREFIX.manifest.xml in it"),
        E::NotTrusted(_) => Some(
            "the certificate must be that of the bundle's owner; --unverified reads the manifest anyway",
        ),
        E::OwnFile(_) => Some("choose another name with --output; the old manifest is kept"),
        E::Transport(error) => hint_of_transport(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_error_that_knows_decides() {
        let inner = anyhow::Error::new(SettingsError::NoAccount);
        assert_eq!(exit_code(&inner, &[]), Exit::Usage);
        let outer = Failure::new(Exit::Input, "what").because(inner);
        assert_eq!(exit_code(&outer.into(), &[]), Exit::Input);
        let surprise = anyhow::anyhow!("a surprise");
        assert_eq!(exit_code(&surprise, &[]), Exit::Unexpected);
    }

    #[test]
    fn other_libraries_are_asked() {
        let error = anyhow::Error::new(fmt::Error);
        let ask: Ask = |cause| cause.is::<fmt::Error>().then_some(Fault::Refused);
        assert_eq!(exit_code(&error, &[ask]), Exit::Refused);
    }

    #[test]
    fn silence_is_the_network_and_a_no_is_the_cloud() {
        let timeout = TransportError::Timeout {
            what: String::new(),
            limit: std::time::Duration::ZERO,
        };
        assert_eq!(exit_code(&timeout.into(), &[]), Exit::Network);
        let redirected = TransportError::Redirected {
            what: String::new(),
            to: String::new(),
        };
        assert_eq!(exit_code(&redirected.into(), &[]), Exit::Refused);
    }

    #[test]
    fn causes_are_added_without_the_words_that_are_said() {
        let inner = anyhow::anyhow!("third").context("second").context("first");
        let failure = Failure::new(Exit::Input, inner.to_string()).caused_by(inner.as_ref());
        let said: Vec<_> = anyhow::Error::new(failure)
            .chain()
            .map(ToString::to_string)
            .collect();
        assert_eq!(said, ["first", "second", "third"]);
    }

    #[test]
    fn an_error_of_the_settings_keeps_its_words_and_its_hint() {
        let failure = Failure::from(SettingsError::NoAccount);
        assert_eq!(failure.to_string(), SettingsError::NoAccount.to_string());
        assert_eq!(hint_of(&failure), SettingsError::NoAccount.hint());
    }
}
