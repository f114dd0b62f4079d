#![doc = include_str!("../README.md")]

mod body;
mod body_budget;
mod client_body;
mod free_space;
mod front_end;
mod handler;
mod head_check;
mod instruments;
mod limits;
mod metrics;
mod places;
mod readiness;
mod request_id;
mod server;
mod stream;
mod tls;

pub use body::{Body, empty, full, text};
pub use body_budget::{BodyBudget, HeldBody, HoldError, Sender};
pub use client_body::{BodyError, ClientBody};
pub use free_space::FreeSpace;
pub use front_end::{FrontEnd, header_texts};
pub use handler::OWN_NAMES;
pub use instruments::{Instruments, Operations, Sizes};
pub use limits::HttpLimits;
pub use metrics::RefusalCode;
pub use readiness::{AlwaysReady, Condition, Probe};
pub use request_id::RequestId;
pub use server::{Server, ServerOptions};
pub use stream::serve_stream;
pub use tls::{TlsError, tls_acceptor};
