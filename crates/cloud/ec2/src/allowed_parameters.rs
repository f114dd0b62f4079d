//! Which parameters a call has.

use gumnut_cloud_catalogue::Profile;

use crate::action::Action;
use crate::dry_run;
use crate::parameters::Parameters;

/// Parameters of every call.
const COMMON: [&str; 10] = [
    "AWSAccessKeyId",
    "Action",
    "Expires",
    "Operation",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// The parameters of a call; `N` is any number, and a `*` at the end anything.
fn of_call(action: Action) -> &'static [&'static str] {
    match action {
        Action::RegisterImage => &[
            "Architecture",
            "BlockDeviceMapping.N.*",
            "Description",
            "ImageLocation",
            "KernelId",
            "Name",
            "Platform",
            "RamdiskId",
            "RootDeviceName",
            "SriovNetSupport",
            "VirtualizationType",
        ],
        Action::DescribeImages => &[
            "ExecutableBy",
            "ExecutableBy.N",
            "Filter.N.Name",
            "Filter.N.Value.N",
            "ImageId",
            "ImageId.N",
            "MaxResults",
            "NextToken",
            "Owner",
            "Owner.N",
        ],
        Action::DeregisterImage => &["ImageId"],
        Action::DescribeImageAttribute | Action::ResetImageAttribute => &["Attribute", "ImageId"],
        Action::ModifyImageAttribute => &[
            "Attribute",
            "Description",
            "Description.Value",
            "Group",
            "Group.N",
            "ImageId",
            "LaunchPermission.Add.N.Group",
            "LaunchPermission.Add.N.UserId",
            "LaunchPermission.Remove.N.Group",
            "LaunchPermission.Remove.N.UserId",
            "OperationType",
            "ProductCode",
            "ProductCode.N",
            "UserGroup",
            "UserGroup.N",
            "UserId",
            "UserId.N",
        ],
        Action::DescribeRegions => &[
            "Filter.N.Name",
            "Filter.N.Value.N",
            "Region.N",
            "RegionName",
            "RegionName.N",
        ],
        Action::DescribeAvailabilityZones => &[
            "Filter.N.Name",
            "Filter.N.Value.N",
            "ZoneName",
            "ZoneName.N",
        ],
        Action::DescribeServiceCertificates => &["Format", "FingerprintDigest"],
        Action::CreateTags | Action::DeleteTags => {
            &["ResourceId", "ResourceId.N", "Tag.N.Key", "Tag.N.Value"]
        }
        Action::DescribeTags => &["Filter.N.Name", "Filter.N.Value.N"],
        Action::CreateKeyPair | Action::DeleteKeyPair => &["KeyName"],
        Action::ImportKeyPair => &["KeyName", "PublicKeyMaterial"],
        Action::CreateSecurityGroup => &["GroupDescription", "GroupName"],
        Action::DescribeSecurityGroups => &[
            "Filter.N.Name",
            "Filter.N.Value.N",
            "GroupId",
            "GroupId.N",
            "GroupName",
            "GroupName.N",
        ],
        Action::AuthorizeSecurityGroupIngress | Action::RevokeSecurityGroupIngress => &[
            "CidrIp",
            "FromPort",
            "GroupId",
            "GroupName",
            "IpPermissions.N.FromPort",
            "IpPermissions.N.Groups.N.GroupId",
            "IpPermissions.N.Groups.N.GroupName",
            "IpPermissions.N.Groups.N.UserId",
            "IpPermissions.N.IpProtocol",
            "IpPermissions.N.IpRanges.N.CidrIp",
            "IpPermissions.N.ToPort",
            "IpProtocol",
            "SourceSecurityGroupName",
            "SourceSecurityGroupOwnerId",
            "ToPort",
        ],
        Action::DeleteSecurityGroup => &["GroupId", "GroupName"],
        Action::DescribeKeyPairs => &["Filter.N.Name", "Filter.N.Value.N", "KeyName", "KeyName.N"],
        _ => of_instances(action),
    }
}

/// The parameters of a call that are younger than Eucalyptus.
fn of_strict(action: Action) -> &'static [&'static str] {
    match action {
        Action::CreateKeyPair => &["KeyFormat", "KeyType", "TagSpecification.N.*"],
        Action::ImportKeyPair => &["TagSpecification.N.*"],
        Action::DescribeInstanceTypes => &[
            "Filter.N.Name",
            "Filter.N.Value.N",
            "MaxResults",
            "NextToken",
        ],
        Action::DescribeKeyPairs => &["IncludePublicKey", "KeyPairId.N"],
        Action::DeleteKeyPair => &["KeyPairId"],
        Action::CreateSecurityGroup => &["TagSpecification.N.*", "VpcId"],
        Action::DescribeSecurityGroups => &["MaxResults", "NextToken"],
        Action::AuthorizeSecurityGroupIngress | Action::RevokeSecurityGroupIngress => &[
            "IpPermissions.N.Groups.N.Description",
            "IpPermissions.N.IpRanges.N.Description",
        ],
        _ => &[],
    }
}

/// The parameters of the calls about instances.
fn of_instances(action: Action) -> &'static [&'static str] {
    match action {
        Action::DescribeInstanceTypes => &["Availability", "InstanceType", "InstanceType.N"],
        Action::RunInstances => &[
            "AdditionalInfo",
            "AddressingType",
            "BlockDeviceMapping.N.*",
            "CapacityReservationSpecification.*",
            "ClientToken",
            "CpuOptions.*",
            "DisableApiTermination",
            "EbsOptimized",
            "ElasticGpuSpecification.*",
            "ElasticInferenceAccelerator.*",
            "EnclaveOptions.*",
            "GroupName",
            "GroupName.N",
            "HibernationOptions.*",
            "IamInstanceProfile.*",
            "ImageId",
            "InstanceInitiatedShutdownBehavior",
            "InstanceMarketOptions.*",
            "InstanceType",
            "Ipv6Address.*",
            "Ipv6AddressCount",
            "KernelId",
            "KeyName",
            "LaunchTemplate.*",
            "License.*",
            "MaxCount",
            "MetadataOptions.*",
            "MinCount",
            "Monitoring.Enabled",
            "NetworkInterface.*",
            "Placement.*",
            "PrivateIpAddress",
            "RamdiskId",
            "SecondaryPrivateIpAddressCount",
            "SecurityGroup",
            "SecurityGroup.N",
            "SecurityGroupId",
            "SecurityGroupId.N",
            "SubnetId",
            "TagSpecification.N.*",
            "UserData",
        ],
        Action::DescribeInstances => &[
            "Filter.N.Name",
            "Filter.N.Value.N",
            "InstanceId",
            "InstanceId.N",
            "MaxResults",
            "NextToken",
        ],
        Action::DescribeInstanceStatus => &[
            "Filter.N.Name",
            "Filter.N.Value.N",
            "IncludeAllInstances",
            "InstanceId",
            "InstanceId.N",
            "MaxResults",
            "NextToken",
        ],
        Action::TerminateInstances | Action::RebootInstances | Action::StartInstances => {
            &["InstanceId", "InstanceId.N", "SkipOsShutdown"]
        }
        Action::StopInstances => &["Force", "Hibernate", "InstanceId", "InstanceId.N"],
        Action::GetConsoleOutput => &["InstanceId", "InstanceId.N", "Latest"],
        Action::DescribeInstanceAttribute => &["Attribute", "InstanceId"],
        Action::ModifyInstanceAttribute => &[
            "Attribute",
            "BlockDeviceMapping.N.*",
            "DisableApiTermination",
            "DisableApiTermination.Value",
            "EbsOptimized",
            "EbsOptimized.Value",
            "GroupId.N",
            "InstanceId",
            "InstanceInitiatedShutdownBehavior",
            "InstanceInitiatedShutdownBehavior.Value",
            "InstanceType",
            "InstanceType.Value",
            "Kernel",
            "Kernel.Value",
            "Ramdisk",
            "Ramdisk.Value",
            "SourceDestCheck",
            "SourceDestCheck.Value",
            "UserData",
            "UserData.Value",
            "Value",
        ],
        _ => &[],
    }
}

/// The parameters that the call does not have. Dry runs are younger than the clouds of 2009 and 2010.
pub(crate) fn unknown(action: Action, profile: Profile, parameters: &Parameters) -> Vec<&str> {
    let younger = if profile == Profile::Strict {
        of_strict(action)
    } else {
        &[]
    };
    let is_known = |name: &str| {
        let general = general(name);
        let fits = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(begin) => general.starts_with(begin),
            None => general == **pattern,
        };
        COMMON.contains(&name)
            || name.starts_with("X-Amz-")
            || (dry_run::is_name(name) && !profile.is_legacy())
            || of_call(action).iter().chain(younger).any(fits)
    };
    let names = parameters.0.iter().map(|(name, _)| name.as_str());
    names.filter(|name| !is_known(name)).collect()
}

/// The name with `N` for its numbers.
fn general(name: &str) -> String {
    let is_number = |piece: &str| !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_digit());
    let pieces = name
        .split('.')
        .map(|piece| if is_number(piece) { "N" } else { piece });
    pieces.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_any_and_the_rest_is_exact() {
        let parameters = |names: &[&str]| {
            let named = names.iter().map(|name| ((*name).to_owned(), String::new()));
            Parameters(named.collect())
        };
        let all = parameters(&[
            "Action",
            "X-Amz-Date",
            "ImageId.17",
            "Filter.2.Value.3",
            "Filter.Name",
            "Colour",
        ]);
        let strict = Profile::Strict;
        assert_eq!(
            unknown(Action::DescribeImages, strict, &all),
            ["Filter.Name", "Colour"]
        );
        let devices = parameters(&["BlockDeviceMapping.1.Ebs.SnapshotId"]);
        assert!(unknown(Action::RegisterImage, strict, &devices).is_empty());
        assert_eq!(unknown(Action::DeregisterImage, strict, &devices).len(), 1);
        let dry = parameters(&["DryRun"]);
        for (profile, count) in [(strict, 0), (Profile::Euca44, 0), (Profile::Euca20, 1)] {
            assert_eq!(unknown(Action::DeregisterImage, profile, &dry).len(), count);
        }
    }
}
