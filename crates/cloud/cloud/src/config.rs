//! What a cloud is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gumnut_cloud_accounts::{MasterKeyFile, SecretFiles, Tls};
use gumnut_cloud_catalogue::{Clock, ImageRules};
use gumnut_cloud_objects::ObjectLimits;
use gumnut_cloud_s3::RefuseAcl;

use crate::CloudError;

/// The port that clients of a Eucalyptus cloud assume.
const PORT: u16 = 8773;

/// What a cloud is started with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The directory with everything that the cloud keeps. Made when it is not there.
    pub data_dir: PathBuf,
    /// Where the catalogue is; in the data directory when nothing else is said.
    pub catalogue: CatalogueSource,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be anything but a loopback address, which needs `tls` too.
    pub allow_remote: bool,
    /// Speak HTTPS, and how; plain HTTP without.
    pub tls: Option<Tls>,
    /// The name or address that clients use. Without one it is that of `listen`, and this machine's name where that
    /// is no address to go to.
    pub host: Option<String>,
    /// The file with the key that the secrets in the catalogue are encrypted with, 32 bytes; `None` for one in the data directory,
    /// which the first start makes.
    pub master_key: Option<PathBuf>,
    /// Where the bytes of objects are.
    pub blobs: BlobsSource,
    /// The clock that decides on signatures, ids and dates.
    pub clock: Clock,
    /// Bounds on what is stored and asked.
    pub limits: Limits,
    /// How images are registered and shown: which cloud is played.
    pub images: ImageRules,
    /// What the cloud is called: the regions that signatures of version 4 may be for, beside those of clients that know none. Any
    /// region is accepted when it has no names.
    pub regions: Vec<String>,
    /// Domains in front of which a host name has a bucket, `BUCKET.DOMAIN`; `localhost` when nothing else is said.
    pub domains: Vec<String>,
    /// Takes bucket names of up to 255 characters that DNS would not, as Eucalyptus can; in the profiles of Eucalyptus they are
    /// taken in any case.
    pub extended_bucket_names: bool,
    /// Refuses `x-amz-acl`, as some stores do, so that an uploader's way out can be tested.
    pub refuse_acl: Option<RefuseAcl>,
    /// How long `shutdown` waits for running requests.
    pub grace: Duration,
    /// How long a cloud that ends says so, and answers requests anyway, so that a load balancer sends them elsewhere.
    pub drain: Duration,
    /// Runs instances on this computer, and how many; without, requests to run them are refused. Needs qemu, and everything in the data
    /// directory.
    pub instances: Option<InstancesConfig>,
    /// What this front end is called among those of a cloud, in metrics, in the log and as the owner of leases; `None` for the name of
    /// the machine.
    pub name: Option<String>,
}

/// How instances are run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstancesConfig {
    /// Most instances at a time.
    pub max: u32,
    /// A kernel and a ramdisk for machines whose own kernel is for Xen alone: their ids.
    pub replacement_kernel: Option<(String, Option<String>)>,
}

impl Default for InstancesConfig {
    /// Four instances, and no kernel in the place of another.
    fn default() -> Self {
        Self {
            max: 4,
            replacement_kernel: None,
        }
    }
}

/// Where the catalogue of a cloud is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum CatalogueSource {
    /// In a SQLite file in the data directory.
    #[default]
    Sqlite,
    /// In a PostgreSQL database, which several front ends share.
    #[cfg(feature = "postgres")]
    Postgres(Box<gumnut_cloud_postgres::PostgresConfig>),
}

impl CatalogueSource {
    /// How long PostgreSQL may take for a statement, unless something else is said.
    pub const STATEMENT_TIME: Duration = Duration::from_secs(10);

    /// Reads `sqlite`, or a URL such as `postgres:///gumnut?host=/run/postgresql`. Its password is in `password_file`; `None` for a login
    /// without a password.
    ///
    /// # Errors
    /// [`CloudError::CatalogueSource`] for anything else, and for PostgreSQL without the feature `postgres`.
    pub fn parse(text: &str, password_file: Option<&Path>) -> Result<Self, CloudError> {
        let wrong = |reason: &str| CloudError::CatalogueSource {
            text: without_password(text),
            reason: reason.to_owned(),
        };
        if text == "sqlite" {
            return match password_file {
                None => Ok(Self::Sqlite),
                Some(_) => Err(wrong("SQLite has no password")),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(wrong("use sqlite or a URL that begins with postgres://"));
        }
        #[cfg(feature = "postgres")]
        {
            let config = gumnut_cloud_postgres::PostgresConfig::parse(text)?;
            let config = match password_file {
                Some(path) => config.password_file(path),
                None => config,
            };
            Ok(Self::Postgres(Box::new(config)))
        }
        #[cfg(not(feature = "postgres"))]
        Err(wrong("this program was built without PostgreSQL"))
    }

    /// Lets PostgreSQL take so long for a statement. Without an answer a little later a request is answered with 503. It has no effect
    /// on SQLite.
    #[must_use]
    pub fn statement_time(self, most: Duration) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(config) => Self::Postgres(Box::new(config.statement_time(most))),
        }
    }
}

/// A text of which a message shows no more than what is before a user name.
fn without_password(text: &str) -> String {
    match text.split_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => text.to_owned(),
    }
}

/// Where the bytes of objects are.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum BlobsSource {
    /// In files of the data directory.
    #[default]
    Disk,
    /// In a bucket of any S3 store, which several front ends may share. It needs the feature `bucket`.
    #[cfg(feature = "bucket")]
    Bucket(Box<gumnut_cloud_bucket::BucketConfig>),
}

impl BlobsSource {
    /// What `disk` or `s3://BUCKET...` stands for. A bucket needs `keys`, a file with its keys.
    ///
    /// # Errors
    /// [`CloudError::Blobs`] with what is wrong with the URL or the file, or when this program was built without the feature
    /// `bucket`.
    pub fn parse(text: &str, keys: Option<&Path>) -> Result<Self, CloudError> {
        if text == "disk" {
            return Ok(Self::Disk);
        }
        Self::bucket(text, keys)
    }

    #[cfg(feature = "bucket")]
    fn bucket(text: &str, keys: Option<&Path>) -> Result<Self, CloudError> {
        let url = text.parse().map_err(gumnut_cloud_bucket::BucketError::Url);
        let config = gumnut_cloud_bucket::BucketConfig {
            url: url.map_err(CloudError::blobs)?,
            keys: gumnut_cloud_bucket::BucketKeys::read(keys.ok_or(CloudError::NoBlobsKey)?)
                .map_err(CloudError::blobs)?,
            cluster: None,
        };
        Ok(Self::Bucket(Box::new(config)))
    }

    #[cfg(not(feature = "bucket"))]
    fn bucket(_text: &str, _keys: Option<&Path>) -> Result<Self, CloudError> {
        let without = "this program was built without the feature `bucket`";
        Err(CloudError::Blobs {
            fault: gumnut_types::Fault::Usage,
            source: without.into(),
        })
    }
}

/// Bounds on what is stored and asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Most buckets of an account. Eucalyptus 4 allows 100.
    pub buckets: u32,
    /// Largest object or part that one PUT may bring, in bytes.
    pub put_bytes: u64,
    /// Largest object that parts may make up, in bytes.
    pub object_bytes: u64,
    /// Smallest part that is not the last of its object, in bytes.
    pub part_bytes: u64,
    /// How long a multipart upload may take; then it is aborted.
    pub upload_time: Duration,
    /// Largest object whose bytes are kept in the catalogue, in bytes, at most [`Limits::MAX_INLINE_BYTES`]; 0 keeps all bytes in
    /// files. It is for objects that are put from now on.
    pub inline_bytes: usize,
    /// Largest body that is held in memory, XML and forms, in bytes.
    pub document_bytes: usize,
    /// Most bytes of such bodies that are held in memory at a time; a quarter is for requests without a good signature.
    pub held_bytes: usize,
    /// Largest head of a request, in bytes.
    pub head_bytes: usize,
    /// Most requests that are worked on at a time; the others wait for `patience` and then get status 503.
    pub requests: usize,
    /// Most connections at a time; when there are more, the one that has been idle longest is closed.
    pub connections: usize,
    /// Most connections of one client at a time, by its address.
    pub connections_per_client: usize,
    /// How long a client may take for the TLS handshake, and for the head of a request.
    pub head_time: Duration,
    /// How long a client may take to send a document, and to take a piece of an answer.
    pub patience: Duration,
    /// Least bytes of a body that must come while we wait for `patience`.
    pub pace: u64,
}

impl Limits {
    /// The largest value of [`Limits::inline_bytes`], 64 KiB: databases handle longer rows badly.
    pub const MAX_INLINE_BYTES: usize = ObjectLimits::MAX_INLINE_BYTES;

    /// Those that the object store has.
    pub(crate) fn of_objects(&self) -> ObjectLimits {
        let mut of_objects = ObjectLimits::default();
        of_objects.buckets = self.buckets;
        of_objects.put_bytes = self.put_bytes;
        of_objects.object_bytes = self.object_bytes;
        of_objects.part_bytes = self.part_bytes;
        of_objects.upload_time = self.upload_time;
        of_objects.inline_bytes = self.inline_bytes;
        of_objects
    }
}

impl Config {
    /// A cloud on this machine's loopback address, at the usual port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            catalogue: CatalogueSource::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            allow_remote: false,
            tls: None,
            host: None,
            master_key: None,
            blobs: BlobsSource::default(),
            clock: Clock::system(),
            limits: Limits::default(),
            images: ImageRules::default(),
            regions: Vec::new(),
            domains: vec!["localhost".to_owned()],
            extended_bucket_names: false,
            refuse_acl: None,
            grace: Duration::from_secs(10),
            drain: Duration::ZERO,
            instances: None,
            name: None,
        }
    }
}

impl Config {
    /// Whether catalogue and objects are in the data directory, so that no other front end uses them.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.catalogue, CatalogueSource::Sqlite) && matches!(self.blobs, BlobsSource::Disk)
    }

    /// Where clients find a cloud that is started so: `http://127.0.0.1:8773`.
    pub fn endpoint(&self) -> String {
        self.endpoint_at(self.listen.port())
    }

    /// The files that the secrets of the cloud need.
    pub(crate) fn secret_files(&self) -> SecretFiles {
        let own = SecretFiles::in_data_dir(&self.data_dir);
        let given = self.master_key.clone().map(MasterKeyFile::Given);
        SecretFiles {
            master_key: given.unwrap_or(own.master_key),
            ..own
        }
    }

    /// Where clients find a cloud that is started so and was given this port.
    pub(crate) fn endpoint_at(&self, port: u16) -> String {
        format!("{}://{}", self.scheme(), self.host().with_port(port))
    }

    /// How URLs of the cloud begin.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The name or address that clients use.
    pub(crate) fn host(&self) -> Host {
        if let Some(host) = &self.host {
            return Host::parse(host);
        }
        if !self.listen.ip().is_unspecified() {
            return Host::Ip(self.listen.ip());
        }
        Host::Name(machine())
    }

    /// What this front end is called.
    pub(crate) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(machine)
    }
}

/// The name of this machine.
fn machine() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// A name or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    Ip(IpAddr),
}

impl Host {
    fn parse(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Ip)
    }

    /// As in a URL.
    pub(crate) fn with_port(&self, port: u16) -> String {
        match self {
            Self::Name(name) => format!("{name}:{port}"),
            Self::Ip(ip) => SocketAddr::new(*ip, port).to_string(),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buckets: 100,
            put_bytes: 5 << 30,
            object_bytes: 5 << 40,
            part_bytes: 5 << 20,
            upload_time: Duration::from_hours(7 * 24),
            inline_bytes: 16 << 10,
            document_bytes: 2 << 20,
            held_bytes: 64 << 20,
            head_bytes: 64 << 10,
            requests: 256,
            connections: 1024,
            connections_per_client: 512,
            head_time: Duration::from_secs(30),
            patience: Duration::from_mins(1),
            pace: 64 << 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_an_address_that_they_can_go_to() {
        let mut config = Config::new("data");
        let at = |config: &Config| config.host().with_port(8773);
        assert_eq!(at(&config), "127.0.0.1:8773");
        config.listen = "[::1]:0".parse().unwrap();
        assert_eq!(at(&config), "[::1]:8773");
        config.listen = "0.0.0.0:0".parse().unwrap();
        let name = rustix::system::uname();
        let name = name.nodename().to_str().unwrap();
        assert_eq!(at(&config), format!("{name}:8773"));
        config.host = Some("cloud.example".to_owned());
        assert_eq!(at(&config), "cloud.example:8773");
        config.host = Some("fd00::1".to_owned());
        assert_eq!(at(&config), "[fd00::1]:8773");
    }
}
