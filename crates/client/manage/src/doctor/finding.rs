//! What a check has found.

use std::error::Error;

use gumnut_settings::SettingsError;
use gumnut_terminal::{Lines, hint_of};
use serde_json::{Value, json};

/// What to do about an error that has no hint.
const GENERAL_REMEDY: &str = "correct this, and run gumnut doctor again";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Ok,
    Warning,
    Failure,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// What a check has found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The check's name, which does not change.
    pub(super) id: &'static str,
    pub(super) status: Status,
    message: String,
    remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            status: Status::Ok,
            message: message.into(),
            remedy: None,
        }
    }

    pub(super) fn warning(
        id: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(id, message)
        }
    }

    pub(super) fn failure(
        id: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Failure,
            ..Self::warning(id, message, remedy)
        }
    }

    /// An error as a failed check, with its hint as the remedy.
    pub(super) fn of_error(id: &'static str, error: &(dyn Error + 'static)) -> Self {
        let remedy = hint_of(error).unwrap_or_else(|| GENERAL_REMEDY.into());
        Self::failure(id, chain(error), remedy)
    }

    /// A setting that is missing and that not every command needs.
    pub(super) fn of_missing(id: &'static str, error: &SettingsError) -> Self {
        Self::warning(id, error.to_string(), error.hint().unwrap_or_default())
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "status": self.status.as_str(),
            "message": self.message,
            "remedy": self.remedy,
        })
    }

    /// One line, and one more with what to do.
    pub(super) fn lines(&self) -> Lines {
        let mut lines = Lines::default();
        lines.push([self.status.as_str(), self.id, &self.message]);
        if let Some(remedy) = &self.remedy {
            lines.push([format!("  what to do: {remedy}")]);
        }
        lines
    }
}

/// An error with its causes on one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
