//! The S3 front end: the object store's protocol, on top of the store.
//!
//! [`front_end`] leads a request through: path, CORS, signature, body, the protocol's layer (s3s), [`patches`]. The layer calls one of
//! the [`operations`], which turn its inputs into the store's values and back.

mod acl;
mod attributes;
mod auth_refusal;
mod authenticate;
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

pub(crate) use front_end::S3;
pub use options::RefuseAcl;
pub(crate) use options::S3Options;

/// Largest form with a file, in bytes: it is held in memory. Parts of bundles have 10 MiB.
const MAX_FORM: usize = 16 << 20;
