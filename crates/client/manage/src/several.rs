//! One command for several subjects: each is tried, also behind one that failed.

use std::fmt::Display;

use gumnut_terminal::{Exit, Failure, Lines, Output, Session, exit_code};
use serde_json::{Value, json};

/// The values in their order, each of them once.
pub fn once_each<T: Clone + PartialEq>(all: &[T]) -> Vec<T> {
    let mut each: Vec<T> = Vec::new();
    for one in all {
        if !each.contains(one) {
            each.push(one.clone());
        }
    }
    each
}

/// Does something with each in turn; one that fails does not keep the others from being done.
pub async fn each<T: Display, R>(
    all: &[T],
    work: impl AsyncFn(&T) -> Result<R, anyhow::Error>,
) -> Each<R> {
    let mut each = Each::of(all.len());
    for one in all {
        if !each.note(one, work(one).await) {
            break;
        }
    }
    each
}

/// What came of the subjects of a command.
#[must_use]
#[derive(Debug)]
pub struct Each<R> {
    subjects: usize,
    done: Vec<R>,
    failed: Vec<Failed>,
}

/// A subject that failed.
#[derive(Debug)]
struct Failed {
    subject: String,
    error: anyhow::Error,
    exit: Exit,
}

impl<R> Each<R> {
    /// Of so many subjects, none of which has been tried.
    pub fn of(subjects: usize) -> Self {
        Self {
            subjects,
            done: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Notes what came of a subject. `false`: the user wants to stop, so that the next one is not to be tried.
    pub fn note(&mut self, subject: &impl Display, result: Result<R, anyhow::Error>) -> bool {
        match result {
            Ok(done) => self.done.push(done),
            Err(error) => {
                let exit = exit_code(&error, &[]);
                self.failed.push(Failed {
                    subject: subject.to_string(),
                    error,
                    exit,
                });
                return !is_wish(exit);
            }
        }
        true
    }

    /// Prints what was done, as `report` words it with the list of those that failed, and then every failure. The only subject of
    /// a command fails as the command itself, which prints nothing then.
    ///
    /// # Errors
    /// The worst failure, behind the others; and when standard output cannot be written.
    pub fn finish(
        mut self,
        session: &Session,
        report: impl FnOnce(&[R], Value) -> (Value, Lines),
    ) -> Result<(), anyhow::Error> {
        if self.subjects == 1
            && let Some(failed) = self.failed.pop()
        {
            return Err(failed.error);
        }
        let failed = self.failed.iter().map(Failed::json).collect();
        let (json, lines) = report(&self.done, failed);
        session.output.result(&json, &lines)?;
        self.failed.sort_by_key(|failed| badness(failed.exit));
        let worst = self.failed.pop();
        for failed in self.failed {
            let exit = failed.exit;
            Output::failure(&failed.into_error(), exit);
        }
        worst.map_or(Ok(()), |worst| Err(worst.into_error()))
    }
}

impl Each<(Value, Lines)> {
    /// Prints a JSON value and lines for each that was done: of several subjects the values are the list `results`.
    ///
    /// # Errors
    /// Those of [`Each::finish`].
    pub fn finish_alike(self, session: &Session) -> Result<(), anyhow::Error> {
        let is_one = self.subjects == 1;
        self.finish(session, |done, failed| {
            let lines = done.iter().fold(Lines::default(), |mut all, (_, lines)| {
                all.append(lines.clone());
                all
            });
            match done {
                [(json, _)] if is_one => (json.clone(), lines),
                done => {
                    let results: Vec<_> = done.iter().map(|(json, _)| json).collect();
                    (json!({ "results": results, "failed": failed }), lines)
                }
            }
        })
    }
}

impl Failed {
    fn json(&self) -> Value {
        let causes = self.error.chain().skip(1).map(ToString::to_string);
        json!({
            "subject": self.subject,
            "error": self.error.to_string(),
            "causes": causes.collect::<Vec<_>>(),
            "exit_code": self.exit as u8,
        })
    }

    fn into_error(self) -> anyhow::Error {
        Failure::new(self.exit, format!("{} failed", self.subject))
            .because(self.error)
            .into()
    }
}

/// Whether the user wanted the run to end.
fn is_wish(exit: Exit) -> bool {
    matches!(exit, Exit::Interrupted | Exit::Terminated | Exit::HungUp)
}

/// The higher, the worse: what nobody foresaw is worse than a cloud that does not answer, and that is worse than its refusal.
fn badness(exit: Exit) -> u8 {
    match exit {
        Exit::Unexpected => Exit::NotSeen as u8 + 1,
        exit => exit as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_twice_is_done_once() {
        assert_eq!(once_each(&[2, 1, 2, 3, 1]), [2, 1, 3]);
    }

    #[test]
    fn nothing_is_tried_behind_a_wish_to_stop() {
        let mut each = Each::of(3);
        assert!(each.note(&"a", Ok(1)));
        let refused = Failure::new(Exit::Refused, "no").into();
        assert!(each.note(&"b", Err(refused)));
        let stopped = Failure::new(Exit::Interrupted, "stopped").into();
        assert!(!each.note(&"c", Err(stopped)));
    }

    #[test]
    fn the_unforeseen_is_worst_but_for_a_wish_to_stop() {
        let mut all = Exit::ALL;
        all.sort_by_key(|exit| badness(*exit));
        assert_eq!(
            all[..5],
            [
                Exit::Usage,
                Exit::Input,
                Exit::Refused,
                Exit::Network,
                Exit::NotSeen
            ]
        );
        assert_eq!(all[5], Exit::Unexpected);
    }
}
