//! Telling people how far a workflow is.

use std::path::Path;

use gumnut_disk_image::Finding;
use gumnut_types::{
    BucketName, ImageClass, ImageId, ImageName, ManifestLocation, NoProgress, Progress,
};

use crate::RunId;

/// What a workflow is about to do, or has found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// The next stage of a run that has several.
    Stage {
        /// Its number, from 1 on.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A file is read for its fingerprint.
    Reading {
        /// The file.
        path: &'a Path,
        /// Bytes in it that are data and not holes.
        bytes: u64,
    },
    /// A run has begun, and its journal keeps what it does.
    Started {
        /// The run.
        run: &'a RunId,
    },
    /// Another process works on the same run; it has to end first.
    Waiting {
        /// The run.
        run: &'a RunId,
    },
    /// A run that was interrupted continues.
    Resuming {
        /// The run.
        run: &'a RunId,
    },
    /// A tarball is unpacked.
    Unpacking {
        /// The tarball.
        path: &'a Path,
        /// Its length in bytes.
        bytes: u64,
    },
    /// The images of a tree of files are made.
    Making {
        /// The tree.
        path: &'a Path,
        /// Bytes of its files.
        bytes: u64,
    },
    /// The disk is copied and gets another size.
    Resizing {
        /// The size in bytes.
        bytes: u64,
    },
    /// What is done with the copy of the disk.
    Disk(gumnut_disk_image::Step),
    /// The checks of the images have found something.
    Found {
        /// The findings, the most severe first.
        findings: &'a [Finding],
    },
    /// The store is asked for the bucket.
    CheckingBucket {
        /// The bucket.
        bucket: &'a BucketName,
    },
    /// The bucket is missing, and is made.
    MakingBucket {
        /// The bucket.
        bucket: &'a BucketName,
    },
    /// The bucket is there.
    BucketReady {
        /// The bucket.
        bucket: &'a BucketName,
    },
    /// An image is bundled.
    Bundling {
        /// What it is for.
        class: ImageClass,
        /// First part of every name in the bundle.
        name: &'a ImageName,
        /// Where its manifest will be; `None`: in a directory.
        location: Option<&'a ManifestLocation>,
        /// Length of the image in bytes.
        bytes: u64,
        /// Bytes of it that are data and not holes, which is what progress counts.
        data: u64,
        /// Parts that are in the store already.
        kept: usize,
    },
    /// A bundle is put into the store.
    Uploading {
        /// Bytes of all parts.
        bytes: u64,
    },
    /// A bundle is fetched into a directory.
    Downloading {
        /// Bytes of all parts.
        bytes: u64,
    },
    /// A bundle is fetched and its image restored meanwhile.
    Fetching {
        /// Bytes of all parts.
        bytes: u64,
    },
    /// The parts of a bundle are read and compared with its manifest.
    Checking {
        /// Bytes of all parts.
        bytes: u64,
    },
    /// A bundle is copied to another store.
    Copying {
        /// Bytes of all parts.
        bytes: u64,
    },
    /// An image is restored from a bundle in a directory.
    Restoring {
        /// Bytes of all parts.
        bytes: u64,
    },
    /// The turn of a part has come: it has been made, or is about to be sent or fetched.
    Part {
        /// Its file name.
        name: &'a str,
    },
    /// The manifest is about to be written.
    WritingManifest {
        /// Its file.
        path: &'a Path,
    },
    /// The manifest is about to be fetched.
    ReadingManifest {
        /// Its name in the store.
        name: &'a str,
    },
    /// An image is registered.
    Registering {
        /// What it is for.
        class: ImageClass,
    },
    /// An image has its id, from now or from before.
    Registered {
        /// What it is for.
        class: ImageClass,
        /// The id.
        id: &'a ImageId,
        /// Whether it was there already.
        already: bool,
    },
    /// What the store holds is compared with what was sent.
    Verifying,
    /// An image is deregistered.
    Deregistering {
        /// Its id.
        id: &'a ImageId,
    },
    /// A bundle is deleted.
    Deleting {
        /// Where its manifest is.
        location: &'a ManifestLocation,
    },
}

/// One who receives how far a workflow is, and may stop it.
///
/// [`Progress`] counts the bytes of the step that began last, and says whether to continue.
pub trait Observer: Progress + Send {
    /// A step begins.
    fn step(&self, step: &Step<'_>) {
        let _ = step;
    }
}

impl Observer for NoProgress {}
