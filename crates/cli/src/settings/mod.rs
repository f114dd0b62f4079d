//! Where settings come from.
//!
//! One order everywhere: command line, environment, `--config` eucarc, euca2ools' ini files, and last
//! the credentials of the embedded cloud on this machine.

mod eucarc;
mod ini;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_types::{AccountId, SecretString};
use url::Url;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};

/// Largest settings file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The names under which the environment and eucarc files hold a value, the first one wins.
const EC2_URL: &[&str] = &["EC2_URL"];
const S3_URL: &[&str] = &["S3_URL"];
const USER_ID: &[&str] = &["EC2_USER_ID", "EC2_ACCOUNT_NUMBER"];
const REGION: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The names of a key pair. Both halves must come from one place, or they do not fit together.
const KEY_PAIRS: &[(&str, &str)] = &[
    ("EC2_ACCESS_KEY", "EC2_SECRET_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_ACCESS_KEY", "AWS_SECRET_KEY"),
];

/// Every name that is read.
const NAMES: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "EC2_ACCESS_KEY",
    "EC2_ACCOUNT_NUMBER",
    "EC2_CERT",
    "EC2_PRIVATE_KEY",
    "EC2_SECRET_KEY",
    "EC2_URL",
    "EC2_USER_ID",
    "EUCALYPTUS_CERT",
    "S3_URL",
];

/// A file that a command needs.
#[derive(Clone, Copy)]
pub(crate) enum KeyFile {
    /// The user's private key.
    PrivateKey,
    /// The user's certificate.
    Certificate,
    /// The cloud's certificate.
    CloudCertificate,
}

impl KeyFile {
    fn variable(self) -> &'static str {
        match self {
            Self::PrivateKey => "EC2_PRIVATE_KEY",
            Self::Certificate => "EC2_CERT",
            Self::CloudCertificate => "EUCALYPTUS_CERT",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::PrivateKey => "--private-key",
            Self::Certificate => "--cert",
            Self::CloudCertificate => "--cloud-cert",
        }
    }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateKey => "private key",
            Self::Certificate => "certificate",
            Self::CloudCertificate => "cloud certificate",
        })
    }
}

/// What the command line says about where to go.
#[derive(Default)]
pub(crate) struct Overrides {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--ec2-url`.
    pub(crate) ec2_url: Option<Url>,
    /// `--s3-url`.
    pub(crate) s3_url: Option<Url>,
}

/// All sources, in the order in which they are asked.
pub(crate) struct Settings {
    overrides: Overrides,
    layers: Vec<HashMap<String, SecretString>>,
}

impl Settings {
    /// Reads every source.
    ///
    /// # Errors
    /// When a file that was named cannot be read.
    pub(crate) fn load(overrides: Overrides) -> Result<Self, Failure> {
        let environment = |name: &str| std::env::var(name).ok();
        let home = environment("HOME");
        let mut layers =
            vec![secret(NAMES.iter().filter_map(|name| {
                Some(((*name).to_owned(), environment(name)?))
            }))];
        if let Some(path) = &overrides.config {
            let text = read(path).map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    format!("cannot read the settings file {}", path.display()),
                )
                .because(error)
                .hint("name an eucarc with --config")
            })?;
            layers.push(secret(eucarc::parse(&text, path, home.as_deref())));
        }
        layers.push(secret(ini_files(home.as_deref()).variables()));
        let named = [
            "EC2_URL",
            "S3_URL",
            "EC2_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "AWS_ACCESS_KEY",
        ];
        let anything = overrides.ec2_url.is_some()
            || overrides.s3_url.is_some()
            || layers
                .iter()
                .any(|layer| named.iter().any(|name| layer.contains_key(*name)));
        if !anything
            && let Some(path) = default_cloud_dir().map(|dir| dir.join("credentials/eucarc"))
            && let Ok(text) = read(&path)
        {
            layers.push(secret(eucarc::parse(&text, &path, home.as_deref())));
        }
        Ok(Self { overrides, layers })
    }

    fn find(&self, names: &[&str]) -> Option<&str> {
        let in_layer = |layer: &'_ HashMap<String, SecretString>| {
            names
                .iter()
                .find(|name| layer.contains_key(**name))
                .copied()
        };
        self.layers
            .iter()
            .find_map(|layer| layer.get(in_layer(layer)?))
            .map(SecretString::expose)
    }

    /// The key pair that signs requests.
    ///
    /// # Errors
    /// When no source has both halves.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        for layer in &self.layers {
            for (access, secret) in KEY_PAIRS {
                if let (Some(access), Some(secret)) = (layer.get(*access), layer.get(*secret)) {
                    let access_key = AccessKeyId::new(access.expose());
                    return Ok(Credentials::new(access_key, secret.clone()));
                }
            }
        }
        Err(Failure::new(Exit::Usage, "no access key and secret key are set").hint(
            "pass --config EUCARC, or set EC2_ACCESS_KEY and EC2_SECRET_KEY; `gumnut cloud start` makes \
             a cloud with both",
        ))
    }

    /// The endpoint of the object store.
    ///
    /// # Errors
    /// When none is set, or it is no URL.
    pub(crate) fn s3_url(&self) -> Result<Url, Failure> {
        self.endpoint(self.overrides.s3_url.as_ref(), S3_URL, "--s3-url")
    }

    /// The endpoint of the EC2 service.
    ///
    /// # Errors
    /// When none is set, or it is no URL.
    pub(crate) fn ec2_url(&self) -> Result<Url, Failure> {
        self.endpoint(self.overrides.ec2_url.as_ref(), EC2_URL, "--ec2-url")
    }

    fn endpoint(&self, given: Option<&Url>, names: &[&str], option: &str) -> Result<Url, Failure> {
        if let Some(url) = given {
            return Ok(url.clone());
        }
        let name = names[0];
        let text = self.find(names).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("no endpoint is set: {name} is empty")).hint(format!(
                "pass {option} URL or --config EUCARC, or start a cloud: gumnut cloud start"
            ))
        })?;
        let url = Url::parse(text).map_err(|error| {
            Failure::new(Exit::Usage, format!("{name} is no URL")).because(error)
        })?;
        Ok(url)
    }

    /// The region that SigV4 signs for; clouds of the Eucalyptus kind accept any.
    pub(crate) fn region(&self) -> &str {
        self.find(REGION).unwrap_or("us-east-1")
    }

    /// The path of a key file: the option's, else the first source's, else nothing.
    pub(crate) fn key_file(&self, file: KeyFile, option: Option<&Path>) -> Option<PathBuf> {
        option
            .map(Path::to_owned)
            .or_else(|| self.find(&[file.variable()]).map(PathBuf::from))
    }

    /// The path of a key file that the command cannot do without.
    ///
    /// # Errors
    /// When no source names one.
    pub(crate) fn need_key_file(
        &self,
        file: KeyFile,
        option: Option<&Path>,
    ) -> Result<PathBuf, Failure> {
        self.key_file(file, option).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("no {file} is set")).hint(format!(
                "pass {} FILE or --config EUCARC, or set {}",
                file.option(),
                file.variable()
            ))
        })
    }

    /// The account number that a manifest names.
    ///
    /// # Errors
    /// When none is set, or it has not 12 digits.
    pub(crate) fn account(&self, option: Option<&AccountId>) -> Result<AccountId, Failure> {
        if let Some(account) = option {
            return Ok(account.clone());
        }
        let text = self.find(USER_ID).ok_or_else(|| {
            Failure::new(Exit::Usage, "no account number is set")
                .hint("pass --user ACCOUNT or --config EUCARC, or set EC2_USER_ID")
        })?;
        text.parse().map_err(|error| {
            Failure::new(Exit::Usage, "EC2_USER_ID is no account number")
                .because(anyhow::Error::new(error))
        })
    }
}

/// Where the embedded cloud keeps its data when nothing else is said.
pub(crate) fn default_cloud_dir() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")))?;
    Some(data.join("gumnut/cloud"))
}

fn secret(variables: impl IntoIterator<Item = (String, String)>) -> HashMap<String, SecretString> {
    let set = variables.into_iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| (name, SecretString::new(value)))
        .collect()
}

fn read(path: &Path) -> std::io::Result<Zeroizing<String>> {
    use std::io::Read as _;
    let mut text = Zeroizing::new(String::new());
    let read = fs_err::File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!(
            "{} is larger than 1 MiB",
            path.display()
        )));
    }
    Ok(text)
}

/// Every ini file that euca2ools 3 reads, the user's first.
fn ini_files(home: Option<&str>) -> ini::Ini {
    let mut ini = ini::Ini::default();
    let mut add_all = |paths: Vec<PathBuf>| {
        for path in paths {
            if let Ok(text) = read(&path) {
                ini.add(&text);
            }
        }
    };
    if let Some(home) = home {
        add_all(ini_in(&Path::new(home).join(".euca")));
    }
    add_all(vec![PathBuf::from("/etc/euca2ools/euca2ools.ini")]);
    add_all(ini_in(Path::new("/etc/euca2ools/conf.d")));
    ini
}

fn ini_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ini"))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(layers: &[&[(&str, &str)]]) -> Settings {
        let owned = |layer: &&[(&str, &str)]| {
            secret(
                layer
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            )
        };
        Settings {
            overrides: Overrides::default(),
            layers: layers.iter().map(owned).collect(),
        }
    }

    #[test]
    fn earlier_sources_win_whatever_the_name() {
        let settings = settings(&[
            &[("EC2_ACCOUNT_NUMBER", "000000000001")],
            &[("EC2_USER_ID", "000000000002"), ("S3_URL", "http://s/")],
        ]);
        assert_eq!(settings.account(None).unwrap().as_str(), "000000000001");
        assert_eq!(settings.s3_url().unwrap().as_str(), "http://s/");
    }

    #[test]
    fn a_key_pair_comes_from_one_source() {
        let settings = settings(&[
            &[("AWS_ACCESS_KEY_ID", "half")],
            &[("EC2_ACCESS_KEY", "AK"), ("EC2_SECRET_KEY", "SK")],
        ]);
        assert_eq!(settings.credentials().unwrap().access_key().as_str(), "AK");
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let settings = settings(&[&[("S3_URL", "")], &[("S3_URL", "http://s/")]]);
        assert_eq!(settings.s3_url().unwrap().as_str(), "http://s/");
    }
}
