//! Signature version 2, for clouds and clients of before 2014.

mod query;
mod s3;

pub use query::{QueryClaim, sign_query};
pub use s3::{S3Claim, sign_s3};
