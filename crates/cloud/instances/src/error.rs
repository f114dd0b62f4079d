//! Why something is not done with instances, key pairs or security groups.

use gumnut_cloud_catalogue::CatalogueError;
use gumnut_types::Fault;

/// Why something is not done: what kind of reason, and the text for the caller.
///
/// Front ends make the codes of their protocol of the kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InstanceError {
    kind: InstanceErrorKind,
    message: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstanceErrorKind {
    /// The account has no such key pair.
    KeyPairNotFound,
    /// The account has a key pair of that name.
    KeyPairDuplicate,
    /// What was given is not a public key, or not one of a kind that can be used.
    KeyFormat,
    /// The account would have more key pairs than it may have.
    KeyPairLimitExceeded,
    /// The account has no such security group.
    GroupNotFound,
    /// There is no such image, or the caller may not run it.
    ImageNotFound,
    /// There is no such instance, or it is another account's.
    InstanceNotFound,
    /// There is no room for as many instances as are wanted.
    Capacity,
    /// The instance is protected against it.
    NotPermitted,
    /// The instance is in a state in which it cannot be done.
    IncorrectState,
    /// The account would have more tags on something than it may have.
    TagLimitExceeded,
    /// The client token was used with other parameters.
    TokenMismatch,
    /// The account has a security group of that name.
    GroupDuplicate,
    /// The security group is one that every account has.
    GroupReserved,
    /// The security group is needed.
    GroupInUse,
    /// The account would have more security groups than it may have.
    GroupLimitExceeded,
    /// A permission of a security group cannot be one.
    PermissionMalformed,
    /// The security group has such a rule.
    PermissionDuplicate,
    /// The security group has no such rule.
    PermissionNotFound,
    /// The security group would have more rules than it may have.
    RuleLimitExceeded,
    /// Something that must be given is missing.
    MissingParameter,
    /// A value is none of those that can be.
    InvalidParameterValue,
    /// Two values do not go together.
    InvalidParameterCombination,
    /// A reason for which there is no kind.
    Unspecific,
    /// What is asked for is not done by this cloud.
    Unsupported,
    /// The cloud cannot do it at the moment; trying again later may help. The reason is in its log.
    Unavailable,
    /// The cloud itself has failed. The reason is in its log.
    Internal,
}

impl InstanceError {
    /// An error of this kind with the text for the caller.
    pub fn new(kind: InstanceErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The kind of reason.
    pub fn kind(&self) -> InstanceErrorKind {
        self.kind
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self.kind {
            InstanceErrorKind::Unavailable => Fault::Network,
            InstanceErrorKind::Internal => Fault::System,
            _ => Fault::Input,
        }
    }

    /// An error of the cloud itself. The reason goes to the log, not to the caller.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a call failed");
        let message = "An internal error has occurred";
        Self::new(InstanceErrorKind::Internal, message)
    }
}

impl From<CatalogueError> for InstanceError {
    fn from(error: CatalogueError) -> Self {
        if matches!(error, CatalogueError::Unavailable(_)) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a call cannot be done now"
            );
            let message = "The service is unavailable. Please try again shortly.";
            return Self::new(InstanceErrorKind::Unavailable, message);
        }
        Self::internal(&error)
    }
}
