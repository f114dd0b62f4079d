//! `gumnut cloud fsck`

use clap::Args;
use gumnut_cloud::Cloud;
use gumnut_terminal::{Exit, Failure, Session};
use serde_json::json;

use super::data::Data;

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
        let (mut lines, mut findings) = (Vec::new(), Vec::new());
        for finding in &report.findings {
            let (kind, message) = (finding.kind(), finding.to_string());
            lines.push(format!("{kind}\t{message}"));
            findings.push(json!({ "kind": kind, "message": message }));
        }
        let json = json!({ "files": report.files, "bytes": report.bytes, "findings": findings });
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
