//! Whose word is taken for a manifest.

use gumnut_crypto::PublicKey;
use gumnut_manifest::{BelievedManifest, UntrustedManifest};

use crate::WorkflowError;

/// Whose word is taken for a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// That of anyone who has the private half of this key.
    Signer(PublicKey),
    /// Anybody's, for a reason that the manifest keeps. Digests are still compared, but they come from that same manifest.
    Unverified(String),
}

impl Trust {
    /// Takes a manifest for what it says, if its signature is the one that is asked for.
    ///
    /// # Errors
    /// [`WorkflowError::NotTrusted`] when there is no signature, or it is not the signer's.
    pub fn check(&self, manifest: UntrustedManifest) -> Result<BelievedManifest, WorkflowError> {
        match self {
            Self::Signer(key) => manifest
                .verify(&[key])
                .map(BelievedManifest::from)
                .map_err(|source| WorkflowError::NotTrusted(Box::new(source))),
            Self::Unverified(reason) => Ok(manifest.trust_unverified(reason.as_str()).into()),
        }
    }
}
