//! `gumnut unpack`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use gumnut_disk_image::DiskImageError;
use gumnut_terminal::{Exit, Failure, Lines, Output, Session, Stop, unreadable};
use gumnut_types::ByteSize;
use serde_json::json;

use super::check;

/// Unpack a tarball of images.
///
/// Reads tarballs that are uncompressed or compressed with gzip, bzip2, xz, lzma, lz4, lzop, lzip or zstd, and the sparse
/// files of GNU tar. Holes are restored as holes. Names that lead out of the directory are refused, links are skipped, and
/// files get their names only when the whole tarball has been read.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut unpack euca-centos-5.3-i386.tar.gz --hypervisor kvm")]
pub(crate) struct Unpack {
    /// The tarball
    tarball: PathBuf,
    /// Directory to unpack to, created if it does not exist
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    destination: PathBuf,
    /// Skip the kernels and ramdisks of the other hypervisor
    #[arg(long, value_name = "HYPERVISOR")]
    hypervisor: Option<check::Hypervisor>,
}

impl Unpack {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let length = fs_err::metadata(&self.tarball)
            .map_err(|error| unreadable("tarball", &self.tarball, error))?
            .len();
        fs_err::create_dir_all(&self.destination)?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = session.output.bar("unpacking", length).stopped_by(&stop);
        let hypervisor = self.hypervisor.map(check::Hypervisor::kind);
        let done = gumnut_disk_image::unpack(&self.tarball, &self.destination, hypervisor, &bar);
        bar.clear();
        let unpacked = done.map_err(in_the_way)?;
        for path in &unpacked.left_out {
            Output::warn(format!(
                "{} was skipped: only files and directories are unpacked",
                path.display()
            ));
        }
        let mut lines = Lines::default();
        let mut files = Vec::new();
        for (path, size) in &unpacked.files {
            lines.push([path.display().to_string(), ByteSize(*size).to_string()]);
            files.push(json!({ "path": path.to_string_lossy(), "size": size }));
        }
        let left_out: Vec<_> = unpacked
            .left_out
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        let json = json!({ "files": files, "left_out": left_out });
        session.output.result(&json, &lines)
    }
}

/// Nothing is ever replaced here, so the hint is another one than elsewhere.
fn in_the_way(error: DiskImageError) -> anyhow::Error {
    match error {
        DiskImageError::Exists { .. } => Failure::new(Exit::Input, error.to_string())
            .hint("unpack into another directory with --destination, or remove it first")
            .into(),
        error => error.into(),
    }
}
