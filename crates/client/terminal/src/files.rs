//! Files that the user named.

use std::io::Read as _;
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;

/// The failure that a file which the user named, such as a `manifest`, cannot be read.
pub fn unreadable(what: &str, path: &Path, error: impl Into<anyhow::Error>) -> Failure {
    let message = format!("cannot read the {what} {}", path.display());
    Failure::new(Exit::Input, message).because(error)
}

/// Reads a file of at most `limit` bytes; `what` it is, such as a `private key`, is for messages.
///
/// # Errors
/// When the file cannot be read, or is larger.
pub fn read_bounded(what: &str, path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = fs_err::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(what, path, error))?;
    if read as u64 > limit {
        let path = path.display();
        let message = format!("{path} is larger than {limit} bytes, too large for a {what}");
        return Err(Failure::new(Exit::Input, message));
    }
    Ok(bytes)
}
