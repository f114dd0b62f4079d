#![doc = include_str!("../README.md")]

mod bundler;
mod data_count;
mod error;
mod fingerprint;
mod image;
mod image_file;
mod options;
mod pipe;
mod seal;
mod unbundle;
mod unseal;

pub use bundler::{BundleMeta, Bundled, Bundler, Recipients};
pub use error::BundleError;
pub use fingerprint::Fingerprint;
pub use image::ImageSource;
pub use image_file::{ImageFile, write_file};
pub use options::{BundleOptions, TarForm};
pub use unbundle::{
    Checked, Ciphertext, UnbundleWarning, Unbundled, unbundle, unbundle_ciphertext, unbundle_to,
    verify, verify_parts,
};

// What a caller needs to use this crate, so that most depend on nothing else for it.
pub use gumnut_archive::{Discard, ImageOutput, Level, LevelError, StreamOutput};
pub use gumnut_splitter::{
    BundleNames, ChannelSink, Committed, FinishedPart, FolderSink, FolderSource, MemoryParts,
    PartRecord, PartSink, PartSource, SplitterError,
};
pub use gumnut_types::{Existing, Fault, NoProgress, Progress};
