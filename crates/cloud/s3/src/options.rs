//! What an S3 front end is set up with.

use std::time::Duration;

use gumnut_cloud_accounts::Regions;
use gumnut_cloud_catalogue::Clock;
use gumnut_cloud_http::BodyBudget;
use gumnut_cloud_objects::IfExists;

/// What an S3 front end is set up with.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// The clock that signatures are checked by.
    pub clock: Clock,
    /// The regions that signatures of version 4 may be for.
    pub regions: Regions,
    /// Domains in front of which a host name has a bucket: `BUCKET.DOMAIN`.
    pub domains: Vec<String>,
    /// Takes bucket names of up to 255 characters that DNS would not, as Eucalyptus can.
    pub extended_bucket_names: bool,
    /// Names that no bucket gets, because paths of the cloud itself would hide it.
    pub hidden_buckets: Vec<String>,
    /// What is said to the owner of a bucket who makes it again.
    pub existing_bucket: IfExists,
    /// How canned ACLs are refused; `None`: they are taken.
    pub refuse_acl: Option<RefuseAcl>,
    /// Largest document that is held in memory, in bytes.
    pub document_bytes: usize,
    /// How many bytes of documents are held in memory at a time.
    pub budget: BodyBudget,
    /// How long a client may take to send a document, or the fields of a form.
    pub patience: Duration,
}

/// How a canned ACL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseAcl {
    /// All of them, `AccessControlListNotSupported`: buckets of AWS made since April 2023.
    Always,
    /// Those that are not of S3 itself, `InvalidArgument`: Ceph's gateway.
    Foreign,
}

impl Default for S3Options {
    /// As S3 has it: the system's clock, hosts in front of `localhost`, names that DNS takes, documents
    /// of up to 2 MiB that come within a minute, and together up to 64 MiB of them.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            regions: Regions::default(),
            domains: vec!["localhost".to_owned()],
            extended_bucket_names: false,
            hidden_buckets: Vec::new(),
            existing_bucket: IfExists::AcceptIfOwned,
            refuse_acl: None,
            document_bytes: 2 << 20,
            budget: BodyBudget::new(64 << 20),
            patience: Duration::from_mins(1),
        }
    }
}
