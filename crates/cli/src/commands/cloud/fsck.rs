//! `gumnut cloud fsck`

use clap::Args;
use gumnut_cloud::{Cloud, Finding};
use gumnut_terminal::{Exit, Failure, Session};
use serde_json::json;

use super::Data;

/// Check the data folder of a cloud that is stopped, every digest included.
///
/// Changes nothing. Orphans are what a killed cloud leaves; the next start removes them.
#[derive(Args)]
pub(crate) struct Fsck {
    #[command(flatten)]
    data: Data,
}

impl Fsck {
    pub(super) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let report = Cloud::fsck(&self.data.folder()?)?;
        let value =
            |finding: &Finding| json!({ "kind": finding.kind(), "message": finding.to_string() });
        let line = |finding: &Finding| format!("{}\t{finding}", finding.kind());
        let findings: Vec<_> = report.findings.iter().map(value).collect();
        let json = json!({ "files": report.files, "bytes": report.bytes, "findings": findings });
        let mut lines: Vec<_> = report.findings.iter().map(line).collect();
        if report.is_clean() {
            lines.push(format!(
                "clean\t{} files, {} bytes",
                report.files, report.bytes
            ));
        }
        session.output.result(&json, &lines.join("\n"))?;
        if report.is_clean() {
            return Ok(());
        }
        let message = format!("the data folder has {} faults", report.findings.len());
        Err(Failure::new(Exit::Input, message).into())
    }
}
