#![doc = include_str!("../README.md")]

mod body;
mod config;
mod error;
mod refusal;
mod request;
mod retry;
mod tls;
mod transport;
pub mod xml;

pub use body::Body;
pub use config::{Clock, ServerIdentity, SignatureVersion, SystemClock, TransportConfig};
pub use error::{Refusal, TransportError};
pub use request::{Auth, Request};
pub use retry::RetryPolicy;
pub use transport::{Download, Response, Transport};
