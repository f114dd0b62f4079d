#![doc = include_str!("../README.md")]

mod attributes;
mod changes;
mod error;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
mod ids;
mod images;
mod objects;
mod opened;
mod parts;
mod register;
#[cfg(test)]
mod samples;
mod selection;
mod state;
mod tags;
#[cfg(test)]
mod tests;

pub use attributes::{ImageModification, LaunchEntries};
pub use error::{ImageError, ImageErrorKind};
pub use images::Images;
pub use opened::OpenBundle;
pub use register::{BlockDevices, RegisterRequest};
pub use selection::Selection;
pub use tags::MAX_TAGS;
