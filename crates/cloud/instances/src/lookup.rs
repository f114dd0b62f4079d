//! What instances are launched with and does not belong to them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gumnut_cloud_catalogue::{Caller, GroupName, LaunchKey};

use crate::error::InstanceError;
use crate::groups::{GroupRef, Groups};
use crate::key_pairs::KeyPairs;

/// Finds what belongs to the account of a caller.
#[async_trait]
pub trait LaunchLookup: fmt::Debug + Send + Sync {
    /// Finds the same, and changes nothing: the group `default` is created when it is looked for first.
    fn dry_run(&self) -> Arc<dyn LaunchLookup>;

    /// The public half of the key pair with this name.
    async fn key(&self, caller: &Caller, name: &str) -> Result<LaunchKey, InstanceError>;

    /// The security groups with these names and ids, each once; the one that is called `default` when there are none.
    async fn groups(
        &self,
        caller: &Caller,
        names: &[String],
        ids: &[String],
    ) -> Result<Vec<GroupName>, InstanceError>;
}

/// The key pairs and security groups of accounts.
#[derive(Clone, Debug)]
pub struct AccountLookup {
    key_pairs: KeyPairs,
    groups: Groups,
}

impl AccountLookup {
    /// Looks for keys and groups among these.
    pub fn new(key_pairs: KeyPairs, groups: Groups) -> Self {
        Self { key_pairs, groups }
    }
}

#[async_trait]
impl LaunchLookup for AccountLookup {
    fn dry_run(&self) -> Arc<dyn LaunchLookup> {
        Arc::new(Self {
            key_pairs: self.key_pairs.clone(),
            groups: self.groups.dry_run(),
        })
    }

    async fn key(&self, caller: &Caller, name: &str) -> Result<LaunchKey, InstanceError> {
        let found = self.key_pairs.find(caller, name).await?;
        Ok(LaunchKey {
            public: format!("{} {}", found.public, found.name),
            name: found.name,
        })
    }

    async fn groups(
        &self,
        caller: &Caller,
        names: &[String],
        ids: &[String],
    ) -> Result<Vec<GroupName>, InstanceError> {
        let names = names.iter().cloned().map(GroupRef::Name);
        let ids = ids.iter().cloned().map(GroupRef::Id);
        let wanted: Vec<_> = names.chain(ids).collect();
        let found = self.groups.resolve(caller, &wanted).await?;
        let found = found.into_iter();
        Ok(found.map(|group| GroupName(group.id, group.name)).collect())
    }
}
