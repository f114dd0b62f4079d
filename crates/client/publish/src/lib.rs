#![doc = include_str!("../README.md")]

mod abort;
mod blocking;
mod dry_run;
mod identity;
mod journal;
mod path;
mod plan;
mod preflight;
mod prepare;
mod published;
mod publisher;
mod register;
mod run;
mod seal;
mod setup;
mod source;
mod stages;
mod text;
mod tree;

pub use abort::Removed;
pub use dry_run::Call;
pub use journal::{RunInfo, RunStatus, Runs};
pub use plan::{Form, Images, Plan, Registration, Storage};
pub use published::{Published, PublishedImage};
pub use publisher::Publisher;
pub use tree::{MakeImages, Tree, TreeImage};
