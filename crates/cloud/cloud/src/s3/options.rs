//! What an S3 front end is set up with.

use std::time::Duration;

use crate::Clock;
use crate::store::Again;

/// What an S3 front end is set up with.
#[derive(Clone, Debug)]
pub(crate) struct S3Options {
    /// The clock that signatures are checked by.
    pub(crate) clock: Clock,
    /// Domains in front of which a host name has a bucket: `BUCKET.DOMAIN`.
    pub(crate) domains: Vec<String>,
    /// Takes bucket names of up to 255 characters that DNS would not, as Eucalyptus can.
    pub(crate) extended_bucket_names: bool,
    /// What is said to the owner of a bucket who makes it again.
    pub(crate) existing_bucket: Again,
    /// How canned ACLs are refused; `None`: they are taken.
    pub(crate) refuse_acl: Option<RefuseAcl>,
    /// Largest object or part that one PUT may bring, in bytes.
    pub(crate) put_bytes: u64,
    /// Largest document that is held in memory, in bytes.
    pub(crate) document_bytes: usize,
    /// How long a client may take to send a document or a form.
    pub(crate) patience: Duration,
}

/// How a canned ACL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseAcl {
    /// All of them, `AccessControlListNotSupported`: buckets of AWS made since April 2023.
    Always,
    /// Those that are not of S3 itself, `InvalidArgument`: Ceph's gateway.
    Foreign,
}
