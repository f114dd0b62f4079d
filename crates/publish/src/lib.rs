#![doc = include_str!("../README.md")]

mod error;
mod site;

pub use error::PublishError;
pub use site::Site;
