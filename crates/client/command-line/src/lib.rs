#![doc = include_str!("../README.md")]

mod gumnut;
mod man;
mod overview;
mod place;
mod reference;
mod script;
mod usage;

pub use clap_complete::Shell;
pub use gumnut::{MANUAL, OVERVIEW};
pub use man::Manual;
pub use overview::Overview;
pub use place::argument_at;
pub use reference::Reference;
pub use script::completions;
pub use usage::refuse;
