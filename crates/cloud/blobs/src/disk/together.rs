//! Work that several wait for and that one does for all of them: bringing the names of a directory to the disk.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

/// Work that is good for everybody who asked before it began.
#[derive(Debug, Default)]
pub(super) struct Together {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How often the work has begun.
    begun: u64,
    /// Whether it is being done.
    is_running: bool,
    /// The last time that it was done, by its number.
    done: u64,
    /// The last time that it failed, by its number, and how.
    failed: Option<(u64, io::ErrorKind, String)>,
}

impl Together {
    /// Returns when the work was done from beginning to end after this was called, by this thread or by another one. The error is
    /// that of the work.
    pub(super) fn run(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Work that has begun already may have missed what this caller has done before.
        let wanted = state.begun + 1;
        while state.is_running {
            state = self
                .ended
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            // First of all: work that goes well after an error may have hidden it.
            if let Some((_, kind, text)) = state.failed.as_ref().filter(|it| it.0 >= wanted) {
                return Err(io::Error::new(*kind, text.clone()));
            }
            if state.done >= wanted {
                return Ok(());
            }
        }
        state.begun += 1;
        state.is_running = true;
        let own = state.begun;
        drop(state);
        let result = work();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_running = false;
        match &result {
            Ok(()) => state.done = own,
            Err(error) => state.failed = Some((own, error.kind(), error.to_string())),
        }
        self.ended.notify_all();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// One thread is in the middle of the work, and others come then: gives how often the work is done in all, and what they hear.
    fn behind_one(others: usize, work: impl Fn() -> io::Result<()> + Sync) -> (usize, Vec<bool>) {
        let (together, count, arrived) = (
            Together::default(),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let heard = thread::scope(|scope| {
            let shared = &together;
            let first = scope.spawn(move || {
                shared.run(|| {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    Ok(())
                })
            });
            has_begun.recv().unwrap();
            let others: Vec<_> = (0..others)
                .map(|_| {
                    scope.spawn(|| {
                        arrived.fetch_add(1, Ordering::SeqCst);
                        together.run(|| {
                            count.fetch_add(1, Ordering::SeqCst);
                            work()
                        })
                    })
                })
                .collect();
            while arrived.load(Ordering::SeqCst) < others.len() {
                thread::yield_now();
            }
            assert_eq!(count.load(Ordering::SeqCst), 0, "one at a time");
            go_on.send(()).unwrap();
            first.join().unwrap().unwrap();
            let heard = others.into_iter().map(|it| it.join().unwrap().is_ok());
            heard.collect()
        });
        (count.into_inner(), heard)
    }

    #[test]
    fn who_comes_in_the_middle_gets_work_that_begins_later() {
        for others in [1, 2, 16] {
            let (count, heard) = behind_one(others, || Ok(()));
            assert!((1..=others).contains(&count), "{count} of {others}");
            assert_eq!(heard, vec![true; others]);
        }
    }

    #[test]
    fn an_error_is_that_of_everybody_who_waits_for_it() {
        let (_, heard) = behind_one(16, || Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(heard, [false; 16]);
    }

    #[test]
    fn alone_each_has_work_of_its_own() {
        let (together, mut count) = (Together::default(), 0);
        for _ in 0..3 {
            let work = || {
                count += 1;
                Ok(())
            };
            together.run(work).unwrap();
        }
        assert_eq!(count, 3);
    }
}
