//! From a manifest that anybody may have written to one that is trusted.

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

/// What a manifest says and the bytes it was read from, whether it is trusted or not.
#[derive(Clone, Debug)]
struct Content {
    bytes: Vec<u8>,
    manifest: Manifest,
    warnings: Vec<Warning>,
}

/// A manifest whose signature was made with one of the keys that [`UntrustedManifest::verify`] was given.
#[derive(Clone, Debug)]
#[must_use]
pub struct SignedManifest {
    content: Content,
    signer: String,
}

/// A manifest that is trusted although nobody has checked its signature: somebody took the responsibility, and said
/// why.
#[derive(Clone, Debug)]
#[must_use]
pub struct TrustedManifest {
    content: Content,
    reason: String,
    signature: SignatureStatus,
}

/// A manifest that is trusted, and on which ground.
#[derive(Clone, Debug)]
#[must_use]
pub enum BelievedManifest {
    /// Its signature is valid.
    Signed(SignedManifest),
    /// Its signature was not checked.
    Trusted(TrustedManifest),
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

    /// For whom the private key opens the bundle, if for anybody. The bundle's own key remains hidden: this is for
    /// showing to people, whatever the origin of the manifest.
    pub fn opened_by(&self, key: &PrivateKey) -> Option<Recipient> {
        open::secrets(&self.manifest, key).map(|(recipient, ..)| recipient)
    }

    /// Whether somebody indented or edited the text: every known program writes all elements on one line.
    pub fn is_reformatted(&self) -> bool {
        let start = self.bytes.windows(9).position(|tag| tag == b"<manifest");
        let body = start.map_or(&[][..], |start| &self.bytes[start..]);
        body.trim_ascii_end().contains(&b'\n')
    }

    /// Trusts the manifest if it was signed with one of these keys.
    ///
    /// # Errors
    /// [`ManifestError::Unsigned`], [`ManifestError::SignatureMismatch`]; without any key, the latter.
    pub fn verify(self, keys: &[&PublicKey]) -> Result<SignedManifest, ManifestError> {
        match self.signature_status(keys) {
            SignatureStatus::Valid { key } => Ok(SignedManifest {
                content: self.into_content(),
                signer: key,
            }),
            SignatureStatus::Unsigned => Err(ManifestError::Unsigned),
            SignatureStatus::Invalid | SignatureStatus::NotChecked => {
                Err(ManifestError::SignatureMismatch)
            }
        }
    }

    /// Trusts the manifest without looking at its signature. The caller says why, and the type of the result remembers
    /// it.
    pub fn trust_unverified(self, reason: impl Into<String>) -> TrustedManifest {
        TrustedManifest {
            reason: reason.into(),
            signature: self.signature_status(&[]),
            content: self.into_content(),
        }
    }

    fn into_content(self) -> Content {
        Content {
            bytes: self.bytes,
            manifest: self.manifest,
            warnings: self.warnings,
        }
    }
}

impl SignedManifest {
    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        &self.content.manifest
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.content.bytes
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        &self.content.warnings
    }

    /// What is known about the signature: always `Valid`, with the key that verified it.
    pub fn signature(&self) -> SignatureStatus {
        SignatureStatus::Valid {
            key: self.signer.clone(),
        }
    }

    /// Opens the bundle's key and iv: the owner's pair first, then the cloud's.
    ///
    /// # Errors
    /// [`ManifestError::Unopened`], [`ManifestError::CloudOnly`].
    pub fn open(self, key: &PrivateKey) -> Result<OpenManifest, ManifestError> {
        BelievedManifest::from(self).open(key)
    }
}

impl TrustedManifest {
    /// What it says, on nobody's word but its own.
    pub fn manifest(&self) -> &Manifest {
        &self.content.manifest
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.content.bytes
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        &self.content.warnings
    }

    /// What is known about the signature without checking it: `Unsigned` or `NotChecked`.
    pub fn signature(&self) -> SignatureStatus {
        self.signature.clone()
    }

    /// Why it is trusted, as the caller of [`UntrustedManifest::trust_unverified`] said.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Opens the bundle's key and iv: the owner's pair first, then the cloud's.
    ///
    /// # Errors
    /// [`ManifestError::Unopened`], [`ManifestError::CloudOnly`].
    pub fn open(self, key: &PrivateKey) -> Result<OpenManifest, ManifestError> {
        BelievedManifest::from(self).open(key)
    }
}

impl BelievedManifest {
    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        &self.content().manifest
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.content().bytes
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        &self.content().warnings
    }

    /// What is known about the signature: `Valid` when it was verified, otherwise `Unsigned` or `NotChecked`.
    pub fn signature(&self) -> SignatureStatus {
        match self {
            Self::Signed(signed) => signed.signature(),
            Self::Trusted(trusted) => trusted.signature(),
        }
    }

    /// Opens the bundle's key and iv: the owner's pair first, then the cloud's.
    ///
    /// # Errors
    /// [`ManifestError::Unopened`], [`ManifestError::CloudOnly`].
    pub fn open(self, key: &PrivateKey) -> Result<OpenManifest, ManifestError> {
        open::open(self, key)
    }

    fn content(&self) -> &Content {
        match self {
            Self::Signed(signed) => &signed.content,
            Self::Trusted(trusted) => &trusted.content,
        }
    }
}

impl From<SignedManifest> for BelievedManifest {
    fn from(signed: SignedManifest) -> Self {
        Self::Signed(signed)
    }
}

impl From<TrustedManifest> for BelievedManifest {
    fn from(trusted: TrustedManifest) -> Self {
        Self::Trusted(trusted)
    }
}
