//! How failures receive.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use gumnut_terminal::{Exit, Failure, exit_code, hint_of};
use gumnut_transport::Refusal;
use gumnut_workflows::WorkflowError;

use super::call::{print, print_lines, say, say_lines};
use super::dialect::Dialect;

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Coded {
    pub(super) code: u8,
    pub(super) message: String,
}

/// A command line that cannot be followed.
pub(super) fn unusable(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// A failure before it is known which dialect is spoken.
pub(super) fn usage(name: &str, error: &dyn std::error::Error) -> ExitCode {
    say(name, &format!("error: {error}"));
    ExitCode::from(2)
}

/// Reports a failure as the tool would, and gives its exit code.
pub(super) fn failure(name: &str, dialect: Dialect, error: &anyhow::Error) -> ExitCode {
    let refusal = error
        .chain()
        .find_map(|cause| gumnut_workflows::transport_error(cause)?.refusal());
    match (dialect, refusal) {
        (Dialect::Euca2010, Some(refusal)) => print(&line_of_2010(error, refusal)),
        (_, Some(refusal)) if !refusal.code.is_empty() => {
            let message = match refused_step(error) {
                Some(step) => format!("{step}: {}", refusal.message),
                None => refusal.message.clone(),
            };
            let request = match &refusal.request_id {
                Some(id) => format!(" (request {id})"),
                None => String::new(),
            };
            let text = format!("error ({}): {message}{request}", refusal.code);
            say(name, &one_line(&text));
        }
        _ => {
            let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
            say(name, &one_line(&format!("error: {}", causes.join(": "))));
        }
    }
    for hint in error.chain().filter_map(hint_of) {
        say(name, &format!("hint: {hint}"));
    }
    let missing = error.chain().any(is_missing);
    let coded = error.downcast_ref::<Coded>().map(|coded| coded.code);
    ExitCode::from(coded.unwrap_or_else(|| dialect.code(exit_code(error, &[]), missing)))
}

/// What was being done when the store refused, for messages that depend on it.
fn refused_step(error: &anyhow::Error) -> Option<&WorkflowError> {
    error.chain().find_map(|cause| {
        cause.downcast_ref().filter(|error| {
            matches!(
                error,
                WorkflowError::CheckBucket { .. }
                    | WorkflowError::CreateBucket { .. }
                    | WorkflowError::WriteObject { .. }
            )
        })
    })
}

/// What euca2ools 1.x printed, on standard output, when a service refused.
fn line_of_2010(error: &anyhow::Error, refusal: &Refusal) -> String {
    let denied = refusal.status == 403;
    let line = match refused_step(error) {
        Some(WorkflowError::CreateBucket { bucket, .. }) => {
            format!("Unable to create bucket {bucket}")
        }
        Some(WorkflowError::CheckBucket { bucket, .. }) if denied => {
            format!("You do not have permission to access bucket: {bucket}")
        }
        Some(WorkflowError::WriteObject { key, .. }) if denied => {
            format!("Permission denied while writing: {key}")
        }
        _ => {
            let code = if refusal.code.is_empty() {
                refusal.status.to_string()
            } else {
                refusal.code.clone()
            };
            format!("{code}: {}", refusal.message)
        }
    };
    one_line(&line)
}

/// One line without what would move a terminal's cursor.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn is_missing(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io = cause.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Reports what is wrong with the command line, or shows the help or version that was asked for.
pub(super) fn arguments(
    name: &str,
    dialect: Dialect,
    error: &clap::Error,
    command: &mut clap::Command,
) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        print_lines(error.to_string().trim_end());
        return ExitCode::SUCCESS;
    }
    let whole = error.to_string();
    let rest = whole.strip_prefix("error: ").unwrap_or(&whole);
    let text = rest.split("\n\nUsage:").next().unwrap_or_default();
    if dialect.is_2010() {
        for option in missing(error) {
            say(name, &format!("{option} must be specified."));
        }
        if missing(error).is_empty() {
            say_lines(name, text);
        }
        say_lines(name, &command.render_help().to_string());
    } else {
        say_lines(name, &command.render_usage().to_string());
        say_lines(name, &format!("error: {text}"));
    }
    ExitCode::from(dialect.code(Exit::Usage, false))
}

/// The long names of options that are missing.
fn missing(error: &clap::Error) -> Vec<String> {
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return Vec::new();
    }
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(options)) => options
            .iter()
            .map(|option| {
                let word = option.split_whitespace().next().unwrap_or_default();
                word.trim_matches(['-', '<', '>']).to_ascii_lowercase()
            })
            .collect(),
        _ => Vec::new(),
    }
}
