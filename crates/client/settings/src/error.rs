//! What can be wrong with settings.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use gumnut_types::{AccountIdError, Fault, ImageOwnerError};

use crate::folders::embedded_eucarc;
use crate::ini::{IniError, LookupError};
use crate::key_file::KeyFile;

/// Why the settings cannot be used. Each is for the user to put right; [`SettingsError::hint`] says how.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The eucarc that was named cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Eucarc {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: io::Error,
    },
    /// The eucarc that was named sets nothing.
    #[error("the settings file {} contains no setting{}", path.display(), listed(notes))]
    NothingSet {
        /// The file.
        path: PathBuf,
        /// Whether it has the sections of an ini file.
        is_ini: bool,
        /// Its lines that are not understood, each with the path.
        notes: Vec<String>,
    },
    /// The file that `AWS_CREDENTIAL_FILE` names is there and cannot be read.
    #[error("cannot read the credential file {}", path.display())]
    CredentialFile {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: io::Error,
    },
    /// An ini file is there and cannot be read.
    #[error("cannot use the configuration file {}", path.display())]
    UnreadableIni {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: io::Error,
    },
    /// An ini file cannot be understood.
    #[error("cannot use the configuration file {}", path.display())]
    Ini {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        #[source]
        source: IniError,
    },
    /// The ini files have no usable sections for the region and user that were asked for.
    #[error("{what}")]
    Region {
        /// What was asked for, in words: `--region home cannot be used`.
        what: String,
        /// The regions that the files have.
        known: Vec<String>,
        /// What is wrong with it.
        #[source]
        source: LookupError,
    },
    /// `[global] default-region` of the ini files cannot be followed.
    #[error("the configuration files have no valid default region")]
    DefaultRegion(#[source] LookupError),
    /// No source has both halves of a key pair.
    #[error("no access key and secret key are set{}", not_by(named))]
    NoCredentials {
        /// What names a cloud and does not give them.
        named: Vec<String>,
    },
    /// No source has the endpoint of a service.
    #[error("no endpoint is set: {variable} is empty{}", not_by(named))]
    NoEndpoint {
        /// The variable that would name it.
        variable: &'static str,
        /// The option of the command line that would name it.
        option: &'static str,
        /// What names a cloud and does not give it.
        named: Vec<String>,
    },
    /// The URL of an endpoint has another scheme than http and https.
    #[error("{variable} begins with {scheme}:, and must begin with http:// or https://")]
    Scheme {
        /// The variable or option that names it.
        variable: &'static str,
        /// The scheme that it has.
        scheme: String,
    },
    /// An endpoint is no URL.
    #[error("{variable} is not a URL")]
    NotAUrl {
        /// The variable that names it.
        variable: &'static str,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// A value should be `true` or `false`, or one of their other spellings.
    #[error("{name} is {text:?}, which is neither true nor false")]
    NotABoolean {
        /// The setting.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// A value should be a number.
    #[error("{name} is {text:?}, which is not a number")]
    NotANumber {
        /// The setting.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// The time that an answer may take is not above 0 seconds.
    #[error("timeout must be a number of seconds above 0")]
    Timeout,
    /// No source names a key or certificate.
    #[error("no {0} is set")]
    NoKeyFile(KeyFile),
    /// No source has an account number.
    #[error("no account number is set")]
    NoAccount,
    /// The account number has not 12 digits.
    #[error("EC2_USER_ID is not an account number")]
    Account(#[source] AccountIdError),
    /// The account number is no number.
    #[error("EC2_USER_ID is not an account number")]
    Owner(#[source] ImageOwnerError),
}

impl SettingsError {
    /// Whose fault it is: that of anyone who set them, so always [`Fault::Usage`].
    pub fn fault(&self) -> Fault {
        Fault::Usage
    }

    /// What to set or to pass, in words for a user of gumnut's command line; `None`: the message says it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Eucarc { .. } => "name an eucarc with --config",
            Self::NothingSet { is_ini: true, .. } => {
                "it is an ini file: name it in EUCA_CONFIG_PATH, and its region with --region"
            }
            Self::NothingSet { .. } => {
                "it must set EC2_URL or S3_URL, EC2_ACCESS_KEY and EC2_SECRET_KEY, as in `export EC2_URL=http://...`"
            }
            Self::Region { known, .. } if known.is_empty() => {
                "regions are sections [region NAME] in ~/.euca/*.ini, in /etc/euca2ools, or in what EUCA_CONFIG_PATH \
                 names, and there is no such section"
            }
            Self::Region { known, .. } => {
                return Some(format!("the configuration files have: {}", known.join(", ")).into());
            }
            Self::NoCredentials { .. } => {
                "pass --config EUCARC, or set EC2_ACCESS_KEY and EC2_SECRET_KEY; `gumnut cloud start` creates a cloud \
                 with both"
            }
            Self::NoEndpoint { named, .. } if !named.is_empty() => {
                let embedded = embedded_eucarc().filter(|path| path.exists());
                let embedded = embedded.map_or_else(String::new, |path| {
                    let path = path.display();
                    format!("; the embedded cloud is used only if it is named (--config {path}) or if no cloud is named")
                });
                let hint = format!(
                    "set EC2_URL and S3_URL there, or pass --ec2-url and --s3-url{embedded}"
                );
                return Some(hint.into());
            }
            Self::NoEndpoint { option, .. } => {
                let hint = format!(
                    "pass {option} URL or --config EUCARC, or start a cloud: gumnut cloud start"
                );
                return Some(hint.into());
            }
            Self::NoKeyFile(file) => {
                let (option, variable) = (file.option(), file.variable());
                let hint = format!("pass {option} FILE or --config EUCARC, or set {variable}");
                return Some(hint.into());
            }
            Self::NoAccount => "pass --user ACCOUNT or --config EUCARC, or set EC2_USER_ID",
            _ => return None,
        };
        Some(hint.into())
    }
}

/// The places that do not give a setting, as the end of a message.
fn not_by(named: &[String]) -> String {
    if named.is_empty() {
        String::new()
    } else {
        format!(" (not given by {})", named.join(", "))
    }
}

/// Lines of a file, as the end of a message.
fn listed(notes: &[String]) -> String {
    if notes.is_empty() {
        String::new()
    } else {
        format!(": {}", notes.join("; "))
    }
}
