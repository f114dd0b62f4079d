//! The cloud through its socket, asked by clients that share no code with gumnut's own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod attacks;
mod auth;
mod backup;
mod bucket;
#[cfg(feature = "bucket")]
mod busy;
mod catalogue;
mod child;
mod common;
#[cfg(feature = "postgres")]
mod failover;
mod forms;
mod kill;
mod migrate;
mod multipart;
mod objects;
mod operations;
#[cfg(feature = "postgres")]
mod postgres;
mod protocol;
#[cfg(all(feature = "bucket", feature = "postgres"))]
mod relocate;
mod rights;
mod rounds;
mod server;
mod settings;
#[cfg(all(feature = "bucket", feature = "postgres"))]
mod shared;
mod strangers;
mod versions;
mod walk;
