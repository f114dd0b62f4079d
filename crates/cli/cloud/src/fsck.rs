//! `gumnut cloud fsck`

use clap::Args;
use gumnut_cloud::{Cloud, Repair};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;

use crate::data::Data;

/// Check the data directory of a cloud that is stopped, including every digest.
///
/// Changes nothing; the directory can be read-only. Orphans in `tmp` are left by a cloud that was killed; the next start removes them.
/// Orphans elsewhere are never removed.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud fsck --data /srv/cloud")]
pub struct Fsck {
    #[command(flatten)]
    data: Data,
    /// Accept the existing catalogue, although it is older than the files or belongs to another cloud
    ///
    /// For a catalogue that was restored from a backup. The cloud can be started with it then. Files that it does not know are kept.
    #[arg(long)]
    accept_catalogue: bool,
    /// Move files that the catalogue does not know to the directory `orphans`
    #[arg(long)]
    move_orphans: bool,
}

impl Fsck {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let repair = Repair::new(self.accept_catalogue, self.move_orphans);
        let report = Cloud::repair(&self.data.folder()?, repair)?;
        let (mut lines, mut findings) = (Lines::default(), Vec::new());
        for finding in &report.findings {
            let (kind, message) = (finding.kind(), finding.to_string());
            lines.push([kind, &message]);
            findings.push(json!({ "kind": kind, "message": message }));
        }
        let json = json!({ "files": report.files, "small_objects": report.inline, "bytes": report.bytes, "findings": findings });
        if report.is_clean() {
            let (files, small) = (report.files, report.inline);
            let counted = format!(
                "{files} files, {small} small objects, {} bytes",
                report.bytes
            );
            lines.push(["clean", &counted]);
        }
        session.output.result(&json, &lines)?;
        if report.is_clean() {
            return Ok(());
        }
        let message = format!("the data directory has {} faults", report.faults());
        Err(Failure::new(Exit::Input, message).into())
    }
}
