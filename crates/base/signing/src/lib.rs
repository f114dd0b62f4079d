#![doc = include_str!("../README.md")]

mod chunked;
mod clock;
mod credentials;
mod encode;
mod error;
pub mod form;
mod mac;
mod query;
mod request;
mod sub_resource;
pub mod v2;
pub mod v4;

pub use chunked::{ChunkDecoder, ChunkError};
pub use clock::{MAX_SKEW, check_skew, format_amz_date, parse_amz_date, parse_http_date};
pub use credentials::{AccessKeyId, Credentials};
pub use encode::{decode_path, encode_path, percent_encode};
pub use error::{Mismatch, SignatureError};
pub use query::{Parameter, Query};
pub use request::RequestView;
pub use sub_resource::{RESPONSE_OVERRIDES, SUB_RESOURCES};
