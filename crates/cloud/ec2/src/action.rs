//! The calls of the API.

use gumnut_cloud_catalogue::Profile;

/// A call that the EC2 side knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    RegisterImage,
    DescribeImages,
    DeregisterImage,
    DescribeImageAttribute,
    ModifyImageAttribute,
    ResetImageAttribute,
    CreateTags,
    DeleteTags,
    DescribeTags,
    DescribeRegions,
    DescribeAvailabilityZones,
    DescribeServiceCertificates,
    CreateKeyPair,
    ImportKeyPair,
    DescribeKeyPairs,
    DeleteKeyPair,
    CreateSecurityGroup,
    DescribeSecurityGroups,
    AuthorizeSecurityGroupIngress,
    RevokeSecurityGroupIngress,
    DeleteSecurityGroup,
    DescribeInstanceTypes,
    RunInstances,
    DescribeInstances,
    DescribeInstanceStatus,
    DescribeInstanceAttribute,
    ModifyInstanceAttribute,
    GetConsoleOutput,
    RebootInstances,
    StopInstances,
    StartInstances,
    TerminateInstances,
}

impl Action {
    /// All of them.
    pub(crate) const ALL: [Self; 32] = [
        Self::RegisterImage,
        Self::DescribeImages,
        Self::DeregisterImage,
        Self::DescribeImageAttribute,
        Self::ModifyImageAttribute,
        Self::ResetImageAttribute,
        Self::CreateTags,
        Self::DeleteTags,
        Self::DescribeTags,
        Self::DescribeRegions,
        Self::DescribeAvailabilityZones,
        Self::DescribeServiceCertificates,
        Self::CreateKeyPair,
        Self::ImportKeyPair,
        Self::DescribeKeyPairs,
        Self::DeleteKeyPair,
        Self::CreateSecurityGroup,
        Self::DescribeSecurityGroups,
        Self::AuthorizeSecurityGroupIngress,
        Self::RevokeSecurityGroupIngress,
        Self::DeleteSecurityGroup,
        Self::DescribeInstanceTypes,
        Self::RunInstances,
        Self::DescribeInstances,
        Self::DescribeInstanceStatus,
        Self::DescribeInstanceAttribute,
        Self::ModifyInstanceAttribute,
        Self::GetConsoleOutput,
        Self::RebootInstances,
        Self::StopInstances,
        Self::StartInstances,
        Self::TerminateInstances,
    ];

    /// The value of the parameter `Action`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RegisterImage => "RegisterImage",
            Self::DescribeImages => "DescribeImages",
            Self::DeregisterImage => "DeregisterImage",
            Self::DescribeImageAttribute => "DescribeImageAttribute",
            Self::ModifyImageAttribute => "ModifyImageAttribute",
            Self::ResetImageAttribute => "ResetImageAttribute",
            Self::CreateTags => "CreateTags",
            Self::DeleteTags => "DeleteTags",
            Self::DescribeTags => "DescribeTags",
            Self::DescribeRegions => "DescribeRegions",
            Self::DescribeAvailabilityZones => "DescribeAvailabilityZones",
            Self::DescribeServiceCertificates => "DescribeServiceCertificates",
            Self::CreateKeyPair => "CreateKeyPair",
            Self::ImportKeyPair => "ImportKeyPair",
            Self::DescribeKeyPairs => "DescribeKeyPairs",
            Self::DeleteKeyPair => "DeleteKeyPair",
            Self::CreateSecurityGroup => "CreateSecurityGroup",
            Self::DescribeSecurityGroups => "DescribeSecurityGroups",
            Self::AuthorizeSecurityGroupIngress => "AuthorizeSecurityGroupIngress",
            Self::RevokeSecurityGroupIngress => "RevokeSecurityGroupIngress",
            Self::DeleteSecurityGroup => "DeleteSecurityGroup",
            Self::DescribeInstanceTypes => "DescribeInstanceTypes",
            Self::RunInstances => "RunInstances",
            Self::DescribeInstances => "DescribeInstances",
            Self::DescribeInstanceStatus => "DescribeInstanceStatus",
            Self::DescribeInstanceAttribute => "DescribeInstanceAttribute",
            Self::ModifyInstanceAttribute => "ModifyInstanceAttribute",
            Self::TerminateInstances => "TerminateInstances",
            Self::RebootInstances => "RebootInstances",
            Self::StopInstances => "StopInstances",
            Self::StartInstances => "StartInstances",
            Self::GetConsoleOutput => "GetConsoleOutput",
        }
    }

    /// Whether the cloud that is played has the call.
    pub(crate) fn is_of(self, profile: Profile) -> bool {
        match self {
            Self::ImportKeyPair
            | Self::DescribeInstanceTypes
            | Self::DescribeInstanceStatus
            | Self::DescribeInstanceAttribute
            | Self::ModifyInstanceAttribute
            | Self::StopInstances
            | Self::StartInstances => !profile.is_legacy(),
            _ => true,
        }
    }

    /// The component that refuses the call in the clouds of 2009 and 2010; `None` for that of images.
    pub(crate) fn component(self) -> Option<&'static str> {
        match self {
            Self::CreateKeyPair | Self::DescribeKeyPairs | Self::DeleteKeyPair => {
                Some("KeyPairManager")
            }
            Self::CreateSecurityGroup
            | Self::DescribeSecurityGroups
            | Self::AuthorizeSecurityGroupIngress
            | Self::RevokeSecurityGroupIngress
            | Self::DeleteSecurityGroup => Some("NetworkGroupManager"),
            Self::RunInstances
            | Self::DescribeInstances
            | Self::TerminateInstances
            | Self::RebootInstances
            | Self::GetConsoleOutput => Some("VmControl"),
            _ => None,
        }
    }

    /// The call of this name; `None` for one that is not known.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}
