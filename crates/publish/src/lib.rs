#![doc = include_str!("../README.md")]

mod abort;
mod destination;
mod dry_run;
mod error;
mod identity;
mod journal;
mod observer;
mod plan;
mod publisher;
mod register;
mod role;
mod run;
mod runs;
mod seal;
mod site;
mod source;
mod streaming;
mod text;
mod upload;

pub use abort::Removed;
pub use dry_run::Call;
pub use error::PublishError;
pub use journal::{RunId, RunIdError, Runs};
pub use observer::{Observer, Step};
pub use plan::{Form, Hypervisor, HypervisorError, Plan};
pub use publisher::{Keys, Published, PublishedImage, Publisher};
pub use role::Role;
pub use runs::{RunInfo, RunStatus};
pub use site::Site;
pub use streaming::stream_parts;
