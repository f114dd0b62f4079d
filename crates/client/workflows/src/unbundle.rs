//! From a bundle on this machine back to its image.

use std::fs::File;
use std::path::Path;

use gumnut_bundle::{
    Checked, FolderSource, ImageFile, StreamOutput, Unbundled, unbundle, unbundle_to, verify,
};
use gumnut_crypto::PrivateKey;
use gumnut_manifest::OpenManifest;
use gumnut_types::Limits;

use crate::{LocalBundle, Observer, Step, Trust, WorkflowError};

/// A bundle on this machine whose manifest is trusted and whose key is known.
#[derive(Debug)]
pub struct Unbundle {
    manifest: OpenManifest,
    parts: FolderSource,
    limits: Limits,
}

impl Unbundle {
    /// The bundle of an open manifest, whose parts are in a directory.
    ///
    /// # Errors
    /// When there is no such directory.
    pub fn new(manifest: OpenManifest, parts: &Path) -> Result<Self, WorkflowError> {
        Ok(Self {
            manifest,
            parts: FolderSource::open(parts)?,
            limits: Limits::default(),
        })
    }

    /// Reads the manifest of a bundle, checks its signature, and opens its key.
    ///
    /// # Errors
    /// When the manifest cannot be read or understood, is not trusted, or is not for this private key; and when there is no
    /// directory of parts.
    pub fn open(
        bundle: &LocalBundle,
        trust: &Trust,
        key: &PrivateKey,
    ) -> Result<Self, WorkflowError> {
        let manifest = bundle.manifest(&Limits::default())?;
        Self::new(trust.check(manifest)?.open(key)?, bundle.parts())
    }

    /// Sets what is too large to be read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The manifest.
    pub fn manifest(&self) -> &OpenManifest {
        &self.manifest
    }

    /// Restores the image to a file, which gets its name when everything was found right.
    ///
    /// # Errors
    /// When a part is missing or damaged, when the image is not what the manifest says, when the file cannot be written, and
    /// when the observer stops it.
    pub fn run(
        mut self,
        image: ImageFile,
        observer: &dyn Observer,
    ) -> Result<Unbundled, WorkflowError> {
        self.announce(observer);
        Ok(unbundle(
            &self.manifest,
            &mut self.parts,
            image,
            &self.limits,
            observer,
        )?)
    }

    /// Writes the image to a stream, whose reader has it before it is known to be right: it is when this returns without an
    /// error.
    ///
    /// # Errors
    /// When a part is missing or damaged, when the image is not what the manifest says, when the stream cannot be written, and
    /// when the observer stops it.
    pub fn stream(
        mut self,
        output: File,
        observer: &dyn Observer,
    ) -> Result<Checked, WorkflowError> {
        self.announce(observer);
        Ok(unbundle_to(
            &self.manifest,
            &mut self.parts,
            &mut StreamOutput(output),
            &self.limits,
            observer,
        )?)
    }

    /// Does everything that restoring the image takes but writing it.
    ///
    /// # Errors
    /// When a part is missing or damaged, when the image is not what the manifest says, and when the observer stops it.
    pub fn verify(mut self, observer: &dyn Observer) -> Result<Checked, WorkflowError> {
        Ok(verify(
            &self.manifest,
            &mut self.parts,
            &self.limits,
            observer,
        )?)
    }

    fn announce(&self, observer: &dyn Observer) {
        observer.step(&Step::Restoring {
            bytes: self.manifest.manifest().bundled_size,
        });
    }
}
