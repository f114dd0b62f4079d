//! Signatures of forms with files, which are fields beside the file.

use gumnut_cloud_catalogue::Identity;
use gumnut_signing::SignatureError;
use gumnut_signing::form::{FormClaim, FormFields, PolicyError, PostPolicy};
use time::OffsetDateTime;

use crate::AccessKeys;

use super::object_store::{ObjectStoreAuthError, SERVICE, key};
use super::scope::{self, Regions, ScopeError};

/// Who has signed a form, and what is allowed with it.
#[derive(Debug)]
pub struct SignedForm {
    /// Who has signed it.
    pub caller: Identity,
    /// The least and the greatest length of its file, in bytes.
    pub length: (u64, u64),
}

/// Why a form is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormAuthError {
    /// The fields of the signature cannot be understood.
    #[error("the signature of the form cannot be understood")]
    Malformed(#[source] SignatureError),
    /// The signature is for another service or region.
    #[error("the signature of the form is for elsewhere")]
    Scope(#[source] ScopeError),
    /// The signature is not good, nobody has its key, or the catalogue cannot be asked.
    #[error(transparent)]
    Signature(#[from] ObjectStoreAuthError),
    /// The form is not what its policy allows.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Finds out who has signed a form for this bucket, and whether it is what the policy allows at `now`. A form without policy and
/// signature is anonymous, and its file may have any length.
///
/// # Errors
/// When the signature or the policy is not good, or the form is not what the policy allows.
pub async fn authenticate_form(
    keys: &AccessKeys,
    now: OffsetDateTime,
    regions: &Regions,
    fields: &FormFields,
    bucket: &str,
) -> Result<SignedForm, FormAuthError> {
    let Some(claim) = FormClaim::of(fields).map_err(FormAuthError::Malformed)? else {
        return Ok(SignedForm {
            caller: Identity::Anonymous,
            length: (0, u64::MAX),
        });
    };
    if let Some(found) = claim.scope() {
        scope::check(regions, found, SERVICE, None).map_err(FormAuthError::Scope)?;
    }
    let access_key = claim.access_key().as_str();
    let owner = key(keys, access_key).await?;
    claim
        .check_time(now)
        .and_then(|()| claim.verify(&owner.secret))
        .map_err(|error| ObjectStoreAuthError::signature(access_key, error))?;
    // What nobody has signed is not read.
    let policy = PostPolicy::parse(claim.policy())?;
    policy.check(fields, bucket, now)?;
    Ok(SignedForm {
        caller: Identity::User(owner.caller.clone()),
        length: policy.length_range(),
    })
}
