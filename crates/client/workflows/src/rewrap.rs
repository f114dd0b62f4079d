//! A manifest for other recipients, beside the parts that remain as they are.

use std::path::Path;

use gumnut_bundle::{Existing, write_file};
use gumnut_crypto::PrivateKey;
use gumnut_manifest::{OpenManifest, Rewrap as Changes, SignedManifest};

use crate::{LocalBundle, WorkflowError};

/// A bundle on this machine that gets a second manifest, for another cloud or another owner.
#[derive(Debug)]
pub struct Rewrap<'a> {
    bundle: &'a LocalBundle,
    manifest: OpenManifest,
    changes: Changes<'a>,
    author: &'a PrivateKey,
}

impl<'a> Rewrap<'a> {
    /// The manifest of a bundle, trusted and opened, with these changes, signed by `author`.
    pub fn new(
        bundle: &'a LocalBundle,
        manifest: OpenManifest,
        changes: Changes<'a>,
        author: &'a PrivateKey,
    ) -> Self {
        Self {
            bundle,
            manifest,
            changes,
            author,
        }
    }

    /// Writes the new manifest to a file. The old one and the parts are what is left when anything goes wrong, so neither is
    /// replaced, whatever `existing` says.
    ///
    /// # Errors
    /// [`WorkflowError::OwnFile`] when the file is one of the bundle's; when the key cannot be wrapped, and when the file
    /// cannot be written.
    pub fn run(&self, output: &Path, existing: Existing) -> Result<SignedManifest, WorkflowError> {
        let signed = self.manifest.rewrap(self.changes)?.sign(self.author)?;
        if self.is_manifest(output) || is_part(&signed, output) {
            return Err(WorkflowError::OwnFile(output.to_owned()));
        }
        write_file(output, existing, signed.bytes())?;
        Ok(signed)
    }

    fn is_manifest(&self, path: &Path) -> bool {
        fs_err::canonicalize(path).is_ok_and(|path| {
            fs_err::canonicalize(self.bundle.path()).is_ok_and(|manifest| manifest == path)
        })
    }
}

fn is_part(manifest: &SignedManifest, path: &Path) -> bool {
    let mut parts = manifest.manifest().parts.iter();
    parts.any(|part| path.file_name() == Some(part.name.as_str().as_ref()))
}
