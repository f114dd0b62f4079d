#![doc = include_str!("../README.md")]

mod document;
mod instance;
mod node;
mod service;
mod token;
mod tree;

pub use instance::{Instance, KeyPair, MetadataOptions, Tree};
pub use service::{Request, Response, Service};
pub use token::RandomError;
