#![doc = include_str!("../README.md")]
#![expect(
    clippy::missing_panics_doc,
    reason = "a test helper panics when the test cannot go on"
)]

mod cloud;
mod guest;
mod postgres;
mod program;
mod proxy;
mod server;
mod small;
mod terminal;
mod tools;

pub use cloud::Cloud;
pub use guest::GuestImage;
pub use postgres::Postgres;
pub use program::{Outcome, Program};
pub use proxy::{Fault, FaultProxy};
pub use server::{Asked, Server};
pub use small::{SmallImage, small_tarball};
pub use terminal::{Shown, Terminal};
pub use tools::{fixture, patterned, tool};
