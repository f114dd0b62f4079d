#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod exit;
mod output;
mod progress;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(&cli.global);
    output::start_log(&cli.global);
    match commands::run(&cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Output::failure(&error);
            exit::code_of(&error).into()
        }
    }
}
