//! Canned access control lists.

use std::fmt;
use std::str::FromStr;

use gumnut_transport::TransportError;

/// A canned access control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CannedAcl {
    /// The owner alone.
    Private,
    /// Everybody may read.
    PublicRead,
    /// Everybody may read and write.
    PublicReadWrite,
    /// Everybody with an account may read.
    AuthenticatedRead,
    /// The bucket's owner may read.
    BucketOwnerRead,
    /// The bucket's owner may do everything.
    BucketOwnerFullControl,
    /// The cloud may read, to register and start images. What bundles are uploaded with.
    AwsExecRead,
    /// The cloud's bundling service may read.
    Ec2BundleRead,
}

/// The text names no canned access control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown ACL: use aws-exec-read, ec2-bundle-read, private, public-read, public-read-write, \
         authenticated-read, bucket-owner-read or bucket-owner-full-control"
)]
pub struct AclError;

const NAMES: [(CannedAcl, &str); 8] = [
    (CannedAcl::Private, "private"),
    (CannedAcl::PublicRead, "public-read"),
    (CannedAcl::PublicReadWrite, "public-read-write"),
    (CannedAcl::AuthenticatedRead, "authenticated-read"),
    (CannedAcl::BucketOwnerRead, "bucket-owner-read"),
    (
        CannedAcl::BucketOwnerFullControl,
        "bucket-owner-full-control",
    ),
    (CannedAcl::AwsExecRead, "aws-exec-read"),
    (CannedAcl::Ec2BundleRead, "ec2-bundle-read"),
];

impl CannedAcl {
    /// Whether a store says that it knows no such ACL.
    pub fn is_refused_by(error: &TransportError) -> bool {
        let codes = [
            "AccessControlListNotSupported",
            "InvalidArgument",
            "NotImplemented",
        ];
        error
            .refusal()
            .is_some_and(|refusal| codes.contains(&refusal.code.as_str()))
    }

    /// The name in requests.
    pub fn as_str(self) -> &'static str {
        NAMES
            .iter()
            .find(|(acl, _)| *acl == self)
            .map_or("", |(_, name)| name)
    }
}

impl FromStr for CannedAcl {
    type Err = AclError;

    fn from_str(text: &str) -> Result<Self, AclError> {
        NAMES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(acl, _)| *acl)
            .ok_or(AclError)
    }
}

impl fmt::Display for CannedAcl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_itself() {
        for (acl, name) in NAMES {
            assert_eq!(name.parse(), Ok(acl));
            assert_eq!(acl.to_string(), name);
        }
        assert_eq!("none".parse::<CannedAcl>(), Err(AclError));
    }
}
