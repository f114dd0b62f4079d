//! Buckets.

use crate::{Acl, BucketSettings, Owner};

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name, of which the whole cloud has only one.
    pub name: String,
    /// The number of the owner's account.
    pub account: String,
    /// The owner's account as answers show it.
    pub owner: Owner,
    /// Who may do what.
    pub acl: Acl,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// What its owner has set for it.
    pub settings: BucketSettings,
}

/// A bucket to be made. Its creation time is that of the unit of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBucket {
    /// The number of the owner's account.
    pub account: String,
    /// Who may do what.
    pub acl: Acl,
    /// What its maker has set for it.
    pub settings: BucketSettings,
}
