//! `gumnut cloud fsck`

use clap::Args;
use gumnut_cloud::{Cloud, Finding, Repair, Report};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;
use tokio::runtime::Handle;

use crate::data::Data;
use crate::refused::refused;

/// Check the catalogue and the objects of a cloud.
///
/// If everything is in the data directory, the cloud must be stopped, and every digest is checked. Changes nothing; the directory can be
/// read-only. Orphans in `tmp` are left by a cloud that was killed; the next start removes them. Orphans elsewhere are never removed.
///
/// With a catalogue in PostgreSQL or objects in a bucket, front ends can be running. Presence and size of all objects are checked, and with
/// --deep their digests. Orphans are left by front ends that were killed; front ends or `gumnut cloud gc` delete them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud fsck --data /srv/cloud
  gumnut cloud fsck --server-config cloud.toml --deep")]
pub struct Fsck {
    #[command(flatten)]
    data: Data,
    /// Read all objects and compare them with their digests; always done if everything is in the data directory
    #[arg(long)]
    deep: bool,
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
        let settings = self.data.settings()?;
        if settings.is_embedded() {
            let repair = Repair::new(self.accept_catalogue, self.move_orphans);
            let bar = session.output.bar("reading objects", 0);
            let report = Cloud::repair(&settings.folder()?, repair, &bar)?;
            bar.clear();
            return say(session, &report, true, "the data directory");
        }
        if self.accept_catalogue || self.move_orphans {
            let message = "--accept-catalogue and --move-orphans are for a cloud with everything in its data directory";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let config = settings.config()?;
        let what = if self.deep {
            "reading objects"
        } else {
            "looking for objects"
        };
        let bar = session.output.bar(what, 0);
        let check = Cloud::fsck_shared(&config, self.deep, &bar);
        let report = Handle::current().block_on(check).map_err(refused)?;
        bar.clear();
        say(session, &report, self.deep, "the cloud")
    }
}

/// Prints what was found in `place`; an error when something is wrong.
fn say(
    session: &Session,
    report: &Report,
    is_deep: bool,
    place: &str,
) -> Result<(), anyhow::Error> {
    let (mut lines, mut findings) = (Lines::default(), Vec::new());
    for finding in &report.findings {
        let (kind, message) = (finding.kind(), finding.to_string());
        lines.push([kind, &message]);
        let mut json = json!({ "kind": kind, "message": message, "is_fault": finding.is_fault() });
        if let Finding::OrphanBlob { blob, size, age } = finding {
            json["blob"] = json!(blob);
            json["bytes"] = json!(size);
            json["age_seconds"] = json!(age.as_secs());
        }
        findings.push(json);
    }
    let (files, small, bytes) = (report.files, report.inline, report.bytes);
    let small = is_deep.then_some(small);
    let json = json!({
        "files": files,
        "small_objects": small,
        "bytes": bytes,
        "given_up": report.given_up,
        "recent": report.recent,
        "faults": report.faults(),
        "deep": is_deep,
        "findings": findings,
    });
    if report.is_clean() {
        let counted = match small {
            Some(small) => format!("{files} files, {small} small objects, {bytes} bytes"),
            None => format!("{files} files, {bytes} bytes; digests were not checked"),
        };
        lines.push(["clean", &counted]);
    }
    session.output.result(&json, &lines)?;
    if report.is_clean() {
        return Ok(());
    }
    let message = format!("{place} has {} faults", report.faults());
    Err(Failure::new(Exit::Input, message).into())
}
