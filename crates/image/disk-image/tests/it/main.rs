//! Inspection, checks and resizing of real images, judged by e2fsprogs, fdisk, GNU tar and qemu-img.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod checking;

mod disks;
mod hostile;
mod image;
mod injecting;
mod inspecting;
mod packed;
mod ramdisks;
mod resizing;
mod tarballs;
mod virtual_disks;
mod volumes;
