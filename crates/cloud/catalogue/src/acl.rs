//! Access control lists, and what they allow.

use serde::{Deserialize, Serialize};

use crate::Identity;

/// Grants on a bucket or an object. The owner's own rights are grants like the others, and can be taken
/// away; reading and writing the list itself cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Acl(
    /// The grants, in the order in which they were given.
    pub Vec<Grant>,
);

/// One right of one grantee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who has it.
    pub grantee: Grantee,
    /// What it allows.
    pub permission: Permission,
}

/// Who has a right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// An account, by its canonical user id.
    Account(String),
    /// Everybody.
    AllUsers,
    /// Everybody who has signed.
    AuthenticatedUsers,
    /// The service that writes access logs, which there is none of here.
    LogDelivery,
    /// The group whose only member is the system identity `aws-exec-read`.
    ExecRead,
    /// The group of the internal identity and the administrators.
    BundleRead,
}

/// What a grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Permission {
    /// Of a bucket to list it, of an object to read it.
    Read,
    /// Of a bucket to put and delete objects in it.
    Write,
    /// To read the ACL.
    ReadAcp,
    /// To change the ACL.
    WriteAcp,
    /// All four.
    FullControl,
}

/// The groups and their names on the wire.
const GROUPS: [(Grantee, &str); 5] = [
    (
        Grantee::AllUsers,
        "http://acs.amazonaws.com/groups/global/AllUsers",
    ),
    (
        Grantee::AuthenticatedUsers,
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    ),
    (
        Grantee::LogDelivery,
        "http://acs.amazonaws.com/groups/s3/LogDelivery",
    ),
    (
        Grantee::ExecRead,
        "http://acs.amazonaws.com/groups/s3/zateam",
    ),
    (
        Grantee::BundleRead,
        "http://acs.amazonaws.com/groups/s3/ec2-bundle",
    ),
];

/// The permissions and their names on the wire.
const PERMISSIONS: [(Permission, &str); 5] = [
    (Permission::Read, "READ"),
    (Permission::Write, "WRITE"),
    (Permission::ReadAcp, "READ_ACP"),
    (Permission::WriteAcp, "WRITE_ACP"),
    (Permission::FullControl, "FULL_CONTROL"),
];

impl Acl {
    /// The list that gives the owner everything and others nothing.
    pub fn private(owner: &str) -> Self {
        let grantee = Grantee::Account(owner.to_owned());
        Self(vec![Grant {
            grantee,
            permission: Permission::FullControl,
        }])
    }

    /// The canonical user ids of the accounts that have grants.
    pub fn accounts(&self) -> Vec<String> {
        let grants = self.0.iter();
        grants
            .filter_map(|grant| match &grant.grantee {
                Grantee::Account(id) => Some(id.clone()),
                _ => None,
            })
            .collect()
    }

    /// Adds a grant.
    #[must_use]
    pub fn and(mut self, grantee: Grantee, permission: Permission) -> Self {
        self.0.push(Grant {
            grantee,
            permission,
        });
        self
    }

    /// Whether the list gives something to everybody, signed or not.
    pub fn is_public(&self) -> bool {
        self.0.iter().any(|grant| grant.grantee.is_public())
    }

    /// The list without what it gives to everybody.
    #[must_use]
    pub fn without_public(mut self) -> Self {
        self.0.retain(|grant| !grant.grantee.is_public());
        self
    }

    /// Whether `caller` may do what `permission` says to something of `owner`, a canonical user id.
    pub fn allows(&self, caller: &Identity, owner: &str, permission: Permission) -> bool {
        let of_the_list = matches!(permission, Permission::ReadAcp | Permission::WriteAcp);
        if *caller == Identity::Internal || (of_the_list && caller.owns(owner)) {
            return true;
        }
        self.0
            .iter()
            .any(|grant| grant.permission.covers(permission) && grant.grantee.includes(caller))
    }
}

impl Grantee {
    /// The group with this URI; `None` for one that is not known.
    pub fn of_group(uri: &str) -> Option<Self> {
        let group = GROUPS.iter().find(|(_, name)| *name == uri);
        group.map(|(grantee, _)| grantee.clone())
    }

    /// The URI of the group; `None` for an account.
    pub fn group(&self) -> Option<&'static str> {
        let group = GROUPS.iter().find(|(grantee, _)| grantee == self);
        group.map(|(_, name)| *name)
    }

    fn is_public(&self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }

    fn includes(&self, who: &Identity) -> bool {
        match (self, who) {
            (Self::AllUsers, _) => true,
            (Self::AuthenticatedUsers, who) => *who != Identity::Anonymous,
            (Self::Account(id), who) => who.owns(id),
            (Self::ExecRead, who) => *who == Identity::ExecRead,
            (Self::BundleRead, Identity::User(user)) => user.admin,
            (Self::BundleRead | Self::LogDelivery, _) => false,
        }
    }
}

impl Permission {
    /// The permission with this name, such as `FULL_CONTROL`; `None` for one that is not known.
    pub fn parse(name: &str) -> Option<Self> {
        let found = PERMISSIONS.iter().find(|(_, known)| *known == name);
        found.map(|(permission, _)| *permission)
    }

    /// The name in requests and answers, such as `FULL_CONTROL`.
    pub fn as_str(self) -> &'static str {
        let found = PERMISSIONS
            .iter()
            .find(|(permission, _)| *permission == self);
        found.map_or("", |(_, name)| name)
    }

    fn covers(self, asked: Self) -> bool {
        self == asked || self == Self::FullControl
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Caller;

    fn user(id: &str, admin: bool) -> Identity {
        Identity::User(Caller {
            user_id: 1,
            user: "u".to_owned(),
            account: "111111111111".parse().unwrap(),
            account_name: "a".to_owned(),
            canonical_id: id.to_owned(),
            admin,
        })
    }

    #[test]
    fn groups_have_the_members_they_should() {
        use Permission::Read;
        let may = |grantee: Grantee, who: &Identity| {
            let acl = Acl(Vec::new()).and(grantee, Read);
            acl.allows(who, "owner", Read)
        };
        let (stranger, admin) = (user("x", false), user("y", true));
        let (anonymous, exec) = (Identity::Anonymous, Identity::ExecRead);
        assert!(may(Grantee::AllUsers, &anonymous) && may(Grantee::AllUsers, &exec));
        assert!(!may(Grantee::AuthenticatedUsers, &anonymous));
        assert!(may(Grantee::AuthenticatedUsers, &stranger));
        assert!(may(Grantee::ExecRead, &exec) && !may(Grantee::ExecRead, &admin));
        assert!(may(Grantee::BundleRead, &admin) && !may(Grantee::BundleRead, &exec));
        assert!(!may(Grantee::BundleRead, &stranger) && !may(Grantee::LogDelivery, &admin));
        assert!(may(Grantee::Account("x".to_owned()), &stranger));
        assert!(may(Grantee::LogDelivery, &Identity::Internal));
    }

    #[test]
    fn an_owner_without_grants_keeps_the_list_alone() {
        let owner = user("x", false);
        let acl = Acl::default();
        assert!(acl.allows(&owner, "x", Permission::WriteAcp));
        assert!(!acl.allows(&owner, "x", Permission::Read));
        assert!(!acl.allows(&user("y", true), "x", Permission::WriteAcp));
        assert!(Acl::private("x").allows(&owner, "x", Permission::Write));
    }

    #[test]
    fn names_come_back() {
        for (grantee, uri) in GROUPS {
            assert_eq!(Grantee::of_group(uri).as_ref(), Some(&grantee));
            assert_eq!(grantee.group(), Some(uri));
        }
        for (permission, name) in PERMISSIONS {
            assert_eq!(Permission::parse(name), Some(permission));
            assert_eq!(permission.as_str(), name);
        }
        assert_eq!(Grantee::Account("x".to_owned()).group(), None);
        assert_eq!(Permission::parse("OWN"), None);
    }
}
