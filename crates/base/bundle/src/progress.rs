//! How a caller watches and stops the work.

/// Told how far the work is, and asked whether to go on. It is called from several threads.
pub trait Progress: Sync {
    /// So many more bytes are done: of the image when bundling, of the parts otherwise.
    fn advance(&self, bytes: u64);

    /// Whether to give up. It is asked before every block, so the work ends within moments.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn advance(&self, _bytes: u64) {}
}
