//! The signature of a form.

use gumnut_types::SecretString;
use time::OffsetDateTime;

use super::FormFields;
use crate::clock::parse_amz_date;
use crate::error::Mismatch;
use crate::mac::{base64_hmac_sha1, same};
use crate::v4::{MAX_EXPIRES, Scope};
use crate::{AccessKeyId, SignatureError};

/// What a form says of its own signature, which is one of its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormClaim {
    access_key: AccessKeyId,
    signature: String,
    policy: String,
    /// The scope and the time of version 4; `None` for version 2.
    v4: Option<(Scope, OffsetDateTime)>,
}

impl FormClaim {
    /// Reads the fields; `None` when the form has neither a policy nor a signature.
    ///
    /// # Errors
    /// When something of it is missing or malformed, or when it is signed in both versions.
    pub fn of(fields: &FormFields) -> Result<Option<Self>, SignatureError> {
        let (v2, v4) = (fields.get("signature"), fields.get("x-amz-signature"));
        let signature = match (v2, v4, fields.get("policy")) {
            (None, None, None) => return Ok(None),
            (Some(_), Some(_), _) => return Err(SignatureError::Repeated("signature".to_owned())),
            (None, None, Some(_)) => return Err(SignatureError::Missing("Signature")),
            (Some(signature), None, _) | (None, Some(signature), _) => signature,
        };
        let policy = required(fields, "policy", "Policy")?;
        let (access_key, scope) = if v4.is_some() {
            let algorithm = required(fields, "x-amz-algorithm", "X-Amz-Algorithm")?;
            if algorithm != crate::v4::ALGORITHM {
                return Err(SignatureError::Scheme);
            }
            let date = required(fields, "x-amz-date", "X-Amz-Date")?;
            let time = parse_amz_date(date).ok_or(SignatureError::Malformed("X-Amz-Date"))?;
            let credential = required(fields, "x-amz-credential", "X-Amz-Credential")?;
            let (access_key, scope) = Scope::of_credential(credential, time)?;
            (access_key, Some((scope, time)))
        } else {
            let access_key = required(fields, "awsaccesskeyid", "AWSAccessKeyId")?;
            (AccessKeyId::new(access_key), None)
        };
        Ok(Some(Self {
            access_key,
            signature: signature.to_owned(),
            policy: policy.to_owned(),
            v4: scope,
        }))
    }

    /// Who claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// What was signed: the field `policy` as it stands.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Service and region of the scope; `None` in version 2, which has none.
    pub fn scope(&self) -> Option<(&str, &str)> {
        let (scope, _) = self.v4.as_ref()?;
        Some((&scope.service, &scope.region))
    }

    /// Insists that the signature is not too new, and in version 4 not older than a week. How long the form is good is said by its
    /// policy.
    ///
    /// # Errors
    /// [`SignatureError::NotYetValid`], [`SignatureError::Expired`].
    pub fn check_time(&self, now: OffsetDateTime) -> Result<(), SignatureError> {
        let Some((_, time)) = self.v4 else {
            return Ok(());
        };
        if time > now + crate::MAX_SKEW {
            return Err(SignatureError::NotYetValid);
        }
        if now - time > time::Duration::seconds(MAX_EXPIRES) {
            return Err(SignatureError::Expired);
        }
        Ok(())
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`]
    pub fn verify(&self, secret: &SecretString) -> Result<(), SignatureError> {
        let expected = match &self.v4 {
            Some((scope, _)) => scope.key(secret).sign(&self.policy),
            None => base64_hmac_sha1(secret.expose().as_bytes(), &self.policy),
        };
        if same(&expected, &self.signature) {
            return Ok(());
        }
        Err(SignatureError::Mismatch(Box::new(Mismatch {
            string_to_sign: self.policy.clone(),
            canonical_request: None,
            provided: self.signature.clone(),
        })))
    }
}

/// The value of a field that must be there, and how it is called in a message.
fn required<'f>(
    fields: &'f FormFields,
    name: &str,
    called: &'static str,
) -> Result<&'f str, SignatureError> {
    fields.get(name).ok_or(SignatureError::Missing(called))
}
