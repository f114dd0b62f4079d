#![doc = include_str!("../README.md")]

mod backup;
mod cloud;
mod connect;
mod data;
mod fsck;
mod gc;
mod images;
mod instances;
mod listen;
mod migrate;
mod notify;
mod process;
mod refused;
mod runtime;
mod schema;
mod serve;
mod settings;
mod ssh_config;
mod user;

pub use cloud::Cloud;
pub use connect::Connect;
