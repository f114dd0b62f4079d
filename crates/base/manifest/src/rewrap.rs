//! A bundle for other recipients, without touching its parts.

use gumnut_crypto::{PublicKey, WrappedSecret};
use gumnut_types::{AccountId, ImageKind};

use crate::{ManifestError, OpenManifest, UnsignedManifest, WrappedPair};

/// What changes when a bundle moves; `None` changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrap<'a> {
    /// The cloud that will open the bundle, instead of the one that could.
    pub cloud: Option<&'a PublicKey>,
    /// The owner who will open it, instead of the one that could, if any.
    pub user: Option<&'a PublicKey>,
    /// The owner's account.
    pub account: Option<&'a AccountId>,
    /// What the image is, with a machine's kernel and ramdisk, whose ids differ between clouds.
    pub kind: Option<&'a ImageKind>,
}

impl OpenManifest {
    /// Makes the manifest of this bundle with its key and iv wrapped for other recipients, to be signed again.
    ///
    /// Everything else in it is kept, and it is written in the dialect that every cloud reads.
    ///
    /// # Errors
    /// [`ManifestError::Wrap`]; [`ManifestError::Write`] when the manifest says what our writer does not write,
    /// such as an owner without an account number.
    pub fn rewrap(&self, changes: Rewrap<'_>) -> Result<UnsignedManifest, ManifestError> {
        let mut manifest = self.manifest().clone();
        if let Some(cloud) = changes.cloud {
            manifest.keys.cloud = self.pair(cloud)?;
        }
        if let Some(user) = changes.user {
            manifest.keys.user = Some(self.pair(user)?);
        }
        if let Some(account) = changes.account {
            manifest.user = account.to_string();
        }
        if let Some(kind) = changes.kind {
            manifest.kind = kind.clone();
        }
        UnsignedManifest::new(manifest)
    }

    fn pair(&self, recipient: &PublicKey) -> Result<WrappedPair, ManifestError> {
        Ok(WrappedPair {
            key: WrappedSecret::wrap_key(recipient, self.key()).map_err(ManifestError::Wrap)?,
            iv: WrappedSecret::wrap_iv(recipient, self.iv()).map_err(ManifestError::Wrap)?,
        })
    }
}
