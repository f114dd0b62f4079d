//! Opening the wrapped key and iv.

use gumnut_crypto::{BundleIv, BundleKey, CryptoError, HexRule, PrivateKey};

use crate::{BelievedManifest, Manifest, ManifestError, WrappedPair};

/// Whose wrapped pair was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The owner's.
    User,
    /// The cloud's.
    Cloud,
}

/// A trusted manifest together with its key and iv: all that is needed to read the image.
#[derive(Clone, Debug)]
#[must_use]
pub struct OpenManifest {
    believed: BelievedManifest,
    key: BundleKey,
    iv: BundleIv,
    recipient: Recipient,
}

impl OpenManifest {
    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        self.believed.manifest()
    }

    /// The manifest without the key, and why it is trusted.
    pub fn believed(&self) -> &BelievedManifest {
        &self.believed
    }

    /// The key of the parts.
    pub fn key(&self) -> &BundleKey {
        &self.key
    }

    /// The iv of the parts.
    pub fn iv(&self) -> &BundleIv {
        &self.iv
    }

    /// Whose pair was opened.
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }
}

pub(crate) fn open(
    believed: BelievedManifest,
    key: &PrivateKey,
) -> Result<OpenManifest, ManifestError> {
    let manifest = believed.manifest();
    let failure = match manifest.keys.user {
        Some(_) => ManifestError::Unopened(CryptoError::Unwrap),
        None => ManifestError::CloudOnly,
    };
    let (recipient, key, iv) = secrets(manifest, key).ok_or(failure)?;
    Ok(OpenManifest {
        believed,
        key,
        iv,
        recipient,
    })
}

/// Key and iv of the first recipient whose pair this private key opens.
pub(crate) fn secrets(
    manifest: &Manifest,
    key: &PrivateKey,
) -> Option<(Recipient, BundleKey, BundleIv)> {
    let rule = if manifest.may_have_short_keys() {
        HexRule::Legacy
    } else {
        HexRule::Exact
    };
    let user = manifest
        .keys
        .user
        .as_ref()
        .map(|pair| (Recipient::User, pair));
    let pairs = user
        .into_iter()
        .chain([(Recipient::Cloud, &manifest.keys.cloud)]);
    pairs.into_iter().find_map(|(recipient, pair)| {
        let (key, iv) = open_pair(pair, key, rule).ok()?;
        Some((recipient, key, iv))
    })
}

/// Key and iv of one recipient; both must open.
fn open_pair(
    pair: &WrappedPair,
    key: &PrivateKey,
    rule: HexRule,
) -> Result<(BundleKey, BundleIv), CryptoError> {
    let modulus = key.public_key().modulus_bytes();
    if pair.key.len() != modulus || pair.iv.len() != modulus {
        return Err(CryptoError::Unwrap);
    }
    Ok((
        pair.key.unwrap_key(key, rule)?,
        pair.iv.unwrap_iv(key, rule)?,
    ))
}
