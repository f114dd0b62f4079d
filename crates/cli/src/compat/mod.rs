//! Answering to the names of the old tools: `euca-*` and `ec2-*`.
//!
//! A link to the binary under such a name, or `gumnut compat run NAME`, speaks the dialect of that tool. Each module
//! here turns one family of commands into calls of the workflows in [`crate::commands`]; none of them does anything
//! that gumnut's own commands cannot.

mod attributes;
mod bucket;
mod bundle;
mod delete;
mod describe;
mod dialect;
mod download;
mod image;
mod install;
mod migrate;
mod names;
mod options;
mod publish;
mod register;
mod report;
mod selector;
mod session;
mod stream;
mod tool;
mod unbundle;
mod upload;
mod volume;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use self::dialect::Dialect;
pub(crate) use self::install::Compat;
use self::names::Name;

/// What the first argument asks for, if it is the name of an old tool: an exit code after the work is done.
pub(crate) fn answer(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    let called = arguments.next()?;
    let called = Path::new(&called).file_name()?.to_str()?.to_owned();
    let name: &Name = names::find(&called)?;
    Some(match Dialect::of(name, None) {
        Ok(dialect) => (name.start)(name.text, dialect, arguments.collect()),
        Err(error) => report::usage(name.text, &error),
    })
}
