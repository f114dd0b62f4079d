//! What a cloud is started with, from its configuration file and the options.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gumnut_cloud::{
    BlobsSource, CatalogueSource, CloudError, Config, IdPolicy, ImageRules, InstancesConfig,
    Limits, OwnerId, Profile, Tls,
};
use gumnut_settings::default_cloud_dir;
use gumnut_terminal::{Exit, Failure};
use gumnut_types::ImageId;
use serde::Deserialize;

use super::values::{Ids, Owner, Size, Time, named};

/// The variable with the file of the keys for the bucket.
const BLOBS_KEY: &str = "GUMNUT_BLOBS_KEY_FILE";

/// How long a front end of several says that it ends, unless something else is said: several looks of a load balancer.
const DRAIN: Duration = Duration::from_secs(10);
/// Longest name of a front end, in bytes.
const MOST_NAME: usize = 64;

/// What a cloud is started with, as the configuration file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub(crate) struct Settings {
    pub(crate) data: Option<PathBuf>,
    pub(crate) catalogue: String,
    pub(crate) postgres_password: Option<PathBuf>,
    pub(super) postgres_time: Time,
    pub(crate) blobs: String,
    pub(crate) blobs_key: Option<PathBuf>,
    pub(crate) master_key: Option<PathBuf>,
    /// `None`: 16 KiB with a catalogue in SQLite, nothing with another.
    pub(super) inline: Option<Size>,
    pub(crate) name: Option<String>,
    /// `None`: nothing with a catalogue in SQLite, ten seconds with another.
    pub(super) drain: Option<Time>,
    pub(super) grace: Time,
    pub(crate) listen: SocketAddr,
    pub(crate) allow_remote: bool,
    pub(crate) tls: bool,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) tls_ca: Option<PathBuf>,
    pub(crate) host: Option<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) accept_regions: Vec<String>,
    pub(crate) extended_bucket_names: bool,
    #[serde(deserialize_with = "named")]
    pub(crate) profile: Profile,
    pub(crate) ids: Ids,
    pub(crate) owner_id: Owner,
    pub(crate) default_public: bool,
    pub(crate) require_name: bool,
    pub(crate) full_unbundle: bool,
    pub(crate) epoch_ms: Vec<i64>,
    pub(crate) instances: bool,
    pub(crate) max_instances: u32,
    pub(crate) replacement_kernel: Option<String>,
    pub(super) limits: LimitSettings,
}

/// Bounds on what is stored and asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LimitSettings {
    pub(super) buckets: u32,
    pub(super) put: Size,
    pub(super) object: Size,
    pub(super) part: Size,
    pub(super) document: Size,
    pub(super) documents: Size,
    pub(super) head: Size,
    pub(super) requests: usize,
    pub(super) connections: usize,
    pub(super) connections_per_client: usize,
    pub(super) head_time: Time,
    pub(super) patience: Time,
    pub(super) pace: Size,
}

impl Default for Settings {
    fn default() -> Self {
        let config = Config::new("");
        Self {
            data: None,
            catalogue: "sqlite".to_owned(),
            postgres_password: None,
            postgres_time: Time(CatalogueSource::STATEMENT_TIME),
            blobs: "disk".to_owned(),
            blobs_key: None,
            master_key: None,
            inline: None,
            name: None,
            drain: None,
            grace: Time(config.grace),
            listen: config.listen,
            allow_remote: config.allow_remote,
            tls: false,
            tls_cert: None,
            tls_key: None,
            tls_ca: None,
            host: None,
            domains: Vec::new(),
            accept_regions: config.regions,
            extended_bucket_names: config.extended_bucket_names,
            profile: Profile::Strict,
            ids: Ids::Random,
            owner_id: Owner::Account,
            default_public: false,
            require_name: false,
            full_unbundle: false,
            epoch_ms: Vec::new(),
            instances: false,
            max_instances: InstancesConfig::default().max,
            replacement_kernel: None,
            limits: LimitSettings::default(),
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let limits = Limits::default();
        let size = |bytes: usize| Size(bytes as u64);
        Self {
            buckets: limits.buckets,
            put: Size(limits.put_bytes),
            object: Size(limits.object_bytes),
            part: Size(limits.part_bytes),
            document: size(limits.document_bytes),
            documents: size(limits.held_bytes),
            head: size(limits.head_bytes),
            requests: limits.requests,
            connections: limits.connections,
            connections_per_client: limits.connections_per_client,
            head_time: Time(limits.head_time),
            patience: Time(limits.patience),
            pace: Size(limits.pace),
        }
    }
}

impl Settings {
    pub(super) fn paths(&mut self) -> [Option<&mut PathBuf>; 7] {
        [
            self.data.as_mut(),
            self.postgres_password.as_mut(),
            self.blobs_key.as_mut(),
            self.master_key.as_mut(),
            self.tls_cert.as_mut(),
            self.tls_key.as_mut(),
            self.tls_ca.as_mut(),
        ]
    }

    /// The data directory: the one that was named, else the usual one.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        self.data.clone().or_else(default_cloud_dir).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "there is no home directory for the cloud's data",
            )
            .hint("pass --data DIR")
        })
    }

    /// Whether everything is in the data directory.
    pub(crate) fn is_embedded(&self) -> bool {
        self.catalogue == "sqlite" && self.blobs == "disk"
    }

    /// What the cloud is started with.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::new(self.folder()?);
        self.store(&mut config)?;
        config.master_key.clone_from(&self.master_key);
        config.name = self.name()?;
        config.drain = self.drain().0;
        config.grace = self.grace.0;
        config.listen = self.listen;
        config.allow_remote = self.allow_remote;
        config.tls = self.tls()?;
        config.host.clone_from(&self.host);
        let domains = self.domains.iter().map(|name| name.to_ascii_lowercase());
        config.domains.extend(domains);
        config.regions.clone_from(&self.accept_regions);
        config.extended_bucket_names = self.extended_bucket_names;
        config.images = self.rules()?;
        config.instances = self.instances()?;
        self.limits.configure(&mut config.limits);
        config.limits.inline_bytes = self.inline().in_memory();
        if config.limits.inline_bytes > Limits::MAX_INLINE_BYTES {
            let most = Size(Limits::MAX_INLINE_BYTES as u64);
            let message = format!("the setting `inline` must be at most {most}");
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(config)
    }

    /// Where the catalogue and the bytes of objects are.
    fn store(&self, config: &mut Config) -> Result<(), Failure> {
        let wrong = |key: &str, error: CloudError| {
            let message = format!("the setting `{key}` cannot be used");
            Failure::new(Exit::Usage, message).because(error)
        };
        let password = self.postgres_password.as_deref();
        config.catalogue = CatalogueSource::parse(&self.catalogue, password)
            .map_err(|error| wrong("catalogue", error))?
            .statement_time(self.postgres_time.0);
        let variable = std::env::var_os(BLOBS_KEY).map(PathBuf::from);
        let key = self.blobs_key.as_ref().or(variable.as_ref());
        config.blobs = BlobsSource::parse(&self.blobs, key.map(PathBuf::as_path))
            .map_err(|error| wrong("blobs", error))?;
        Ok(())
    }

    pub(super) fn inline(&self) -> Size {
        let own = Limits::default().inline_bytes as u64;
        let usual = if self.catalogue == "sqlite" { own } else { 0 };
        self.inline.unwrap_or(Size(usual))
    }

    pub(super) fn drain(&self) -> Time {
        let usual = if self.catalogue == "sqlite" {
            Duration::ZERO
        } else {
            DRAIN
        };
        self.drain.unwrap_or(Time(usual))
    }

    /// What the front end is called, which is a label of metrics.
    fn name(&self) -> Result<Option<String>, Failure> {
        let is_fine = |name: &String| {
            let letters = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
            (1..=MOST_NAME).contains(&name.len()) && name.chars().all(letters)
        };
        if self.name.as_ref().is_none_or(is_fine) {
            return Ok(self.name.clone());
        }
        let message = format!(
            "the setting `name` must have 1 to {MOST_NAME} letters, digits, hyphens, underscores, dots and colons"
        );
        Err(Failure::new(Exit::Usage, message))
    }

    fn tls(&self) -> Result<Option<Tls>, Failure> {
        let wrong = |message: &str| Err(Failure::new(Exit::Usage, message));
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), _) if self.tls => {
                wrong("the settings `tls` and `tls-cert` exclude each other")
            }
            (Some(certificate), Some(key)) => Ok(Some(Tls::Given {
                certificate: certificate.clone(),
                key: key.clone(),
                authority: self.tls_ca.clone(),
            })),
            (None, None) if self.tls_ca.is_some() => {
                wrong("the setting `tls-ca` needs `tls-cert` and `tls-key`")
            }
            (None, None) => Ok(self.tls.then_some(Tls::Made)),
            _ => wrong("the settings `tls-cert` and `tls-key` need each other"),
        }
    }

    /// How instances are run; `None`: they are not.
    fn instances(&self) -> Result<Option<InstancesConfig>, Failure> {
        let mut instances = InstancesConfig::default();
        instances.max = self.max_instances;
        if let Some(text) = &self.replacement_kernel {
            let (kernel, ramdisk) = match text.split_once(',') {
                Some((kernel, ramdisk)) => (kernel, Some(ramdisk)),
                None => (text.as_str(), None),
            };
            let is_usable = ImageId::parse_kernel(kernel).is_ok()
                && ramdisk.is_none_or(|id| ImageId::parse_ramdisk(id).is_ok());
            if !is_usable {
                let message = format!(
                    "the setting `replacement-kernel` must be the id of a kernel, a comma and the id of a ramdisk, not {text:?}"
                );
                return Err(Failure::new(Exit::Usage, message));
            }
            instances.replacement_kernel = Some((kernel.to_owned(), ramdisk.map(str::to_owned)));
        }
        Ok(self.instances.then_some(instances))
    }

    /// The rules of the cloud that these settings ask for.
    fn rules(&self) -> Result<ImageRules, Failure> {
        let mut rules = ImageRules::of(self.profile);
        rules.ids = Some(match self.ids {
            Ids::Random => IdPolicy::Random,
            Ids::AdlerMs => IdPolicy::AdlerMs,
        });
        rules.owner_id = match self.owner_id {
            Owner::Account => OwnerId::Account,
            Owner::User => OwnerId::User,
        };
        rules.default_public = self.default_public;
        rules.require_name = self.require_name;
        rules.full_unbundle = self.full_unbundle;
        rules.epoch_ms.clone_from(&self.epoch_ms);
        if !self.epoch_ms.is_empty() && rules.id_policy() == IdPolicy::Random {
            let message = format!(
                "--epoch-ms has no effect on the random ids of {}",
                self.profile
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("pass --profile euca-2.0, or --ids adler32-ms with --profile strict"));
        }
        Ok(rules)
    }
}

impl LimitSettings {
    fn configure(&self, limits: &mut Limits) {
        limits.buckets = self.buckets;
        limits.put_bytes = self.put.0;
        limits.object_bytes = self.object.0;
        limits.part_bytes = self.part.0;
        limits.document_bytes = self.document.in_memory();
        limits.held_bytes = self.documents.in_memory();
        limits.head_bytes = self.head.in_memory();
        limits.requests = self.requests;
        limits.connections = self.connections;
        limits.connections_per_client = self.connections_per_client;
        limits.head_time = self.head_time.0;
        limits.patience = self.patience.0;
        limits.pace = self.pace.0;
    }
}
