//! What a cloud is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::{Clock, ImageRules};

/// The port that clients of a Eucalyptus cloud assume.
const PORT: u16 = 8773;

/// What a cloud is started with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The folder with everything that the cloud keeps. Made when it is not there.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be anything but a loopback address: the protocol is plain HTTP.
    pub allow_remote: bool,
    /// The clock that decides on signatures, ids and dates.
    pub clock: Clock,
    /// Bounds on what is stored and asked.
    pub limits: Limits,
    /// How images are registered and shown: which cloud is played.
    pub images: ImageRules,
    /// Domains in front of which a host name has a bucket, `BUCKET.DOMAIN`; `localhost` when nothing else is said.
    pub domains: Vec<String>,
    /// Takes bucket names of up to 255 characters that DNS would not, as Eucalyptus can.
    pub extended_bucket_names: bool,
    /// Refuses `x-amz-acl`, as some stores do, so that an uploader's way out can be tested.
    pub refuse_acl: Option<RefuseAcl>,
    /// How long `shutdown` waits for running requests.
    pub grace: Duration,
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
    /// Largest body that is held in memory, XML and forms, in bytes.
    pub document_bytes: usize,
    /// Largest head of a request, in bytes.
    pub head_bytes: usize,
    /// Most requests that are worked on at a time; the others wait.
    pub requests: usize,
}

/// How a canned ACL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseAcl {
    /// All of them, `AccessControlListNotSupported`: buckets of AWS made since April 2023.
    Always,
    /// Those that are not of S3 itself, `InvalidArgument`: Ceph's gateway.
    Foreign,
}

impl Config {
    /// A cloud on this machine's loopback address, at the usual port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            allow_remote: false,
            clock: Clock::system(),
            limits: Limits::default(),
            images: ImageRules::default(),
            domains: vec!["localhost".to_owned()],
            extended_bucket_names: false,
            refuse_acl: None,
            grace: Duration::from_secs(10),
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
            document_bytes: 2 << 20,
            head_bytes: 64 << 10,
            requests: 256,
        }
    }
}
