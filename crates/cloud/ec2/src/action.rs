//! The calls of the API.

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
}

impl Action {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
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
        }
    }

    /// The call of this name; `None` for one that is not known.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}
