//! Reading every source of settings, in an order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gumnut_types::SecretString;
use zeroize::Zeroizing;

use crate::error::SettingsError;
use crate::eucarc;
use crate::folders::default_cloud_dir;
use crate::ini::{Choice, Ini};
use crate::order::SourceOrder;
use crate::overrides::Overrides;

/// Largest settings file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Every variable that is read.
const NAMES: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "EC2_ACCESS_KEY",
    "EC2_ACCOUNT_NUMBER",
    "EC2_CERT",
    "EC2_PRIVATE_KEY",
    "EC2_SECRET_KEY",
    "EC2_URL",
    "EC2_USER_ID",
    "EUCALYPTUS_CERT",
    "EUCA_BOOTSTRAP_URL",
    "EUCA_CERT",
    "EUCA_PRIVATE_KEY",
    "S3_URL",
];

/// Variables without which a source says nothing about a cloud.
const CLOUD: [&str; 5] = [
    "EC2_URL",
    "S3_URL",
    "EC2_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCESS_KEY",
];

/// The values of one source.
#[derive(Debug)]
pub(super) struct Layer {
    /// What messages call it.
    pub(super) source: String,
    /// Its values under the names of the environment.
    pub(super) values: HashMap<String, SecretString>,
}

impl Layer {
    pub(super) fn new(
        source: impl Into<String>,
        values: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let set = values.into_iter().filter(|(_, value)| !value.is_empty());
        Self {
            source: source.into(),
            values: set
                .map(|(name, value)| (name, SecretString::new(value)))
                .collect(),
        }
    }

    /// Whether it says anything about a cloud.
    fn names_a_cloud(&self) -> bool {
        CLOUD.iter().any(|name| self.values.contains_key(*name))
    }

    /// Takes the values of these names away into a layer of their own.
    fn split_off(&mut self, names: &[&str]) -> Self {
        let taken = names
            .iter()
            .filter_map(|name| self.values.remove_entry(*name));
        Self {
            source: self.source.clone(),
            values: taken.collect(),
        }
    }
}

/// Everything that is asked for values, the first one first.
pub(super) fn load(overrides: &Overrides) -> Result<Vec<Layer>, SettingsError> {
    Sources {
        overrides,
        home: variable("HOME").filter(|home| !home.is_empty()),
        ini: ini_files()?,
    }
    .layers()
}

/// The values of one place: an eucarc or its folder, or else `[USER@]REGION` of the ini files.
pub(super) fn profile(profile: &str) -> Result<Layer, SettingsError> {
    let path = Path::new(profile);
    let is_file = path.exists();
    let overrides = Overrides {
        config: is_file.then(|| path.to_owned()),
        ..Overrides::default()
    };
    let sources = Sources {
        overrides: &overrides,
        home: variable("HOME").filter(|home| !home.is_empty()),
        ini: ini_files()?,
    };
    match sources.config()? {
        Some(layer) => Ok(layer),
        None => sources.region(&Choice::parse(profile), format!("region {profile}")),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

struct Sources<'a> {
    overrides: &'a Overrides,
    home: Option<String>,
    ini: Ini,
}

impl Sources<'_> {
    fn layers(&self) -> Result<Vec<Layer>, SettingsError> {
        let mut layers = Vec::new();
        let order = self.overrides.order;
        let config = self.config()?;
        if let Some(region) = &self.overrides.region {
            // A region that was asked for by name outranks the environment.
            layers.push(self.region(&Choice::parse(region), format!("--region {region}"))?);
        }
        let values = NAMES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), variable(name)?)));
        let mut environment = Layer::new("the environment", values);
        let credential_file = credential_file(&environment)?;
        match order {
            SourceOrder::Native => {
                layers.push(environment);
                layers.extend(credential_file);
                layers.extend(config);
                layers.extend(self.default_region()?);
            }
            SourceOrder::Eucarc => {
                layers.extend(config);
                layers.push(environment);
                layers.extend(credential_file);
                layers.extend(self.usual_eucarc());
                layers.extend(self.default_region()?);
            }
            SourceOrder::Ini => {
                let old = environment.split_off(&["EC2_ACCESS_KEY", "EC2_SECRET_KEY"]);
                layers.push(environment);
                layers.extend(credential_file);
                layers.extend(self.default_region()?);
                layers.push(old);
                layers.extend(config);
                layers.extend(self.usual_eucarc());
            }
        }
        let given = self.overrides.ec2_url.is_some() || self.overrides.s3_url.is_some();
        if !given && !layers.iter().any(Layer::names_a_cloud) {
            layers.extend(self.embedded_cloud());
        }
        Ok(layers)
    }

    fn eucarc(&self, path: &Path) -> std::io::Result<Layer> {
        let text = read(path)?;
        let values = eucarc::parse(&text, path, self.home.as_deref());
        Ok(Layer::new(path.display().to_string(), values))
    }

    /// The file of `--config`, or the eucarc in the folder that it names.
    fn config(&self) -> Result<Option<Layer>, SettingsError> {
        let Some(path) = &self.overrides.config else {
            return Ok(None);
        };
        let path = eucarc_at(path);
        match self.eucarc(&path) {
            Ok(layer) => Ok(Some(layer)),
            Err(source) => Err(SettingsError::Eucarc { path, source }),
        }
    }

    /// Where the tools of 2010 look for an eucarc by themselves.
    fn usual_eucarc(&self) -> Vec<Layer> {
        let home = self.home.as_deref().map(Path::new);
        home.map(|home| eucarc_at(&home.join(".eucarc")))
            .into_iter()
            .chain([PathBuf::from("/etc/euca2ools/eucarc")])
            .filter_map(|path| self.eucarc(&path).ok())
            .collect()
    }

    fn region(&self, choice: &Choice, source: String) -> Result<Layer, SettingsError> {
        match self.ini.variables(choice, &variable) {
            Ok(values) => Ok(Layer::new(source, values)),
            Err(error) => Err(SettingsError::Region(error)),
        }
    }

    /// The region that counts when none was asked for.
    fn default_region(&self) -> Result<Option<Layer>, SettingsError> {
        if self.overrides.region.is_some() {
            return Ok(None);
        }
        let named = variable("EUCA_DEFAULT_REGION").filter(|name| !name.is_empty());
        // AWS's variable may also name a region that no file describes.
        let aws = || variable("AWS_DEFAULT_REGION").filter(|name| self.ini.has_region(name));
        let choice = match named.or_else(aws) {
            Some(name) => Choice::parse(&name),
            None => self
                .ini
                .default_choice()
                .map_err(SettingsError::DefaultRegion)?,
        };
        let source = match &choice.region {
            Some(region) => format!("[region {region}]"),
            None => "[global]".to_owned(),
        };
        self.region(&choice, source).map(Some)
    }

    fn embedded_cloud(&self) -> Option<Layer> {
        self.eucarc(&default_cloud_dir()?.join("credentials/eucarc"))
            .ok()
    }
}

/// The eucarc in a folder, or the file itself.
fn eucarc_at(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("eucarc")
    } else {
        path.to_owned()
    }
}

/// The key pair in the file that `AWS_CREDENTIAL_FILE` names.
fn credential_file(environment: &Layer) -> Result<Option<Layer>, SettingsError> {
    let Some(path) = environment.values.get("AWS_CREDENTIAL_FILE") else {
        return Ok(None);
    };
    let path = Path::new(path.expose());
    let text = match read(path) {
        Ok(text) => text,
        // An eucarc names the file also where it was never written.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = path.to_owned();
            return Err(SettingsError::CredentialFile { path, source });
        }
    };
    let pair = [
        ("AWSAccessKeyId", "AWS_ACCESS_KEY_ID"),
        ("AWSSecretKey", "AWS_SECRET_ACCESS_KEY"),
    ];
    let values = text.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        let (_, name) = pair.iter().find(|(written, _)| *written == key.trim())?;
        Some(((*name).to_owned(), value.trim().to_owned()))
    });
    Ok(Some(Layer::new(path.display().to_string(), values)))
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

/// Every ini file, in the order in which later ones win.
fn ini_files() -> Result<Ini, SettingsError> {
    let mut ini = Ini::default();
    for path in ini_paths() {
        match read(&path) {
            Ok(text) => {
                if let Err(source) = ini.add(&text) {
                    return Err(SettingsError::Ini { path, source });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(SettingsError::UnreadableIni { path, source }),
        }
    }
    Ok(ini)
}

fn ini_paths() -> Vec<PathBuf> {
    let named = variable("EUCA_CONFIG_PATH").filter(|paths| !paths.is_empty());
    named
        .map_or_else(usual_patterns, |paths| {
            paths.split(':').map(str::to_owned).collect()
        })
        .iter()
        .flat_map(|pattern| glob::glob(pattern).into_iter().flatten().flatten())
        .collect()
}

fn usual_patterns() -> Vec<String> {
    let mut patterns = vec![
        "/etc/euca2ools/euca2ools.ini".to_owned(),
        "/etc/euca2ools/conf.d/*.ini".to_owned(),
    ];
    let home = variable("HOME").filter(|home| !home.is_empty());
    patterns.extend(home.map(|home| format!("{}/.euca/*.ini", glob::Pattern::escape(&home))));
    patterns
}
