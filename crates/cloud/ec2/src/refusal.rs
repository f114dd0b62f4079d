//! Why a call is refused, in the words of the EC2 API.

use gumnut_cloud_catalogue::Profile;
use gumnut_cloud_images::{ImageError, ImageErrorKind};
use gumnut_cloud_instances::{InstanceError, InstanceErrorKind};

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error code, such as `InvalidParameterValue`.
    pub(crate) code: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
    /// The text for the client.
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal with status 400, which all but failures of the cloud itself have.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            status: 400,
            message: message.into(),
        }
    }

    /// A refusal with a code of the profile `strict`, where Eucalyptus has none.
    pub(crate) fn of(profile: Profile, code: &'static str, message: impl Into<String>) -> Self {
        match profile {
            Profile::Strict => Self::new(code, message),
            Profile::Euca16 | Profile::Euca20 | Profile::Euca44 => {
                ImageError::new(ImageErrorKind::Unspecific, message).into()
            }
        }
    }

    /// A value that a parameter cannot have.
    pub(crate) fn invalid_value(parameter: &str, value: &str) -> Self {
        let message = format!("Value ({value}) for parameter {parameter} is invalid.");
        Self::new("InvalidParameterValue", message)
    }
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        let (code, status) = match error.kind() {
            ImageErrorKind::NotAuthorized => ("AuthFailure", 400),
            ImageErrorKind::NotFound => ("InvalidAMIID.NotFound", 400),
            ImageErrorKind::MalformedName => ("InvalidAMIName.Malformed", 400),
            ImageErrorKind::DuplicateName => ("InvalidAMIName.Duplicate", 400),
            ImageErrorKind::InvalidManifest => ("InvalidManifest", 400),
            ImageErrorKind::MissingParameter => ("MissingParameter", 400),
            ImageErrorKind::InvalidParameter => ("InvalidParameter", 400),
            ImageErrorKind::InvalidParameterValue => ("InvalidParameterValue", 400),
            ImageErrorKind::TagLimitExceeded => ("TagLimitExceeded", 400),
            ImageErrorKind::LimitExceeded => ("ResourceLimitExceeded", 400),
            ImageErrorKind::Unspecific => ("InternalFailure", 500),
            ImageErrorKind::Unavailable => ("Unavailable", 503),
            _ => ("InternalError", 500),
        };
        Self {
            code,
            status,
            message: error.to_string(),
        }
    }
}

impl From<InstanceError> for Refusal {
    fn from(error: InstanceError) -> Self {
        let (code, status) = match error.kind() {
            InstanceErrorKind::KeyPairNotFound => ("InvalidKeyPair.NotFound", 400),
            InstanceErrorKind::KeyPairDuplicate => ("InvalidKeyPair.Duplicate", 400),
            InstanceErrorKind::KeyFormat => ("InvalidKey.Format", 400),
            InstanceErrorKind::KeyPairLimitExceeded => ("KeyPairLimitExceeded", 400),
            InstanceErrorKind::GroupNotFound => ("InvalidGroup.NotFound", 400),
            InstanceErrorKind::GroupDuplicate => ("InvalidGroup.Duplicate", 400),
            InstanceErrorKind::GroupReserved => ("InvalidGroup.Reserved", 400),
            InstanceErrorKind::GroupInUse => ("InvalidGroup.InUse", 400),
            InstanceErrorKind::GroupLimitExceeded => ("SecurityGroupLimitExceeded", 400),
            InstanceErrorKind::PermissionMalformed => ("InvalidPermission.Malformed", 400),
            InstanceErrorKind::PermissionDuplicate => ("InvalidPermission.Duplicate", 400),
            InstanceErrorKind::PermissionNotFound => ("InvalidPermission.NotFound", 400),
            InstanceErrorKind::RuleLimitExceeded => ("RulesPerSecurityGroupLimitExceeded", 400),
            InstanceErrorKind::ImageNotFound => ("InvalidAMIID.NotFound", 400),
            InstanceErrorKind::InstanceNotFound => ("InvalidInstanceID.NotFound", 400),
            InstanceErrorKind::Capacity => ("InsufficientInstanceCapacity", 500),
            InstanceErrorKind::NotPermitted => ("OperationNotPermitted", 400),
            InstanceErrorKind::IncorrectState => ("IncorrectInstanceState", 400),
            InstanceErrorKind::TagLimitExceeded => ("TagLimitExceeded", 400),
            InstanceErrorKind::TokenMismatch => ("IdempotentParameterMismatch", 400),
            InstanceErrorKind::Unspecific => ("InternalFailure", 500),
            InstanceErrorKind::MissingParameter => ("MissingParameter", 400),
            InstanceErrorKind::InvalidParameterValue => ("InvalidParameterValue", 400),
            InstanceErrorKind::InvalidParameterCombination => ("InvalidParameterCombination", 400),
            InstanceErrorKind::Unsupported => ("UnsupportedOperation", 400),
            InstanceErrorKind::Unavailable => ("Unavailable", 503),
            _ => ("InternalError", 500),
        };
        Self {
            code,
            status,
            message: error.to_string(),
        }
    }
}
