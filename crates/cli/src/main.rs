#![doc = include_str!("../README.md")]

mod args;
mod cli;
mod commands;
mod compat;
mod exit;
mod output;
mod progress;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::compat::Compat;
use crate::output::Output;

fn main() -> ExitCode {
    if let Some(code) = compat::answer(std::env::args_os()) {
        return code;
    }
    let cli = Cli::parse();
    if let Command::Compat(Compat::Run(run)) = &cli.command {
        return run.start();
    }
    let output = Output::new(&cli.global);
    output::start_log(&cli.global);
    match cli.run(&output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Output::failure(&error);
            exit::code_of(&error).into()
        }
    }
}
