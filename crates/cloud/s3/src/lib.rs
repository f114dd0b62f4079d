#![doc = include_str!("../README.md")]

mod acl;
mod attributes;
mod auth_refusal;
mod buckets;
mod context;
mod convert;
mod copy;
mod cors;
mod error;
mod front_end;
mod head;
mod listing;
mod lock;
mod multipart;
mod objects;
mod operations;
mod options;
mod patches;
mod payload;
mod post;
mod preflight;
mod public_access;
mod put;
mod sent_checksums;
mod tagging;
mod virtual_host;

pub use front_end::S3FrontEnd;
pub use options::{RefuseAcl, S3Options};

/// Largest form with a file, in bytes: it is held in memory. Parts of bundles have 10 MiB.
const MAX_FORM: usize = 16 << 20;
