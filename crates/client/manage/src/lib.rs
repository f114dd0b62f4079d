#![doc = include_str!("../README.md")]

mod doctor;
mod group;
mod guard;
mod images;
mod keypair;
mod listed;
mod ls;
mod modify;
mod several;
mod share;
mod tag;
mod whoami;

pub use doctor::Doctor;
pub use group::Group;
pub use guard::{Guard, counted, object_lines};
pub use images::Images;
pub use keypair::KeyPair;
pub use listed::listed_ids;
pub use ls::Ls;
pub use modify::Modify;
pub use several::{Each, each, once_each};
pub use share::{Share, Unshare};
pub use tag::Tag;
pub use whoami::Whoami;
