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
mod ranges;
#[cfg(test)]
mod router_walk;
mod sent_checksums;
mod tagging;
mod target;
mod understood;
mod unset;
mod virtual_host;

pub use front_end::S3FrontEnd;
pub use options::{RefuseAcl, S3Options};
