//! The images of a target: found, looked at, and resized where that is wanted.

mod choose;
mod image;
mod judge;
mod look;
mod open;
mod preview;
mod progress;
mod resized;
mod tree;

pub(crate) use self::image::{Image, ORDER};
pub(crate) use self::judge::{Sized, judge};
pub(crate) use self::look::fingerprints;
pub(crate) use self::open::{Source, open};
pub(crate) use self::preview::preview;
pub(crate) use self::tree::of_tree;
