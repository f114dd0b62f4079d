#![doc = include_str!("../README.md")]

mod cause;
mod exit;
mod failure;
mod files;
mod findings;
pub mod keys;
mod lines;
mod log;
mod meter;
mod output;
mod progress;
mod refusals;
mod runtime;
mod screen;
mod secret_file;
mod session;
mod stop;
mod table;
mod teller;
mod watch;

pub use exit::Exit;
pub use failure::{Ask, Failure, exit_code, hint_of};
pub use files::{read_bounded, unreadable};
pub use findings::warn_of_findings;
pub use lines::Lines;
pub use log::{LogOptions, start_log};
pub use meter::duration;
pub use output::{Color, Output, Voice, parts};
pub use progress::{Bar, ProgressMode};
pub use runtime::{block_on, block_on_or_stop};
pub use secret_file::NewSecretFile;
pub use session::{CloudOptions, Session, Signature};
pub use stop::Stop;
pub use table::Table;
pub use watch::{Watch, warn_of_image};
