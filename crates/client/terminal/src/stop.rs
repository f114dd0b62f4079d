//! Signals that ask the program to end.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// Signals belong to the whole process.
static WATCHED: OnceLock<Stop> = OnceLock::new();

/// Whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    /// The signal that came last; 0: none.
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Watches for ^C, SIGTERM and a terminal that is closed (SIGHUP). The first asks every worker to stop soon, so that
    /// temporary files go; a second ^C or SIGTERM ends the program at once. SIGHUP remains ignored if the program was started to
    /// ignore it, as `nohup` does. SIGINT does not: shells let background jobs ignore it, and who sends it to one means it.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn on_interrupt() -> io::Result<Self> {
        if let Some(stop) = WATCHED.get() {
            return Ok(stop.clone());
        }
        let stop = Self::default();
        let ignored = ignored_signals();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if signal == SIGHUP && ignored & (1 << (signal - 1)) != 0 {
                continue;
            }
            if signal != SIGHUP {
                // In this order: the flag that the first signal sets must not yet be set when it is asked for. Shells and
                // terminals may both report a terminal that is closed, which is no second wish.
                flag::register_conditional_shutdown(signal, 128 + signal, stop.asked.clone())?;
            }
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, stop.signal.clone(), number)?;
            flag::register(signal, stop.asked.clone())?;
        }
        Ok(WATCHED.get_or_init(|| stop).clone())
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

/// What a program ends with that was interrupted: as the signal says that did it.
pub(crate) fn exit() -> Exit {
    let signal = WATCHED
        .get()
        .map_or(0, |stop| stop.signal.load(Ordering::Relaxed));
    match i32::try_from(signal) {
        Ok(SIGTERM) => Exit::Terminated,
        Ok(SIGHUP) => Exit::HungUp,
        _ => Exit::Interrupted,
    }
}

/// The signals that the program was started to ignore, one bit each; none where the system does not say.
fn ignored_signals() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).unwrap_or(0)
}

fn ignored(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_is_ignored() {
        assert_eq!(
            ignored("SigBlk:\t0\nSigIgn:\t0000000000001001\n"),
            Some(0x1001)
        );
        assert_eq!(ignored("Name:\tgumnut\n"), None);
    }
}
