//! What a guest has written to its serial console: the beginning and the end, however much it was.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A serial console as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console {
    /// The first 64 KiB, as Eucalyptus showed them.
    pub first: Vec<u8>,
    /// The last 64 KiB, as EC2 shows them.
    pub last: Vec<u8>,
}

/// How much of each end is kept, in bytes.
const KEPT: usize = 64 << 10;

/// A console that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    first: Vec<u8>,
    last: VecDeque<u8>,
}

impl Recorder {
    pub(crate) fn console(&self) -> Console {
        let kept = self.kept();
        Console {
            first: kept.first.clone(),
            last: kept.last.iter().copied().collect(),
        }
    }

    /// Reads to the end. A guest that writes without end is slowed down by nothing, and takes no more room.
    pub(crate) fn record(&self, mut reader: impl Read) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            self.kept().add(&buffer[..count]);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, piece: &[u8]) {
        let room = KEPT - self.first.len();
        self.first
            .extend_from_slice(&piece[..piece.len().min(room)]);
        self.last.extend(piece);
        let surplus = self.last.len().saturating_sub(KEPT);
        self.last.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_long_console_are_kept() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let recorder = Recorder::default();
        recorder.record(&text[..]);
        let console = recorder.console();
        assert_eq!(console.first, text[..KEPT]);
        assert_eq!(console.last, text[text.len() - KEPT..]);
    }

    #[test]
    fn a_short_console_is_both_its_ends() {
        let recorder = Recorder::default();
        recorder.record(&b"login: "[..]);
        let console = recorder.console();
        assert_eq!(
            (console.first, console.last),
            (b"login: ".to_vec(), b"login: ".to_vec())
        );
    }
}
