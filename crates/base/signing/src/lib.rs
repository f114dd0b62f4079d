#![doc = include_str!("../README.md")]

mod chunked;
mod clock;
mod credentials;
mod encode;
mod error;
mod mac;
mod request;
pub mod v2;
pub mod v4;

pub use chunked::{ChunkDecoder, ChunkError};
pub use clock::{MAX_SKEW, check_skew, format_amz_date, parse_amz_date, parse_http_date};
pub use credentials::{AccessKeyId, Credentials};
pub use encode::{decode_query, percent_decode, percent_encode};
pub use error::{Mismatch, SignatureError};
pub use request::RequestView;
