//! ACLs that have a name.

use super::acl::{Acl, Grantee, Permission};

/// An ACL that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannedAcl {
    /// `private`: the owner alone.
    Private,
    /// `public-read`: everybody may read.
    PublicRead,
    /// `public-read-write`: everybody may read and write.
    PublicReadWrite,
    /// `authenticated-read`: everybody who signs may read.
    AuthenticatedRead,
    /// `bucket-owner-read`: the bucket's owner may read.
    BucketOwnerRead,
    /// `bucket-owner-full-control`: the bucket's owner may do everything.
    BucketOwnerFullControl,
    /// `log-delivery-write`: the service that writes access logs may.
    LogDeliveryWrite,
    /// `aws-exec-read`: the cloud may read, to register and run images.
    AwsExecRead,
    /// `ec2-bundle-read`: the cloud may read, to bundle instances.
    Ec2BundleRead,
}

const NAMES: [(CannedAcl, &str); 9] = [
    (CannedAcl::Private, "private"),
    (CannedAcl::PublicRead, "public-read"),
    (CannedAcl::PublicReadWrite, "public-read-write"),
    (CannedAcl::AuthenticatedRead, "authenticated-read"),
    (CannedAcl::BucketOwnerRead, "bucket-owner-read"),
    (
        CannedAcl::BucketOwnerFullControl,
        "bucket-owner-full-control",
    ),
    (CannedAcl::LogDeliveryWrite, "log-delivery-write"),
    (CannedAcl::AwsExecRead, "aws-exec-read"),
    (CannedAcl::Ec2BundleRead, "ec2-bundle-read"),
];

impl CannedAcl {
    /// The ACL of this name; `None` for one that is not known.
    pub fn parse(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(canned, _)| *canned)
    }

    /// Whether the name is one of EC2's for machine images, which other stores than AWS do not know.
    pub fn is_foreign(self) -> bool {
        matches!(self, Self::AwsExecRead | Self::Ec2BundleRead)
    }

    /// The grants, for something of `owner` in a bucket of `bucket_owner`, both canonical user ids.
    pub fn grants(self, owner: &str, bucket_owner: &str) -> Acl {
        use Permission::{FullControl, Read, ReadAcp, Write};
        let acl = Acl::private(owner);
        let of_bucket = Grantee::Account(bucket_owner.to_owned());
        match self {
            Self::BucketOwnerRead | Self::BucketOwnerFullControl if owner == bucket_owner => acl,
            Self::Private => acl,
            Self::PublicRead => acl.and(Grantee::AllUsers, Read),
            Self::PublicReadWrite => acl
                .and(Grantee::AllUsers, Read)
                .and(Grantee::AllUsers, Write),
            Self::AuthenticatedRead => acl.and(Grantee::AuthenticatedUsers, Read),
            Self::BucketOwnerRead => acl.and(of_bucket, Read),
            Self::BucketOwnerFullControl => acl.and(of_bucket, FullControl),
            Self::LogDeliveryWrite => acl
                .and(Grantee::LogDelivery, Write)
                .and(Grantee::LogDelivery, ReadAcp),
            Self::AwsExecRead => acl.and(Grantee::ExecRead, Read),
            Self::Ec2BundleRead => acl.and(Grantee::BundleRead, Read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    #[test]
    fn only_one_canned_acl_lets_the_registration_read() {
        let readable = |name: &str| {
            let acl = CannedAcl::parse(name).unwrap().grants("owner", "bucket");
            acl.allows(&Identity::ExecRead, "owner", Permission::Read)
        };
        let all: Vec<_> = NAMES.iter().filter(|(_, name)| readable(name)).collect();
        let names: Vec<_> = all.iter().map(|(_, name)| *name).collect();
        // The system identity is an identity, so that what is open to all of those is open to it.
        assert_eq!(
            names,
            [
                "public-read",
                "public-read-write",
                "authenticated-read",
                "aws-exec-read"
            ]
        );
        assert_eq!(CannedAcl::parse("owner-read"), None);
    }
}
