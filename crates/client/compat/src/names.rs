//! The names that gumnut answers to.

use std::ffi::OsString;
use std::process::ExitCode;

use super::dialect::{Dialect, Family};
use super::tool::start;
use super::{
    attributes, bucket, bundle, delete, describe, download, groups, instances, key_pairs, migrate,
    publish, register, run, stream, types, unbundle, upload, volume,
};

/// A name with what runs under it.
pub(super) struct Name {
    pub(super) text: &'static str,
    pub(super) family: Family,
    pub(super) start: fn(&'static str, Dialect, Vec<OsString>) -> ExitCode,
}

const fn euca(
    text: &'static str,
    start: fn(&'static str, Dialect, Vec<OsString>) -> ExitCode,
) -> Name {
    Name {
        text,
        family: Family::Euca,
        start,
    }
}

const fn ec2(
    text: &'static str,
    start: fn(&'static str, Dialect, Vec<OsString>) -> ExitCode,
) -> Name {
    Name {
        text,
        family: Family::Ec2,
        start,
    }
}

/// Every name, sorted.
pub(super) const NAMES: [Name; 45] = [
    ec2("ec2-bundle-image", start::<bundle::BundleImage>),
    ec2("ec2-bundle-vol", start::<volume::BundleVolume>),
    ec2("ec2-delete-bundle", start::<delete::DeleteBundle>),
    ec2("ec2-download-bundle", start::<download::DownloadBundle>),
    ec2("ec2-migrate-bundle", start::<migrate::MigrateBundle>),
    ec2("ec2-migrate-manifest", start::<migrate::MigrateManifest>),
    ec2("ec2-unbundle", start::<unbundle::Unbundle>),
    ec2("ec2-upload-bundle", start::<upload::UploadBundle>),
    euca("euca-add-group", start::<groups::CreateGroup>),
    euca("euca-add-keypair", start::<key_pairs::CreateKeyPair>),
    euca("euca-authorize", start::<groups::Authorize>),
    euca(
        "euca-bundle-and-upload-image",
        start::<publish::BundleAndUpload>,
    ),
    euca("euca-bundle-image", start::<bundle::BundleImage>),
    euca("euca-bundle-upload", start::<upload::UploadBundle>),
    euca("euca-bundle-vol", start::<volume::BundleVolume>),
    euca("euca-check-bucket", start::<bucket::CheckBucket>),
    euca("euca-create-group", start::<groups::CreateGroup>),
    euca("euca-create-keypair", start::<key_pairs::CreateKeyPair>),
    euca("euca-delete-bundle", start::<delete::DeleteBundle>),
    euca("euca-delete-group", start::<groups::DeleteGroup>),
    euca("euca-delete-keypair", start::<key_pairs::DeleteKeyPair>),
    euca("euca-deregister", start::<register::Deregister>),
    euca(
        "euca-describe-availability-zones",
        start::<types::DescribeZones>,
    ),
    euca("euca-describe-group", start::<groups::DescribeGroups>),
    euca("euca-describe-groups", start::<groups::DescribeGroups>),
    euca(
        "euca-describe-image-attribute",
        start::<attributes::DescribeAttribute>,
    ),
    euca("euca-describe-images", start::<describe::DescribeImages>),
    euca(
        "euca-describe-instance-types",
        start::<types::DescribeInstanceTypes>,
    ),
    euca(
        "euca-describe-instances",
        start::<instances::DescribeInstances>,
    ),
    euca(
        "euca-describe-keypairs",
        start::<key_pairs::DescribeKeyPairs>,
    ),
    euca(
        "euca-download-and-unbundle",
        start::<unbundle::DownloadAndUnbundle>,
    ),
    euca("euca-download-bundle", start::<download::DownloadBundle>),
    euca(
        "euca-get-console-output",
        start::<instances::GetConsoleOutput>,
    ),
    euca("euca-import-keypair", start::<key_pairs::ImportKeyPair>),
    euca("euca-install-image", start::<publish::InstallImage>),
    euca(
        "euca-modify-image-attribute",
        start::<attributes::ModifyAttribute>,
    ),
    euca("euca-reboot-instances", start::<instances::RebootInstances>),
    euca("euca-register", start::<register::Register>),
    euca(
        "euca-reset-image-attribute",
        start::<attributes::ResetAttribute>,
    ),
    euca("euca-revoke", start::<groups::Revoke>),
    euca("euca-run-instances", start::<run::RunInstances>),
    euca(
        "euca-terminate-instances",
        start::<instances::TerminateInstances>,
    ),
    euca("euca-unbundle", start::<unbundle::Unbundle>),
    euca("euca-unbundle-stream", start::<stream::UnbundleStream>),
    euca("euca-upload-bundle", start::<upload::UploadBundle>),
];

/// The name of this text.
pub(super) fn find(text: &str) -> Option<&'static Name> {
    NAMES.iter().find(|name| name.text == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_distinct() {
        assert!(NAMES.is_sorted_by(|one, other| one.text < other.text));
        assert!(find("euca-register").is_some() && find("gumnut").is_none());
    }
}
