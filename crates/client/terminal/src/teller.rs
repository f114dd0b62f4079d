//! Telling a person what happens to requests.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gumnut_settings::Settings;
use gumnut_transport::{Trace, TraceEvent, TransportError};

use crate::output::Output;

/// The clouds that a person has been told about.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Reports which cloud is changed and as whom, what is tried again, and with `-v` every request.
#[derive(Debug)]
pub(crate) struct Teller {
    output: Output,
    show_requests: bool,
    /// Who asks, as in `access key AK of account 000000000001`.
    who: String,
}

impl Teller {
    /// One who says what a session wants to hear of requests with these settings.
    pub(crate) fn new(output: &Output, show_requests: bool, settings: &Settings) -> Self {
        let key = settings.credentials().ok();
        let key = key.map(|key| format!("access key {}", key.access_key().as_str()));
        let account = settings.account(None).ok();
        let account = account.map(|account| format!("account {account}"));
        let who: Vec<_> = key.into_iter().chain(account).collect();
        Self {
            output: output.clone(),
            show_requests,
            who: who.join(" of "),
        }
    }
}

impl Teller {
    fn detail(&self, text: &str) {
        if self.show_requests {
            Output::detail(text);
        }
    }
}

impl Trace for Teller {
    fn happens(&self, event: &TraceEvent<'_>) {
        match event {
            TraceEvent::Changing { origin } => {
                let line = format!("cloud {origin}, {}", self.who);
                let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
                if told.insert(line.clone()) {
                    self.output.say(line);
                }
            }
            TraceEvent::Answered {
                method,
                url,
                action,
                status,
                time,
            } => {
                let (action, time) = (spaced(*action), milliseconds(*time));
                self.detail(&format!("{method} {url}{action}: {status}, {time}"));
            }
            TraceEvent::Unanswered {
                method,
                url,
                action,
                error,
                time,
            } => {
                let (action, time) = (spaced(*action), milliseconds(*time));
                self.detail(&format!(
                    "{method} {url}{action}: no answer, {time}: {error}"
                ));
            }
            TraceEvent::Again {
                error,
                wait,
                retry,
                retries,
            } => self.output.say(format!(
                "{}; trying again in {} ({retry} of {retries})",
                reason(error),
                seconds(*wait)
            )),
            TraceEvent::ClockCorrected { host, ahead } => {
                let direction = if *ahead < 0 { "behind" } else { "ahead of" };
                Output::warn(format!(
                    "the clock of {host} is {} {direction} this machine's; requests are signed with its time from here on: set the \
                     clock of the machine that is wrong, or pass --no-clock-correction",
                    span(ahead.unsigned_abs())
                ));
            }
            _ => {}
        }
    }
}

fn spaced(action: Option<&str>) -> String {
    action.map_or_else(String::new, |action| format!(" {action}"))
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// A number of seconds as people say it: `90 s`, `20 min`, `3 h`.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1800) / 3600),
    }
}

/// An error on one line with the last of its causes, which is the one that says something.
fn reason(error: &TransportError) -> String {
    let mut last: Option<&dyn std::error::Error> = None;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        last = Some(error);
        cause = error.source();
    }
    match last {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_people_say_them() {
        assert_eq!(span(90), "90 s");
        assert_eq!(span(1199), "20 min");
        assert_eq!(span(3 * 3600), "3 h");
    }
}
