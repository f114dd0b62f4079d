//! Inspection and resizing of real images, judged by the e2fsprogs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;
mod image;
mod inspecting;
mod resizing;
