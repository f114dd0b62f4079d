//! Files that are there already.

/// What to do when a file that is to be written exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Fail, and leave the file alone.
    #[default]
    Refuse,
    /// Replace the file once the new one is complete.
    Replace,
}
