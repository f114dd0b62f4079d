#![doc = include_str!("../README.md")]

mod backup;
mod cloud;
mod data;
mod fsck;
mod images;
mod listen;
mod process;
mod refused;
mod settings;
mod user;

pub use cloud::Cloud;
