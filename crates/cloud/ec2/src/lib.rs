#![doc = include_str!("../README.md")]

mod action;
mod allowed_parameters;
mod attributes;
mod calls;
mod certificates;
mod context;
mod dates;
mod deregister;
mod describe;
mod dry_run;
mod errors;
mod filter;
mod front_end;
mod groups;
mod instances;
mod key_pairs;
mod page;
mod parameters;
mod refusal;
mod regions;
mod register;
mod services;
mod tags;
#[cfg(test)]
mod tests;
mod types;
mod xml;

pub use front_end::{Ec2FrontEnd, Ec2Options};
pub use regions::ZONE;
pub use services::Services;
