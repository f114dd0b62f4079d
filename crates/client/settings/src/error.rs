//! What can be wrong with settings.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use gumnut_types::{AccountIdError, Fault};

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
    #[error("the configuration files do not say what was asked for")]
    Region(#[source] LookupError),
    /// `[global] default-region` of the ini files cannot be followed.
    #[error("the configuration files have no usable default region")]
    DefaultRegion(#[source] LookupError),
    /// No source has both halves of a key pair.
    #[error("no access key and secret key are set")]
    NoCredentials,
    /// No source has the endpoint of a service.
    #[error("no endpoint is set: {variable} is empty")]
    NoEndpoint {
        /// The variable that would name it.
        variable: &'static str,
        /// The option of the command line that would name it.
        option: &'static str,
    },
    /// An endpoint is no URL.
    #[error("{variable} is no URL")]
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
    #[error("{name} is {text:?}, which is no number")]
    NotANumber {
        /// The setting.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// The time that an answer may take is not above 0 seconds.
    #[error("timeout is no number of seconds above 0")]
    Timeout,
    /// No source names a key or certificate.
    #[error("no {0} is set")]
    NoKeyFile(KeyFile),
    /// No source has an account number.
    #[error("no account number is set")]
    NoAccount,
    /// The account number has not 12 digits.
    #[error("EC2_USER_ID is no account number")]
    Account(#[source] AccountIdError),
}

impl SettingsError {
    /// Whose fault it is: that of whoever set them, so always [`Fault::Usage`].
    pub fn fault(&self) -> Fault {
        Fault::Usage
    }

    /// What to set or to pass, in words for a user of gumnut's command line; `None`: the message says it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Eucarc { .. } => "name an eucarc with --config",
            Self::Region(_) => {
                "they are ~/.euca/*.ini and those in /etc/euca2ools, or what EUCA_CONFIG_PATH names"
            }
            Self::NoCredentials => {
                "pass --config EUCARC, or set EC2_ACCESS_KEY and EC2_SECRET_KEY; `gumnut cloud start` makes a cloud \
                 with both"
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
