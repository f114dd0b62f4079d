//! How a caller watches and stops long work.

/// Gets reports how far a piece of work is, and is asked whether to continue.
///
/// It is called from the threads that do the work, several at once: an implementation counts, and returns at once.
pub trait Progress: Sync {
    /// Another `bytes` bytes are done. Which bytes those are, of the image or of its parts, is for the work to say;
    /// holes of an image do not count where they can be told from data.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Whether to give up. It is asked before every block, so the work ends within moments, with an error whose
    /// [`Fault`](crate::Fault) is `Cancelled`.
    fn cancelled(&self) -> bool {
        false
    }
}

/// The progress of work that nobody watches and nobody stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}
