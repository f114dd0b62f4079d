//! Whose fault an error is.

/// Whose fault an error is: enough to choose an exit code, a status or a reaction without knowing the variants of
/// the error.
///
/// Every error of a gumnut library has a method `fault()` that answers with one of these. The enum is exhaustive on
/// purpose: code that maps it decides about every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller asked for something that cannot be: a wrong or missing argument or setting. Asking in another way
    /// helps.
    Usage,
    /// A file, key, image, bundle or manifest is missing, damaged, not trusted or in the way. Another input helps.
    Input,
    /// A server answered, and the answer is no: no right, no such bucket, a manifest that it does not accept.
    Refused,
    /// A server did not answer, or not in a form that can be understood. Trying again may help.
    Network,
    /// The machine failed: no space, no memory, no thread, no random bytes, a write error, a program that is not
    /// installed.
    System,
    /// Nobody's: the caller asked to stop.
    Cancelled,
    /// What was not foreseen: an error in gumnut itself, to be reported.
    Unexpected,
}
