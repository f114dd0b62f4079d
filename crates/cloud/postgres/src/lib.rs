#![doc = include_str!("../README.md")]

#[macro_use]
mod statements;
#[macro_use]
mod values;

mod accounts;
mod authorities;
mod blobs;
mod buckets;
mod catalogue;
mod config;
mod connection;
mod error;
mod failure;
mod groups;
mod images;
mod instances;
mod key_pairs;
mod keys;
mod objects;
mod schema;
mod secrets;
mod statistics;
mod transaction;
mod transfer;
mod unit;
mod uploads;
mod url;

#[cfg(any(test, feature = "test-server"))]
pub mod test_server;
#[cfg(test)]
mod tests;

pub use catalogue::PostgresCatalogue;
pub use config::PostgresConfig;
pub use error::PostgresError;
pub use schema::Schema;
pub use statistics::PostgresStatistics;
