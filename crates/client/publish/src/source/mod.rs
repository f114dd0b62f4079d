//! The images of a target: found, looked at, and resized where that is wanted.

mod choose;
mod estimate;
mod image;
mod open;
mod progress;
mod resized;

pub(crate) use self::estimate::estimate;
pub(crate) use self::image::{Image, ORDER};
pub(crate) use self::open::{Source, fingerprints, open};
