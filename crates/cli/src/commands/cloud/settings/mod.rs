//! What a cloud is started with, from its configuration file and the options.

mod lines;
mod read;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gumnut_cloud::{Config, IdPolicy, ImageRules, Limits, OwnerId, Profile, Tls};
use gumnut_settings::default_cloud_dir;
use gumnut_terminal::{Exit, Failure};
use serde::Deserialize;

use self::values::{Size, Time, named};
use super::images::{Ids, Owner};

/// What a cloud is started with, as the configuration file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    pub(super) data: Option<PathBuf>,
    pub(super) catalogue: String,
    pub(super) postgres_password: Option<PathBuf>,
    pub(super) blobs: String,
    pub(super) blobs_key: Option<PathBuf>,
    pub(super) master_key: Option<PathBuf>,
    pub(super) name: Option<String>,
    /// `None`: 16 KiB with a catalogue in SQLite, nothing with another.
    inline: Option<Size>,
    drain: Time,
    grace: Time,
    pub(super) listen: SocketAddr,
    pub(super) allow_remote: bool,
    pub(super) tls: bool,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) tls_ca: Option<PathBuf>,
    pub(super) host: Option<String>,
    pub(super) domains: Vec<String>,
    pub(super) accept_regions: Vec<String>,
    pub(super) extended_bucket_names: bool,
    #[serde(deserialize_with = "named")]
    pub(super) profile: Profile,
    pub(super) ids: Ids,
    pub(super) owner_id: Owner,
    pub(super) default_public: bool,
    pub(super) require_name: bool,
    pub(super) full_unbundle: bool,
    pub(super) epoch_ms: Vec<i64>,
    limits: LimitSettings,
}

/// Bounds on what is stored and asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct LimitSettings {
    buckets: u32,
    put: Size,
    object: Size,
    part: Size,
    document: Size,
    documents: Size,
    head: Size,
    requests: usize,
    connections: usize,
    connections_per_client: usize,
    head_time: Time,
    patience: Time,
    pace: Size,
}

impl Default for Settings {
    fn default() -> Self {
        let config = Config::new("");
        Self {
            data: None,
            catalogue: "sqlite".to_owned(),
            postgres_password: None,
            blobs: "disk".to_owned(),
            blobs_key: None,
            master_key: None,
            name: None,
            inline: None,
            drain: Time(config.drain),
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
    /// Reads a configuration file. Paths in it are relative to its directory.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs_err::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Input, "cannot read the configuration of the cloud").because(error)
        })?;
        let mut settings = read::parse(&text).map_err(|wrong| {
            let at = format!("{}, line {}: {}", path.display(), wrong.line, wrong.message);
            Failure::new(Exit::Usage, at)
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        for file in settings.paths().into_iter().flatten() {
            *file = folder.join(&*file);
        }
        Ok(settings)
    }

    fn paths(&mut self) -> [Option<&mut PathBuf>; 7] {
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
    pub(super) fn folder(&self) -> Result<PathBuf, Failure> {
        self.data.clone().or_else(default_cloud_dir).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "there is no home directory for the cloud's data",
            )
            .hint("pass --data DIR")
        })
    }

    /// What the cloud is started with.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::new(self.folder()?);
        self.store(&mut config)?;
        config.master_key.clone_from(&self.master_key);
        config.name = self.name();
        config.drain = self.drain.0;
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
        self.limits.configure(&mut config.limits);
        config.limits.inline_bytes = self.inline().in_memory();
        if config.limits.inline_bytes > Limits::MAX_INLINE_BYTES {
            let most = Size(Limits::MAX_INLINE_BYTES as u64);
            let message = format!("the setting `inline` must be at most {most}");
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(config)
    }

    /// Where catalogue and bytes are kept.
    fn store(&self, _config: &mut Config) -> Result<(), Failure> {
        for (key, value, known) in [
            ("catalogue", &self.catalogue, "sqlite"),
            ("blobs", &self.blobs, "disk"),
        ] {
            if value != known {
                let message = format!("the setting `{key}` must be \"{known}\", not {value:?}");
                return Err(Failure::new(Exit::Usage, message));
            }
        }
        Ok(())
    }

    /// The label of the front end: the name of the machine when none was given.
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let system = rustix::system::uname();
            system.nodename().to_string_lossy().into_owned()
        })
    }

    fn inline(&self) -> Size {
        let own = Limits::default().inline_bytes as u64;
        let usual = if self.catalogue == "sqlite" { own } else { 0 };
        self.inline.unwrap_or(Size(usual))
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
