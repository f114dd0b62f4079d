//! Reading every source of settings, in an order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gumnut_types::SecretString;
use zeroize::Zeroizing;

use crate::error::SettingsError;
use crate::folders::embedded_eucarc;
use crate::ini::{Choice, Ini, LookupError};
use crate::names::{NAMES, is_setting};
use crate::order::SourceOrder;
use crate::overrides::Overrides;

/// Largest settings file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Variables of which each names a cloud, or whom one is there.
const CLOUD: [&str; 12] = [
    "EC2_URL",
    "S3_URL",
    "EUCA_BOOTSTRAP_URL",
    "EC2_ACCESS_KEY",
    "EC2_SECRET_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_FILE",
];

/// Variables with which AWS's tools receive where to go and as whom, and which are not read here.
const NOT_READ: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_EC2",
];

/// Endpoints, of which a place that was named must give one.
pub(super) const ENDPOINTS: [&str; 2] = ["EC2_URL", "S3_URL"];

/// What messages call the environment.
pub(super) const ENVIRONMENT: &str = "the environment";

/// Most lines of a file that a user receives of.
const MAX_NOTES: usize = 20;

/// The values of one source.
#[derive(Debug)]
pub(super) struct Layer {
    /// What messages call it.
    pub(super) source: String,
    /// Its values under the names of the environment.
    pub(super) values: HashMap<String, SecretString>,
    /// What the user has named it with, as in `--config eucarc`, so that it must give an endpoint. `None`: nobody has.
    pub(super) asked: Option<String>,
    /// Lines of it that are not understood.
    pub(super) notes: Vec<String>,
}

impl Layer {
    pub(super) fn new(
        source: impl Into<String>,
        values: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let secrets = values
            .into_iter()
            .map(|(name, value)| (name, SecretString::new(value)));
        Self::of_secrets(source.into(), secrets)
    }

    fn of_secrets(
        source: String,
        values: impl IntoIterator<Item = (String, SecretString)>,
    ) -> Self {
        Self {
            source,
            values: values
                .into_iter()
                .filter(|(_, value)| !value.expose().is_empty())
                .collect(),
            asked: None,
            notes: Vec::new(),
        }
    }

    /// Whether it has a value under one of these names.
    pub(super) fn has_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.values.contains_key(*name))
    }

    /// Takes the values of these names away into a layer of their own.
    fn split_off(&mut self, names: &[&str]) -> Self {
        let taken = names
            .iter()
            .filter_map(|name| self.values.remove_entry(*name));
        Self::of_secrets(self.source.clone(), taken.collect::<Vec<_>>())
    }

    fn asked(mut self, by: String) -> Self {
        self.asked = Some(by);
        self
    }
}

/// What has been read.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Everything that is asked for values, the first one first.
    pub(super) layers: Vec<Layer>,
    /// What names a cloud, or whom one is there: where there is anything, the embedded cloud is not meant.
    pub(super) named: Vec<String>,
}

/// Reads every source.
pub(super) fn load(overrides: &Overrides) -> Result<Loaded, SettingsError> {
    Sources::new(overrides)?.load()
}

/// The values of one place: an eucarc or its directory, or else `[USER@]REGION` of the ini files.
pub(super) fn profile(profile: &str) -> Result<Loaded, SettingsError> {
    let path = Path::new(profile);
    let overrides = Overrides::default();
    let sources = Sources::new(&overrides)?;
    let layers = if path.exists() {
        config(path, profile)?
    } else {
        let what = format!("{profile} is not a file, and cannot be used as a region");
        let choice = sources.complete(Choice::parse(profile))?;
        let layer = sources.region(&choice, format!("region {profile}"), what)?;
        vec![layer.asked(profile.to_owned())]
    };
    Ok(Loaded {
        layers,
        named: vec![profile.to_owned()],
    })
}

/// A variable of the environment that has a value.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

struct Sources<'a> {
    overrides: &'a Overrides,
    home: Option<String>,
    ini: Ini,
}

impl<'a> Sources<'a> {
    fn new(overrides: &'a Overrides) -> Result<Self, SettingsError> {
        Ok(Self {
            overrides,
            home: variable("HOME"),
            ini: ini_files()?,
        })
    }

    fn load(&self) -> Result<Loaded, SettingsError> {
        let mut layers = Vec::new();
        let mut named = self.named_by_options();
        let config = match &self.overrides.config {
            Some(path) => config(path, &format!("--config {}", path.display()))?,
            None => Vec::new(),
        };
        if let Some(region) = &self.overrides.region {
            // A region that was asked for by name takes precedence over the environment.
            layers.push(self.asked_region(region)?);
        }
        let values = NAMES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), variable(name)?)));
        let mut environment = Layer::new(ENVIRONMENT, values);
        let credential_file = credential_file(&environment)?;
        let (default_region, region_named) = self.default_region()?;
        named.extend(region_named);
        let usual = match self.overrides.order {
            // A file that was named stands for those that are looked for.
            _ if self.overrides.config.is_some() => Vec::new(),
            SourceOrder::Native => Vec::new(),
            SourceOrder::Eucarc | SourceOrder::Ini => self.usual_eucarc()?,
        };
        named.extend(usual.iter().map(|layer| layer.source.clone()));
        let has_credential_file = environment.has_one_of(&["AWS_CREDENTIAL_FILE"]);
        match self.overrides.order {
            SourceOrder::Native => {
                layers.push(environment);
                layers.extend(credential_file);
                layers.extend(config);
                layers.extend(default_region);
            }
            SourceOrder::Eucarc => {
                layers.extend(config);
                layers.push(environment);
                layers.extend(credential_file);
                layers.extend(usual);
                layers.extend(default_region);
            }
            SourceOrder::Ini => {
                let old = environment.split_off(&["EC2_ACCESS_KEY", "EC2_SECRET_KEY"]);
                layers.push(environment);
                layers.extend(credential_file);
                layers.extend(default_region);
                layers.push(old);
                layers.extend(config);
                layers.extend(usual);
            }
        }
        named.extend(named_by_environment(has_credential_file));
        let says_more = layers.iter().any(|layer| layer.has_one_of(&CLOUD));
        if named.is_empty() && !says_more {
            layers.extend(embedded_cloud()?);
        }
        Ok(Loaded { layers, named })
    }

    /// What of the command line names a cloud.
    fn named_by_options(&self) -> Vec<String> {
        let Overrides {
            config,
            region,
            ec2_url,
            s3_url,
            credentials,
            ..
        } = self.overrides;
        let config = config
            .as_ref()
            .map(|path| format!("--config {}", path.display()));
        let region = region.as_ref().map(|region| format!("--region {region}"));
        let others = [
            (ec2_url.is_some(), "--ec2-url"),
            (s3_url.is_some(), "--s3-url"),
            (credentials.is_some(), "the access key of the command line"),
        ];
        let given = others.into_iter().filter(|(given, _)| *given);
        config
            .into_iter()
            .chain(region)
            .chain(given.map(|(_, name)| name.to_owned()))
            .collect()
    }

    /// Where the tools of 2010 look for an eucarc without an option.
    fn usual_eucarc(&self) -> Result<Vec<Layer>, SettingsError> {
        let home = self.home.as_deref().map(Path::new);
        home.map(|home| eucarc_at(&home.join(".eucarc")))
            .into_iter()
            .chain([PathBuf::from("/etc/euca2ools/eucarc")])
            .filter_map(|path| if_there(eucarc(&path)))
            .collect()
    }

    /// The values of a region and a user; `what` is what messages say when there are none.
    fn region(
        &self,
        choice: &Choice,
        source: String,
        what: String,
    ) -> Result<Layer, SettingsError> {
        match self.ini.variables(choice, &variable) {
            Ok(values) => Ok(Layer::new(source, values)),
            Err(source) => Err(SettingsError::Region {
                what,
                known: self.ini.regions(),
                source,
            }),
        }
    }

    /// The region of `--region`.
    fn asked_region(&self, text: &str) -> Result<Layer, SettingsError> {
        let asked = format!("--region {text}");
        let what = format!("{asked} cannot be used");
        let choice = Choice::parse(text);
        if choice == Choice::default() {
            return Err(SettingsError::Region {
                what,
                known: self.ini.regions(),
                source: LookupError::Empty,
            });
        }
        let choice = self.complete(choice)?;
        let layer = self.region(&choice, asked.clone(), what)?;
        Ok(match &choice.region {
            Some(_) => layer.asked(asked),
            // A user alone says nothing of where to go.
            None => layer,
        })
    }

    /// The choice with the region that counts when none is named: `USER@`.
    fn complete(&self, choice: Choice) -> Result<Choice, SettingsError> {
        if choice.region.is_some() {
            return Ok(choice);
        }
        let (default, _) = self.default_choice()?;
        Ok(Choice {
            region: default.region,
            ..choice
        })
    }

    /// The region and user that count when none was asked for, and what names them.
    fn default_choice(&self) -> Result<(Choice, Option<String>), SettingsError> {
        let named = variable("EUCA_DEFAULT_REGION").map(|name| ("EUCA_DEFAULT_REGION", name));
        // AWS's variable may also name a region that no file describes.
        let aws = || {
            let name = variable("AWS_DEFAULT_REGION")?;
            let region = Choice::parse(&name).region?;
            self.ini
                .has_region(&region)
                .then_some(("AWS_DEFAULT_REGION", name))
        };
        let from_files = || {
            self.ini
                .default_choice()
                .map_err(SettingsError::DefaultRegion)
        };
        if let Some((variable, name)) = named.or_else(aws) {
            let mut choice = Choice::parse(&name);
            if choice.region.is_none() {
                choice.region = from_files()?.region;
            }
            return Ok((choice, Some(format!("{variable}={name}"))));
        }
        let choice = from_files()?;
        let is_named = choice != Choice::default();
        Ok((choice, is_named.then(|| "default-region".to_owned())))
    }

    /// The region that counts when none was asked for, and what names it. Where a file was named, only `[global]` counts.
    fn default_region(&self) -> Result<(Option<Layer>, Option<String>), SettingsError> {
        if self.overrides.region.is_some() {
            return Ok((None, None));
        }
        let (choice, named) = match self.overrides.config {
            Some(_) => (Choice::default(), None),
            None => self.default_choice()?,
        };
        let source = match &choice.region {
            Some(region) => format!("[region {region}]"),
            None => "[global]".to_owned(),
        };
        let by = named.as_deref().unwrap_or("the default region");
        let layer = self.region(&choice, source, format!("{by} cannot be used"))?;
        Ok((Some(layer), named))
    }
}

/// The settings in an eucarc.
fn eucarc(path: &Path) -> Result<Layer, SettingsError> {
    let failed = |source| SettingsError::Eucarc {
        path: path.to_owned(),
        source,
    };
    let bytes = read_bytes(path).map_err(failed)?;
    // A comment in an old encoding is no reason to refuse the file; a value is.
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let content = crate::eucarc::parse(&text, path, &environment)
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let settings = content
        .values
        .into_iter()
        .filter(|(name, _)| is_setting(name));
    let mut layer = Layer::of_secrets(path.display().to_string(), settings);
    layer.notes = notes(path, &content.notes);
    Ok(layer)
}

/// The values of a file that was named, or of the eucarc in a directory that was, and of the credential file that it names.
fn config(path: &Path, asked: &str) -> Result<Vec<Layer>, SettingsError> {
    let path = eucarc_at(path);
    let layer = eucarc(&path)?;
    if layer.values.is_empty() {
        return Err(SettingsError::NothingSet {
            is_ini: is_ini(&path),
            notes: layer.notes,
            path,
        });
    }
    let credential_file = credential_file(&layer)?;
    Ok([layer.asked(asked.to_owned())]
        .into_iter()
        .chain(credential_file)
        .collect())
}

/// The settings of the embedded cloud on this machine. `None`: it has not been made.
fn embedded_cloud() -> Result<Option<Layer>, SettingsError> {
    let Some(path) = embedded_eucarc() else {
        return Ok(None);
    };
    if_there(eucarc(&path)).transpose()
}

/// What an eucarc may see of the environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What of the environment names a cloud beside the settings themselves.
fn named_by_environment(has_credential_file: bool) -> Vec<String> {
    let not_read = NOT_READ
        .iter()
        .filter(|name| variable(name).is_some())
        .map(|name| format!("{name} (which is not read)"));
    let others = [
        (variable("EUCA_CONFIG_PATH").is_some(), "EUCA_CONFIG_PATH"),
        (has_credential_file, "AWS_CREDENTIAL_FILE"),
    ];
    others
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .map(|(_, name)| name.to_owned())
        .chain(not_read)
        .collect()
}

/// `None` for a file that is not there.
fn if_there(layer: Result<Layer, SettingsError>) -> Option<Result<Layer, SettingsError>> {
    use std::io::ErrorKind;
    match layer {
        Err(SettingsError::Eucarc { source, .. })
            if matches!(
                source.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory
            ) =>
        {
            None
        }
        layer => Some(layer),
    }
}

/// What a user receives of lines that are not understood.
fn notes(path: &Path, notes: &[crate::eucarc::Note]) -> Vec<String> {
    let more = notes.len().saturating_sub(MAX_NOTES);
    let path = path.display();
    let shown = notes
        .iter()
        .take(MAX_NOTES)
        .map(|note| format!("{path}: {note}"));
    let rest = (more > 0).then(|| format!("{path}: {more} more lines are not understood"));
    shown.chain(rest).collect()
}

/// Whether a file has sections as ini files have them.
fn is_ini(path: &Path) -> bool {
    let starts = ["[global", "[region ", "[user "];
    read(path).is_ok_and(|text| {
        text.lines().any(|line| {
            starts
                .iter()
                .any(|start| line.trim_start().starts_with(start))
        })
    })
}

/// The eucarc in a directory, or the file itself.
fn eucarc_at(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("eucarc")
    } else {
        path.to_owned()
    }
}

/// The key pair in the file that `AWS_CREDENTIAL_FILE` names.
fn credential_file(layer: &Layer) -> Result<Option<Layer>, SettingsError> {
    let Some(path) = layer.values.get("AWS_CREDENTIAL_FILE") else {
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
    let values = text
        .trim_start_matches('\u{feff}')
        .lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once('=')?;
            let (_, name) = pair.iter().find(|(written, _)| *written == key.trim())?;
            Some(((*name).to_owned(), value.trim().to_owned()))
        });
    Ok(Some(Layer::new(path.display().to_string(), values)))
}

fn read(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let bytes = read_bytes(path)?;
    let text = std::str::from_utf8(&bytes).map_err(std::io::Error::other)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn read_bytes(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read as _;
    let mut bytes = Zeroizing::new(Vec::new());
    let read = fs_err::File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    if read as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!(
            "{} is larger than 1 MiB",
            path.display()
        )));
    }
    Ok(bytes)
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
    variable("EUCA_CONFIG_PATH")
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
    let home = variable("HOME");
    patterns.extend(home.map(|home| format!("{}/.euca/*.ini", glob::Pattern::escape(&home))));
    patterns
}
