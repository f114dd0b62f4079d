//! The ACL that a request asks for.

use rusqlite::Connection;

use super::StoreError;
use super::{Acl, CannedAcl, Grant, Grantee, Permission};
use crate::catalogue::{Owner, identities};

/// The ACL that a request asks for, as far as the request alone can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AclRequest {
    /// Nothing: the owner alone has rights.
    #[default]
    Default,
    /// A canned ACL.
    Canned(CannedAcl),
    /// These grants and no others.
    Grants(Vec<(GranteeName, Permission)>),
}

/// A grantee as requests name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GranteeName {
    /// An owner id.
    Id(String),
    /// The address of an account.
    Email(String),
    /// The URI of a group.
    Group(String),
}

impl AclRequest {
    /// The list, for something of `owner` in a bucket of `bucket_owner`, both owner ids.
    pub(crate) fn resolve(
        self,
        connection: &Connection,
        owner: &str,
        bucket_owner: &str,
    ) -> Result<Acl, StoreError> {
        let grants = match self {
            Self::Default => return Ok(Acl::private(owner)),
            Self::Canned(canned) => return Ok(canned.grants(owner, bucket_owner)),
            Self::Grants(grants) => grants,
        };
        let grants = grants.into_iter().map(|(name, permission)| {
            let grantee = name.resolve(connection)?;
            Ok(Grant {
                grantee,
                permission,
            })
        });
        grants.collect::<Result<_, StoreError>>().map(Acl)
    }
}

impl GranteeName {
    fn resolve(self, connection: &Connection) -> Result<Grantee, StoreError> {
        let account = |owner: Option<Owner>| owner.map(|owner| Grantee::Account(owner.id));
        let unknown = || StoreError::argument("Invalid id");
        match self {
            Self::Id(id) => account(identities::by_owner_id(connection, &id)?).ok_or_else(unknown),
            Self::Email(email) => account(identities::by_email(connection, &email)?)
                .ok_or(StoreError::UnresolvableGrant),
            Self::Group(uri) => {
                Grantee::of_group(&uri).ok_or_else(|| StoreError::argument("Invalid group uri"))
            }
        }
    }
}
