//! All sources together: one question for each setting.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_types::{AccountId, SecretString};
use url::Url;

use crate::error::SettingsError;
use crate::key_file::KeyFile;
use crate::overrides::Overrides;
use crate::sources::{self, Layer};

/// The names of the account number, the first one wins.
pub(crate) const USER_ID: &[&str] = &["EC2_USER_ID", "EC2_ACCOUNT_NUMBER"];
/// The names of the region of signatures.
pub(crate) const REGION: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The name of the bootstrap service's endpoint.
pub(crate) const BOOTSTRAP_URL: &str = "EUCA_BOOTSTRAP_URL";

/// The names of a key pair. Both halves must come from one place, or they do not fit together.
pub(crate) const KEY_PAIRS: &[(&str, &str)] = &[
    ("EC2_ACCESS_KEY", "EC2_SECRET_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_ACCESS_KEY", "AWS_SECRET_KEY"),
];

/// The names of the token that goes with a key pair of AWS's names; it must come from the same place, too.
const TOKENS: &[&str] = &["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"];

/// All sources, in the order in which they are asked. What the command line says comes first.
#[derive(Debug)]
pub struct Settings {
    pub(crate) overrides: Overrides,
    pub(crate) layers: Vec<Layer>,
}

impl Settings {
    /// Reads every source.
    ///
    /// # Errors
    /// When a file that was named cannot be read, or an ini file cannot be understood.
    pub fn load(overrides: Overrides) -> Result<Self, SettingsError> {
        let layers = sources::load(&overrides)?;
        Ok(Self { overrides, layers })
    }

    /// The settings of one place and no other: of an eucarc or its folder, or of `[USER@]REGION` of the ini files. For
    /// the other cloud of a command that has two.
    ///
    /// # Errors
    /// When there is neither.
    pub fn of_profile(profile: &str) -> Result<Self, SettingsError> {
        Ok(Self {
            overrides: Overrides::default(),
            layers: vec![sources::profile(profile)?],
        })
    }

    /// What the user should look at: where a region that was asked for by name outranks an endpoint in the environment.
    pub fn warnings(&self) -> Vec<String> {
        let [asked, environment, ..] = &self.layers[..] else {
            return Vec::new();
        };
        if self.overrides.region.is_none() {
            return Vec::new();
        }
        [
            ("EC2_URL", &self.overrides.ec2_url),
            ("S3_URL", &self.overrides.s3_url),
        ]
        .into_iter()
        .filter(|(_, given)| given.is_none())
        .filter_map(|(name, _)| conflict(name, asked, environment))
        .collect()
    }

    /// The value of the first source that has one of the names; of several, the first name counts.
    fn find(&self, names: &[&str]) -> Option<&str> {
        self.layers
            .iter()
            .find_map(|layer| names.iter().find_map(|name| layer.values.get(*name)))
            .map(SecretString::expose)
    }

    /// The key pair that signs requests.
    ///
    /// # Errors
    /// When no source has both halves.
    pub fn credentials(&self) -> Result<Credentials, SettingsError> {
        if let Some(credentials) = &self.overrides.credentials {
            return Ok(credentials.clone());
        }
        for Layer { values, .. } in &self.layers {
            for (access, secret) in KEY_PAIRS {
                if let (Some(id), Some(secret)) = (values.get(*access), values.get(*secret)) {
                    let credentials =
                        Credentials::new(AccessKeyId::new(id.expose()), secret.clone());
                    let lent = access.starts_with("AWS_");
                    let token = TOKENS.iter().find_map(|name| values.get(*name));
                    return Ok(match token.filter(|_| lent) {
                        Some(token) => credentials.with_token(token.clone()),
                        None => credentials,
                    });
                }
            }
        }
        Err(SettingsError::NoCredentials)
    }

    /// The endpoint of the object store.
    ///
    /// # Errors
    /// When none is set, or it is no URL.
    pub fn s3_url(&self) -> Result<Url, SettingsError> {
        self.endpoint(self.overrides.s3_url.as_ref(), "S3_URL", "--s3-url")
    }

    /// The endpoint of the EC2 service.
    ///
    /// # Errors
    /// When none is set, or it is no URL.
    pub fn ec2_url(&self) -> Result<Url, SettingsError> {
        self.endpoint(self.overrides.ec2_url.as_ref(), "EC2_URL", "--ec2-url")
    }

    /// The endpoint of the service that tells the cloud's certificate: `given`, else what a source says. `None`: neither.
    ///
    /// # Errors
    /// When it is no URL.
    pub fn bootstrap_url(&self, given: Option<&Url>) -> Result<Option<Url>, SettingsError> {
        if given.is_none() && self.find(&[BOOTSTRAP_URL]).is_none() {
            return Ok(None);
        }
        self.endpoint(given, BOOTSTRAP_URL, "--bootstrap-url")
            .map(Some)
    }

    fn endpoint(
        &self,
        given: Option<&Url>,
        variable: &'static str,
        option: &'static str,
    ) -> Result<Url, SettingsError> {
        if let Some(url) = given {
            return Ok(url.clone());
        }
        let text = self
            .find(&[variable])
            .ok_or(SettingsError::NoEndpoint { variable, option })?;
        Url::parse(without_region(text))
            .map_err(|source| SettingsError::NotAUrl { variable, source })
    }

    /// The region that SigV4 signs for; clouds of the Eucalyptus kind accept any.
    pub fn region(&self) -> &str {
        self.find(REGION).unwrap_or("us-east-1")
    }

    /// Whether servers must show a certificate that somebody vouches for: unless the region of an ini file says
    /// `verify-ssl = false`.
    ///
    /// # Errors
    /// When the value is no boolean.
    pub fn verify_tls(&self) -> Result<bool, SettingsError> {
        Ok(self.boolean("verify-ssl")?.unwrap_or(true))
    }

    /// The file of certificate authorities (PEM) to trust beside those of the system, of `AWS_CA_BUNDLE`. `None`: none.
    pub fn ca_bundle(&self) -> Option<&Path> {
        self.find(&["AWS_CA_BUNDLE"]).map(Path::new)
    }

    /// Whether the region insists on version 4 for the object store.
    ///
    /// # Errors
    /// When the value is no boolean.
    pub fn force_sigv4(&self) -> Result<bool, SettingsError> {
        Ok(self.boolean("s3-force-sigv4")?.unwrap_or(false))
    }

    fn boolean(&self, name: &'static str) -> Result<Option<bool>, SettingsError> {
        let Some(text) = self.find(&[name]) else {
            return Ok(None);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Some(true)),
            "false" | "no" | "off" | "0" => Ok(Some(false)),
            _ => Err(SettingsError::NotABoolean {
                name,
                text: text.to_owned(),
            }),
        }
    }

    /// Where new buckets are made: their location constraint. `None`: where the store makes them by itself.
    pub fn location_constraint(&self) -> Option<&str> {
        self.find(&["s3-location-constraint"])
    }

    /// How often a request is tried again. `None`: no source says.
    ///
    /// # Errors
    /// When the value is no number.
    pub fn max_retries(&self) -> Result<Option<u32>, SettingsError> {
        self.number("max-retries")
    }

    /// How long an answer may take. `None`: no source says.
    ///
    /// # Errors
    /// When the value is no number of seconds.
    pub fn timeout(&self) -> Result<Option<Duration>, SettingsError> {
        let Some(seconds) = self.number("timeout")? else {
            return Ok(None);
        };
        match Duration::try_from_secs_f64(seconds) {
            Ok(time) if !time.is_zero() => Ok(Some(time)),
            _ => Err(SettingsError::Timeout),
        }
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, SettingsError> {
        let Some(text) = self.find(&[name]) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(SettingsError::NotANumber {
                name,
                text: text.to_owned(),
            }),
        }
    }

    /// The path of a key file: `option` if it is given, else what the first source says. `None`: no source names one.
    pub fn key_file(&self, file: KeyFile, option: Option<&Path>) -> Option<PathBuf> {
        option
            .map(Path::to_owned)
            .or_else(|| self.find(file.variables()).map(PathBuf::from))
    }

    /// The path of a key file that the command cannot do without.
    ///
    /// # Errors
    /// When no source names one.
    pub fn need_key_file(
        &self,
        file: KeyFile,
        option: Option<&Path>,
    ) -> Result<PathBuf, SettingsError> {
        self.key_file(file, option)
            .ok_or(SettingsError::NoKeyFile(file))
    }

    /// The account number that a manifest names: `option`, else what the first source says.
    ///
    /// # Errors
    /// When none is set, or it has not 12 digits.
    pub fn account(&self, option: Option<&AccountId>) -> Result<AccountId, SettingsError> {
        if let Some(account) = option {
            return Ok(account.clone());
        }
        self.find(USER_ID)
            .ok_or(SettingsError::NoAccount)?
            .parse()
            .map_err(SettingsError::Account)
    }
}

/// The warning about a setting for which `asked` and `environment` have different values.
fn conflict(name: &str, asked: &Layer, environment: &Layer) -> Option<String> {
    let used = asked.values.get(name)?.expose();
    let other = environment.values.get(name)?.expose();
    (used != other).then(|| {
        let (asked, environment) = (&asked.source, &environment.source);
        format!("{asked} says {name} {used}, which is used; {environment} says {other}")
    })
}

/// The URL in `REGION::URL`, as euca2ools takes it.
fn without_region(text: &str) -> &str {
    match text.split_once("::") {
        Some((region, url)) if !region.contains('/') => url,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(layers: &[&[(&str, &str)]]) -> Settings {
        let owned = |layer: &&[(&str, &str)]| {
            let values = layer
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Layer::new("a test", values)
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
    fn a_description_tells_sources_and_no_secret() {
        let settings = settings(&[
            &[("S3_URL", "http://s/"), ("AWS_SECRET_KEY", "half")],
            &[
                ("EC2_ACCESS_KEY", "AK"),
                ("EC2_SECRET_KEY", "wJalrXUtnFEMI"),
            ],
        ]);
        let all = settings.describe();
        assert!(!format!("{all:?}").contains("wJalrXUtnFEMI"), "{all:?}");
        let shown = |name| all.iter().find(|shown| shown.name == name).unwrap().clone();
        assert_eq!(shown("object store").value.unwrap(), "http://s/");
        assert_eq!(shown("object store").source.unwrap(), "S3_URL in a test");
        assert_eq!(shown("access key").value.unwrap(), "AK");
        assert_eq!(
            shown("secret key").source.unwrap(),
            "EC2_SECRET_KEY in a test"
        );
        assert_eq!(shown("certificate").value, None);
    }

    #[test]
    fn a_token_belongs_to_the_key_pair_of_its_source_and_family() {
        let token = |layers: &[&[(&str, &str)]]| {
            let credentials = settings(layers).credentials().unwrap();
            credentials.token().map(|token| token.expose().to_owned())
        };
        let aws = [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "SK")];
        let lent = [&aws[..], &[("AWS_SECURITY_TOKEN", "T")]].concat();
        assert_eq!(token(&[&lent]), Some("T".to_owned()));
        assert_eq!(token(&[&aws, &lent]), None);
        let own = [
            ("EC2_ACCESS_KEY", "AK"),
            ("EC2_SECRET_KEY", "SK"),
            ("AWS_SESSION_TOKEN", "T"),
        ];
        assert_eq!(token(&[&own]), None);
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let settings = settings(&[&[("S3_URL", "")], &[("S3_URL", "http://s/")]]);
        assert_eq!(settings.s3_url().unwrap().as_str(), "http://s/");
    }

    #[test]
    fn tls_is_verified_unless_a_region_says_no() {
        assert!(settings(&[]).verify_tls().unwrap());
        assert!(
            !settings(&[&[("verify-ssl", "False")]])
                .verify_tls()
                .unwrap()
        );
        assert!(
            settings(&[&[("verify-ssl", "perhaps")]])
                .verify_tls()
                .is_err()
        );
    }

    #[test]
    fn a_key_pair_of_the_command_line_comes_first() {
        let mut settings = settings(&[&[("EC2_ACCESS_KEY", "AK"), ("EC2_SECRET_KEY", "SK")]]);
        settings.overrides.credentials = Some(Credentials::new(
            AccessKeyId::new("MINE"),
            SecretString::new("x"),
        ));
        assert_eq!(
            settings.credentials().unwrap().access_key().as_str(),
            "MINE"
        );
    }

    #[test]
    fn an_endpoint_may_name_its_region() {
        let settings = settings(&[&[
            ("S3_URL", "home::http://s/"),
            ("EC2_URL", "http://[::1]:8773/"),
        ]]);
        assert_eq!(settings.s3_url().unwrap().as_str(), "http://s/");
        assert_eq!(settings.ec2_url().unwrap().as_str(), "http://[::1]:8773/");
    }
}
