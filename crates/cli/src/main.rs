#![doc = include_str!("../README.md")]

mod args;
mod cli;
mod commands;
mod values;

use std::process::ExitCode;

use clap::Parser;
use gumnut_cloud::{AccountsError, CloudError};
use gumnut_compat::Compat;
use gumnut_qemu::BootError;
use gumnut_terminal::{Ask, Output, exit_code, start_log};

use crate::cli::{Cli, Command};

/// What knows the errors of the libraries that only this program uses.
const OTHERS: &[Ask] = &[
    |cause| cause.downcast_ref().map(CloudError::fault),
    |cause| cause.downcast_ref().map(AccountsError::fault),
    |cause| cause.downcast_ref().map(BootError::fault),
];

fn main() -> ExitCode {
    if let Some(code) = gumnut_compat::answer(std::env::args_os()) {
        return code;
    }
    let cli = Cli::parse();
    if let Command::Compat(Compat::Run(run)) = &cli.command {
        return run.start();
    }
    let session = cli.global.session();
    start_log(cli.global.log());
    match cli.run(&session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Output::failure(&error);
            exit_code(&error, OTHERS).into()
        }
    }
}
