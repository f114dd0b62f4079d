#![doc = include_str!("../README.md")]

mod body;
mod config;
mod error;
mod reach;
mod refusal;
mod request;
mod retry;
mod skew;
mod tls;
mod trace;
mod transport;
pub mod xml;

pub use body::Body;
pub use config::{Clock, ServerIdentity, SignatureVersion, SystemClock, TransportConfig};
pub use error::{Refusal, TransportError, Unreachable};
pub use request::{Auth, Request};
pub use retry::RetryPolicy;
pub use skew::is_loopback;
pub use trace::{Trace, TraceEvent, shown};
pub use transport::{Download, Response, Transport};
