//! All sources together: one question for each setting.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_types::{AccountId, ImageOwner, SecretString};
use url::Url;

use crate::error::SettingsError;
use crate::key_file::KeyFile;
use crate::overrides::Overrides;
use crate::sources::{self, ENDPOINTS, ENVIRONMENT, Layer, Loaded};

/// The names of the account number, the first one wins.
pub(crate) const USER_ID: &[&str] = &["EC2_USER_ID", "EC2_ACCOUNT_NUMBER"];
/// The names of the region of signatures.
pub(crate) const REGION: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The name of the bootstrap service's endpoint.
pub(crate) const BOOTSTRAP_URL: &str = "EUCA_BOOTSTRAP_URL";

/// The names of a key pair. Both halves must come from one place, or they do not fit together.
pub(crate) const KEY_PAIRS: [(&str, &str); 3] = [
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
    /// What names a cloud, or whom one is there.
    named: Vec<String>,
}

impl Settings {
    /// Reads every source.
    ///
    /// # Errors
    /// When a file that was named cannot be read, or an ini file cannot be understood.
    pub fn load(overrides: Overrides) -> Result<Self, SettingsError> {
        let loaded = sources::load(&overrides)?;
        Ok(Self::of(overrides, loaded))
    }

    /// The settings of one place and no other: of an eucarc or its directory, or of `[USER@]REGION` of the ini files. For
    /// the other cloud of a command that has two.
    ///
    /// # Errors
    /// When there is neither, or the file sets nothing.
    pub fn of_profile(profile: &str) -> Result<Self, SettingsError> {
        let loaded = sources::profile(profile)?;
        Ok(Self::of(Overrides::default(), loaded))
    }

    fn of(overrides: Overrides, loaded: Loaded) -> Self {
        Self {
            overrides,
            layers: loaded.layers,
            named: loaded.named,
        }
    }

    /// What the user should look at: lines of settings files that are not understood, and endpoints and access keys of which
    /// the place that was named says another than the environment.
    pub fn warnings(&self) -> Vec<String> {
        let notes = self.layers.iter().flat_map(|layer| layer.notes.clone());
        let endpoints = [
            ("EC2_URL", self.overrides.ec2_url.is_some()),
            ("S3_URL", self.overrides.s3_url.is_some()),
        ];
        let of_endpoints = endpoints
            .into_iter()
            .filter(|(_, given)| !given)
            .flat_map(|(name, _)| {
                let value =
                    move |layer: &'_ Layer| Some(layer.values.get(name)?.expose().to_owned());
                [self.conflict(name, &value), self.stand_in(name)]
            })
            .flatten();
        let key = |layer: &Layer| Some(pair_of(layer)?.id.expose().to_owned());
        let of_keys = self
            .conflict("the access key", &key)
            .filter(|_| self.overrides.credentials.is_none());
        notes.chain(of_endpoints).chain(of_keys).collect()
    }

    fn asked(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| layer.asked.is_some())
    }

    /// The warning about a value of which the place that was named says another than the environment.
    fn conflict(&self, name: &str, value: &dyn Fn(&Layer) -> Option<String>) -> Option<String> {
        let used = self.layers.iter().find(|layer| value(layer).is_some())?;
        let environment = self
            .layers
            .iter()
            .filter(|layer| layer.source == ENVIRONMENT && self.asked().next().is_some());
        let other = self
            .asked()
            .chain(environment)
            .find(|layer| value(layer).is_some_and(|other| Some(other) != value(used)))?;
        let (one, two) = (value(used)?, value(other)?);
        let (used, other) = (&used.source, &other.source);
        Some(format!(
            "{used} says {name} {one}, which is used; {other} says {two}"
        ))
    }

    /// The warning about an endpoint that the place that was named does not give, and another one does.
    fn stand_in(&self, name: &str) -> Option<String> {
        let asked = self.asked().next()?;
        let has_it = |layer: &&Layer| layer.values.contains_key(name);
        if self.asked().any(|layer| has_it(&layer)) {
            return None;
        }
        let used = &self.layers.iter().find(has_it)?.source;
        let asked = &asked.source;
        Some(format!(
            "{asked} does not set {name}; that of {used} is used"
        ))
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
        for layer in &self.layers {
            if let Some(pair) = pair_of(layer) {
                return Ok(credentials_of(layer, pair));
            }
            // Half of a pair would otherwise be made whole by another place's.
            if let Some(asked) = &layer.asked
                && layer.has_one_of(&KEY_PAIRS.map(|(access, _)| access))
            {
                let named = vec![asked.clone()];
                return Err(SettingsError::NoCredentials { named });
            }
        }
        let named = self.named.clone();
        Err(SettingsError::NoCredentials { named })
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

    /// The endpoint of the service that says the cloud's certificate: `given`, else what a source says. `None`: neither.
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
            return web(url.clone(), option);
        }
        let is_answered = self.asked().any(|layer| layer.has_one_of(&ENDPOINTS));
        let missing = |named| SettingsError::NoEndpoint {
            variable,
            option,
            named,
        };
        let named: Vec<_> = self
            .asked()
            .filter_map(|layer| layer.asked.clone())
            .collect();
        if !named.is_empty() && !is_answered {
            // Another place's endpoint would be another cloud.
            return Err(missing(named));
        }
        let text = self
            .find(&[variable])
            .ok_or_else(|| missing(self.named.clone()))?;
        let url = Url::parse(region_and_url(text).1)
            .map_err(|source| SettingsError::NotAUrl { variable, source })?;
        web(url, variable)
    }

    /// The region that SigV4 signs for; clouds of the Eucalyptus kind accept any.
    pub fn region(&self) -> &str {
        let named = self.find(REGION).or_else(|| {
            let mut urls = ["EC2_URL", "S3_URL"].into_iter();
            urls.find_map(|name| region_and_url(self.find(&[name])?).0)
        });
        // Where a region is named, a user may be, too.
        named
            .and_then(|name| name.rsplit('@').next())
            .filter(|name| !name.is_empty())
            .unwrap_or("us-east-1")
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

    /// The owner that a manifest for a cloud of any age names: `option`, else what the first source says.
    ///
    /// # Errors
    /// When none is set, or it is no number.
    pub fn image_owner(&self, option: Option<&ImageOwner>) -> Result<ImageOwner, SettingsError> {
        if let Some(owner) = option {
            return Ok(owner.clone());
        }
        self.find(USER_ID)
            .ok_or(SettingsError::NoAccount)?
            .parse()
            .map_err(SettingsError::Owner)
    }
}

/// The key pair of a source.
#[derive(Clone, Copy)]
struct KeyPair<'a> {
    /// The variable of its first half.
    variable: &'static str,
    id: &'a SecretString,
    secret: &'a SecretString,
}

fn pair_of(layer: &Layer) -> Option<KeyPair<'_>> {
    KEY_PAIRS.into_iter().find_map(|(variable, secret)| {
        Some(KeyPair {
            variable,
            id: layer.values.get(variable)?,
            secret: layer.values.get(secret)?,
        })
    })
}

/// The credentials that a pair of a source makes; with AWS's names a token belongs to them.
fn credentials_of(layer: &Layer, pair: KeyPair<'_>) -> Credentials {
    let credentials = Credentials::new(AccessKeyId::new(pair.id.expose()), pair.secret.clone());
    let token = TOKENS.iter().find_map(|name| layer.values.get(*name));
    match token.filter(|_| pair.variable.starts_with("AWS_")) {
        Some(token) => credentials.with_token(token.clone()),
        None => credentials,
    }
}

/// The URL if requests can be sent to it.
fn web(url: Url, variable: &'static str) -> Result<Url, SettingsError> {
    if !["http", "https"].contains(&url.scheme()) {
        let scheme = url.scheme().to_owned();
        return Err(SettingsError::Scheme { variable, scheme });
    }
    Ok(url)
}

/// Region and URL in `REGION::URL`, as euca2ools takes it.
fn region_and_url(text: &str) -> (Option<&str>, &str) {
    match text.split_once("::") {
        Some((region, url)) if !region.contains('/') => (Some(region), url),
        _ => (None, text),
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
            named: Vec::new(),
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
