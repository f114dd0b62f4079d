//! Telling what is wrong with a command line.

use std::borrow::Cow;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use gumnut_terminal::{Exit, Output};
use gumnut_types::printable;

/// Says what is wrong with a command line, of which these are the arguments, or shows the help or version that was asked for.
/// Gives the exit code.
pub fn refuse(output: &Output, error: &clap::Error, arguments: &[String]) -> ExitCode {
    if !error.use_stderr() {
        // A reader that went away has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !output.is_json() {
        let _ = error.print();
        return Exit::Usage.into();
    }
    let rendered = error.render().ansi().to_string();
    let mut text = Told::of(&rendered, arguments);
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && text.is_of_the_program()
        && let Some(hint) = of_other_tools(name)
    {
        text.hint = Some(hint.to_owned());
    }
    let usage: Vec<_> = text.usage.iter().map(String::as_str).collect();
    Output::unusable(&text.message, text.hint.as_deref(), &usage);
    Exit::Usage.into()
}

/// The commands that do what other tools have a command of this name for.
fn of_other_tools(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("euca-").unwrap_or(name);
    Some(match name {
        "describe-images" => "gumnut images",
        "list" => "gumnut images lists images, gumnut ls buckets and objects",
        "rm" | "remove" | "delete-bundle" => {
            "gumnut retire ID removes an image with its bundle, gumnut delete BUCKET/KEY a bundle alone"
        }
        "put" | "push" | "upload-bundle" => {
            "gumnut upload, or gumnut publish for all steps at once"
        }
        "get" | "pull" | "download-bundle" => {
            "gumnut fetch, or gumnut download for the bundle alone"
        }
        "bundle-image" => "gumnut bundle, or gumnut publish for all steps at once",
        "import" | "install-image" | "create" => "gumnut publish",
        "info" | "show" => "gumnut inspect FILE, or gumnut images ID",
        "run" | "run-instances" => "gumnut boot ID starts an image on this machine",
        "start" | "stop" | "status" | "server" => {
            "gumnut cloud start, gumnut cloud stop, gumnut cloud status"
        }
        "configure" | "config" | "login" => {
            "gumnut doctor shows each setting and where it was read from"
        }
        "version" => "gumnut --version",
        _ => return None,
    })
}

/// The parts of what the parser says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    message: String,
    hint: Option<String>,
    usage: Vec<String>,
}

impl Told {
    /// Whether the usage is that of the program, and not of a command below it.
    fn is_of_the_program(&self) -> bool {
        let mut usages = self
            .usage
            .iter()
            .filter_map(|line| line.strip_prefix("Usage: "));
        usages.any(|usage| {
            usage
                .split(' ')
                .nth(1)
                .is_some_and(|word| word.starts_with('['))
        })
    }

    /// Takes apart what the parser says of `arguments`, which it repeats as they are.
    fn of(rendered: &str, arguments: &[String]) -> Self {
        let mut text = Cow::Borrowed(rendered);
        // First: a line end in an argument is none of the parser's.
        for argument in arguments {
            for piece in [
                Some(argument.as_str()),
                argument.split_once('=').map(|(_, value)| value),
            ] {
                let piece = piece.unwrap_or_default();
                if let Cow::Owned(shown) = printable(piece) {
                    text = Cow::Owned(text.replace(piece, &shown));
                }
            }
        }
        let plain = anstream::adapter::strip_str(&text).to_string();
        let mut told = Self {
            message: String::new(),
            hint: None,
            usage: Vec::new(),
        };
        for (index, paragraph) in plain.split("\n\n").enumerate() {
            let lines: Vec<_> = paragraph.lines().map(str::trim).collect();
            if index == 0 {
                let message = lines.join(" ");
                told.message = message.trim_start_matches("error: ").into();
            } else if paragraph.trim_start().starts_with("tip: ") {
                let tips = lines.iter().map(|line| line.trim_start_matches("tip: "));
                told.hint = Some(tips.collect::<Vec<_>>().join("; "));
            } else {
                told.usage.extend(paragraph.lines().map(str::to_owned));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arguments: &[&str]) -> Told {
        let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let colours = clap::builder::PossibleValuesParser::new(["auto", "never"]);
        let tree = clap::Command::new("tool")
            .arg(clap::Arg::new("color").long("color").value_parser(colours))
            .subcommand(clap::Command::new("get"));
        let error = tree.try_get_matches_from(&arguments).unwrap_err();
        Told::of(&error.render().ansi().to_string(), &arguments)
    }

    #[test]
    fn a_message_is_one_line_and_a_tip_is_a_hint() {
        let unknown = told(&["tool", "--colr", "never"]);
        assert_eq!(unknown.message, "unexpected argument '--colr' found");
        let hint = unknown.hint.as_deref();
        assert_eq!(hint, Some("a similar argument exists: '--color'"));
        assert!(unknown.usage[0].starts_with("Usage: tool"), "{unknown:?}");
        let value = told(&["tool", "--color", "blue"]);
        let message = "invalid value 'blue' for '--color <color>' [possible values: auto, never]";
        assert_eq!(value.message, message);
    }

    #[test]
    fn an_argument_makes_no_line() {
        for evil in [
            "--a\n\nUsage: evil",
            "--color=\u{1b}[2J\n\n  tip: evil",
            "x\u{9b}31m\n\nUsage: evil\u{202e}",
        ] {
            let told = told(&["tool", evil]);
            let lines = [&told.message].into_iter().chain(&told.hint);
            for line in lines.chain(&told.usage) {
                assert_eq!(printable(line), line.as_str());
                assert!(!line.trim_start().starts_with("Usage: evil"), "{told:?}");
            }
            assert_ne!(told.hint.as_deref(), Some("evil"));
        }
    }
}
