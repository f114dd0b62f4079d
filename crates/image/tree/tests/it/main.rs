//! Archives of GNU tar and such as no program writes, directories, container images, and the file systems that they become.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod archives;
mod containers;
mod directories;
mod gnu;
mod hostile;
mod judge;
mod made;
mod property;
