#![doc = include_str!("../README.md")]

mod attributes;
mod bucket;
mod bundle;
mod call;
mod delete;
mod describe;
mod dialect;
mod download;
mod groups;
mod image;
mod in_use;
mod install;
mod instance;
mod instances;
mod key_pairs;
mod manifest;
mod migrate;
mod names;
mod options;
mod publish;
mod register;
mod report;
mod run;
mod selector;
mod stream;
mod tool;
mod types;
mod unbundle;
mod upload;
mod volume;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use self::dialect::Dialect;
pub use self::install::{Compat, Install, Run};

/// Does what the name in the first argument, and the arguments behind it, ask for, and gives the exit code. `None`: it is
/// not the name of an old tool, and nothing was done.
pub fn answer(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    let called = arguments.next()?;
    let name = names::find(Path::new(&called).file_name()?.to_str()?)?;
    Some(match Dialect::of(name.family, None) {
        Ok(dialect) => (name.start)(name.text, dialect, arguments.collect()),
        Err(error) => report::usage(name.text, &error),
    })
}
