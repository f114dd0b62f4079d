//! The ACL that a request asks for.

use gumnut_cloud_catalogue::{
    AccountName, Acl, CannedAcl, Grant, Grantee, KnownAccounts, Permission,
};

use crate::error::ObjectError;

/// The ACL that a request asks for, as far as the request alone shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AclRequest {
    /// None: the owner alone has rights.
    #[default]
    Default,
    /// A canned ACL.
    Canned(CannedAcl),
    /// These grants and no others.
    Grants(Vec<(GranteeName, Permission)>),
}

/// A grantee as requests name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GranteeName {
    /// A canonical user id.
    Id(String),
    /// The e-mail address of an account, in any case.
    Email(String),
    /// The URI of a group.
    Group(String),
}

impl AclRequest {
    /// The accounts that have to be looked up before [`AclRequest::resolve`].
    pub(crate) fn account_names(&self) -> Vec<AccountName> {
        let Self::Grants(grants) = self else {
            return Vec::new();
        };
        grants
            .iter()
            .filter_map(|(grantee, _)| grantee.account_name())
            .collect()
    }

    /// The ACL, for something of `owner` in a bucket of `bucket_owner`, both canonical user ids.
    pub(crate) fn resolve(
        &self,
        known: &KnownAccounts,
        owner: &str,
        bucket_owner: &str,
    ) -> Result<Acl, ObjectError> {
        let grants = match self {
            Self::Default => return Ok(Acl::private(owner)),
            Self::Canned(canned) => return Ok(canned.grants(owner, bucket_owner)),
            Self::Grants(grants) => grants,
        };
        let mut acl = Acl::default();
        for (name, permission) in grants {
            acl.0.push(Grant {
                grantee: name.resolve(known)?,
                permission: *permission,
            });
        }
        Ok(acl)
    }
}

impl GranteeName {
    /// The account that has to be looked up; `None` for a group.
    fn account_name(&self) -> Option<AccountName> {
        match self {
            Self::Id(id) => Some(AccountName::Id(id.clone())),
            Self::Email(address) => Some(AccountName::Email(address.clone())),
            Self::Group(_) => None,
        }
    }

    fn resolve(&self, known: &KnownAccounts) -> Result<Grantee, ObjectError> {
        let account = self
            .account_name()
            .and_then(|name| known.get(&name).cloned());
        match (self, account) {
            (Self::Id(_) | Self::Email(_), Some(owner)) => Ok(Grantee::Account(owner.id)),
            (Self::Id(_), None) => Err(ObjectError::argument("Invalid id")),
            (Self::Email(_), None) => Err(ObjectError::UnresolvableGrant),
            (Self::Group(uri), _) => {
                Grantee::of_group(uri).ok_or_else(|| ObjectError::argument("Invalid group uri"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn resolve(grantee: GranteeName) -> Result<Acl, ObjectError> {
        let request = AclRequest::Grants(vec![(grantee, Permission::Read)]);
        request.resolve(&fixture::known_accounts(), "owner", "bucket-owner")
    }

    fn email(address: &str) -> GranteeName {
        GranteeName::Email(address.to_owned())
    }

    #[test]
    fn accounts_that_are_known_become_grantees() {
        let of_bob = Acl::default().and(Grantee::Account("bob-id".to_owned()), Permission::Read);
        assert_eq!(resolve(email("bob@example.org")).unwrap(), of_bob);
        let id = GranteeName::Id("bob-id".to_owned());
        assert_eq!(resolve(id).unwrap(), of_bob);
    }

    #[test]
    fn grantees_that_there_are_not() {
        let nobody = resolve(email("nobody@example.org")).unwrap_err();
        assert_eq!(nobody.code(), "UnresolvableGrantByEmailAddress");
        let id = GranteeName::Id("nobody".to_owned());
        assert_eq!(resolve(id).unwrap_err().to_string(), "Invalid id");
        let group = resolve(GranteeName::Group("http://example.org".to_owned()));
        assert_eq!(group.unwrap_err().to_string(), "Invalid group uri");
    }

    #[test]
    fn requests_without_grants_ask_for_no_accounts() {
        let canned = AclRequest::Canned(CannedAcl::PublicRead);
        assert!(
            canned.account_names().is_empty() && AclRequest::Default.account_names().is_empty()
        );
        let acl = canned.resolve(&KnownAccounts::default(), "owner", "owner");
        assert!(acl.unwrap().is_public());
        let acl = AclRequest::Default.resolve(&KnownAccounts::default(), "owner", "other");
        assert_eq!(acl.unwrap(), Acl::private("owner"));
    }
}
