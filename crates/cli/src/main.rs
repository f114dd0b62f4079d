#![doc = include_str!("../README.md")]

mod args;
mod cli;
mod commands;
mod complete;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use gumnut_cloud::{AccountsError, CloudError};
use gumnut_command_line::{OVERVIEW, refuse};
use gumnut_compat::Compat;
use gumnut_qemu::BootError;
use gumnut_terminal::{Ask, Output, Voice, exit_code, start_log};
use serde_json::json;

use crate::cli::{Action, Cli};

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
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.len() < 2 {
        return first_screen();
    }
    let cli = match Cli::read(arguments.clone()) {
        Ok(cli) => cli,
        Err(error) => return unread(&error, &arguments),
    };
    if let Action::Compat(Compat::Run(run)) = &cli.command {
        return run.start();
    }
    let session = cli.global.session();
    start_log(cli.global.log());
    ended(cli.run(&session))
}

fn ended(done: Result<(), anyhow::Error>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let exit = exit_code(&error, OTHERS);
            Output::failure(&error, exit);
            exit.into()
        }
    }
}

fn first_screen() -> ExitCode {
    let output = Output::new(Voice::default());
    let screen = OVERVIEW.first_screen(&cli::tree());
    ended(output.script(&json!(screen), &screen))
}

/// A command line that could not be read, or that asks for help. How it wants to be answered has to be guessed.
fn unread(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let arguments: Vec<_> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let options = arguments.iter().take_while(|argument| *argument != "--");
    let output = Output::new(Voice {
        json: options.into_iter().any(|argument| argument == "--json"),
        ..Voice::default()
    });
    refuse(&output, error, &arguments)
}
