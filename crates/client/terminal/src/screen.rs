//! Standard error, which everything in the process shares: one clean line at a time, above the progress bar.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use gumnut_types::{printable, printable_json};
use indicatif::ProgressBar;
use serde_json::{Value, json};

/// The progress bar that is on the terminal.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// Whether each line is a JSON object.
static JSON: AtomicBool = AtomicBool::new(false);

/// What a line is. Its colour is here, and never in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// Something that happens.
    Notice,
    /// What the user should look at.
    Warning,
    /// What went wrong.
    Error,
    /// Why it did.
    Because,
    /// What to do.
    Hint,
}

impl Label {
    fn word(self) -> (&'static str, Style) {
        match self {
            Self::Notice => ("", Style::new()),
            Self::Warning => ("warning:", AnsiColor::Yellow.on_default()),
            Self::Error => ("error:", AnsiColor::Red.on_default()),
            Self::Because => ("  because:", Style::new()),
            Self::Hint => ("hint:", AnsiColor::Cyan.on_default()),
        }
    }
}

/// Makes every line a JSON object from now on, or a text.
pub(crate) fn speak_json(json: bool) {
    JSON.store(json, Ordering::Relaxed);
}

/// Whether each line is a JSON object.
pub(crate) fn speaks_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Says one line. Whatever the text is, it makes no other line and nothing that a terminal obeys.
pub(crate) fn say(label: Label, text: &str) {
    if speaks_json() {
        let name = match label {
            Label::Notice => "notice",
            Label::Warning => "warning",
            Label::Error => "error",
            Label::Because => "because",
            Label::Hint => "hint",
        };
        object(&json!({ name: text }));
    } else {
        line(labelled(label, text));
    }
}

/// Says one JSON object.
pub(crate) fn object(value: &Value) {
    line(printable_json(&value.to_string()));
}

/// A line that has been cleaned.
pub(crate) fn line(line: impl Display) {
    let line = format!("{line}\n");
    above_bar(|| {
        // A closed standard error must not end the work; nobody would read the error.
        let _ = anstream::stderr().lock().write_all(line.as_bytes());
    });
}

fn labelled(label: Label, text: &str) -> String {
    let (word, style) = label.word();
    let gap = if word.is_empty() { "" } else { " " };
    format!("{style}{word}{style:#}{gap}{}", printable(text))
}

/// Does something with the terminal while no bar is there.
pub(crate) fn above_bar<T>(work: impl FnOnce() -> T) -> T {
    match &*bar() {
        Some(bar) => bar.suspend(work),
        None => work(),
    }
}

/// The bar that lines are said above from now on.
pub(crate) fn show(shown: &ProgressBar) {
    *bar() = Some(shown.clone());
}

/// Takes a bar off the terminal.
pub(crate) fn hide(shown: &ProgressBar) {
    let mut bar = bar();
    shown.finish_and_clear();
    *bar = None;
}

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LABELS: [Label; 5] = [
        Label::Notice,
        Label::Warning,
        Label::Error,
        Label::Because,
        Label::Hint,
    ];

    #[test]
    fn colour_stands_around_the_word_alone() {
        let line = labelled(Label::Error, "\u{1b}[2J no");
        assert_eq!(line, "\u{1b}[31merror:\u{1b}[0m \\u{1b}[2J no");
        assert_eq!(labelled(Label::Notice, "yes"), "yes");
    }

    proptest! {
        #[test]
        fn one_call_is_one_line_of_text(text: String) {
            for label in LABELS {
                let line = labelled(label, &text);
                let plain = anstream::adapter::strip_str(&line).to_string();
                prop_assert_eq!(printable(&plain), plain.as_str());
            }
        }
    }
}
