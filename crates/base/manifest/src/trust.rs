//! From a manifest that anybody may have written to one that is believed.

use gumnut_crypto::{PrivateKey, PublicKey};
use gumnut_types::Limits;

use crate::open::{self, OpenManifest, Recipient};
use crate::parse;
use crate::signature::{Signature, SignedRanges};
use crate::{Manifest, ManifestError, Warning};

/// A manifest whose signature has not been checked.
///
/// Its content can be shown, and nothing else can be done with it.
#[derive(Clone, Debug)]
#[must_use]
pub struct UntrustedManifest {
    bytes: Vec<u8>,
    manifest: Manifest,
    signature: Signature,
    ranges: SignedRanges,
    warnings: Vec<Warning>,
}

/// What is known about a manifest's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureStatus {
    /// It was made with the key of this fingerprint.
    Valid {
        /// SHA-1 of the public key, see [`PublicKey::fingerprint`].
        key: String,
    },
    /// It was made with none of the given keys, or the text was changed.
    Invalid,
    /// There is none.
    Unsigned,
    /// There is one, and no key to check it with. That is not valid.
    NotChecked,
}

impl SignatureStatus {
    /// `valid`, `invalid`, `unsigned` or `not checked`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Valid { .. } => "valid",
            Self::Invalid => "invalid",
            Self::Unsigned => "unsigned",
            Self::NotChecked => "not checked",
        }
    }
}

/// A manifest that is believed: its signature is valid, or somebody took the responsibility.
#[derive(Clone, Debug)]
#[must_use]
pub struct SignedManifest {
    bytes: Vec<u8>,
    manifest: Manifest,
    status: SignatureStatus,
    unverified: Option<String>,
    warnings: Vec<Warning>,
}

impl UntrustedManifest {
    /// Reads a manifest of any dialect.
    ///
    /// # Errors
    /// When a limit is passed, when it is no manifest, or when any of its values makes no sense.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, ManifestError> {
        let parsed = parse::parse(bytes, limits)?;
        let mut warnings = parsed.warnings;
        if !parsed.manifest.image_digest_is_meaningful() {
            warnings.push(Warning::NoImageDigest);
        }
        Ok(Self {
            bytes: bytes.to_vec(),
            manifest: parsed.manifest,
            signature: parsed.signature,
            ranges: parsed.ranges,
            warnings,
        })
    }

    /// What it says. For showing only.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes that were read. For keeping and showing only.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What the signature is worth when it may be by any of these keys.
    pub fn signature_status(&self, keys: &[&PublicKey]) -> SignatureStatus {
        let Signature::Bytes(signature) = &self.signature else {
            return SignatureStatus::Unsigned;
        };
        if keys.is_empty() {
            return SignatureStatus::NotChecked;
        }
        let pieces = self.ranges.pieces(&self.bytes);
        let signer = keys.iter().find(|key| key.verify_sha1(&pieces, signature));
        signer.map_or(SignatureStatus::Invalid, |key| SignatureStatus::Valid {
            key: key.fingerprint(),
        })
    }

    /// For whom the private key opens the bundle, if for anybody. The bundle's own key stays hidden: this is for
    /// telling people, whoever wrote the manifest.
    pub fn opened_by(&self, key: &PrivateKey) -> Option<Recipient> {
        open::secrets(&self.manifest, key).map(|(recipient, ..)| recipient)
    }

    /// Whether somebody indented or edited the text: every known program writes all elements on one line.
    pub fn is_reformatted(&self) -> bool {
        let start = self.bytes.windows(9).position(|tag| tag == b"<manifest");
        let body = start.map_or(&[][..], |start| &self.bytes[start..]);
        body.trim_ascii_end().contains(&b'\n')
    }

    /// Believes the manifest if it was signed with one of these keys.
    ///
    /// # Errors
    /// [`ManifestError::Unsigned`], [`ManifestError::SignatureMismatch`]; without any key, the latter.
    pub fn verify(self, keys: &[&PublicKey]) -> Result<SignedManifest, ManifestError> {
        match self.signature_status(keys) {
            status @ SignatureStatus::Valid { .. } => Ok(self.believe(status, None)),
            SignatureStatus::Unsigned => Err(ManifestError::Unsigned),
            SignatureStatus::Invalid | SignatureStatus::NotChecked => {
                Err(ManifestError::SignatureMismatch)
            }
        }
    }

    /// Believes the manifest without looking at its signature. The caller says why; the result
    /// remembers it.
    pub fn trust_unverified(self, reason: impl Into<String>) -> SignedManifest {
        let status = self.signature_status(&[]);
        self.believe(status, Some(reason.into()))
    }

    fn believe(self, status: SignatureStatus, unverified: Option<String>) -> SignedManifest {
        let Self {
            bytes,
            manifest,
            warnings,
            ..
        } = self;
        SignedManifest {
            bytes,
            manifest,
            status,
            unverified,
            warnings,
        }
    }
}

impl SignedManifest {
    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is known about the signature.
    pub fn signature(&self) -> &SignatureStatus {
        &self.status
    }

    /// Why it is believed although its signature was not checked; nothing if it was.
    pub fn unverified_reason(&self) -> Option<&str> {
        self.unverified.as_deref()
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Opens the bundle's key and iv: the owner's pair first, then the cloud's.
    ///
    /// # Errors
    /// [`ManifestError::Unopened`], [`ManifestError::CloudOnly`].
    pub fn open(self, key: &PrivateKey) -> Result<OpenManifest, ManifestError> {
        open::open(self, key)
    }
}
