//! What a check has found.

use serde_json::{Value, json};

use crate::exit::Failure;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// A failure of a command as a failed check.
    pub(super) fn of_failure(id: &'static str, failure: &Failure) -> Self {
        let remedy = failure
            .hint_text()
            .unwrap_or("put that right, and run gumnut doctor again");
        Self::failure(id, chain(failure), remedy)
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
    pub(super) fn text(&self) -> String {
        let line = format!("{}\t{}\t{}\n", self.status.as_str(), self.id, self.message);
        match &self.remedy {
            Some(remedy) => format!("{line}  what to do: {remedy}\n"),
            None => line,
        }
    }
}

/// An error with its causes on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    crate::output::printable(&text)
}
