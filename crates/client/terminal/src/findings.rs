//! Findings of the checks of images.

use gumnut_disk_image::{Finding, Severity};

use crate::output::Output;

/// Says the findings as warnings, notes aside.
pub fn warn_of_findings(findings: &[Finding]) {
    for finding in findings {
        let check = finding.check;
        if check.severity != Severity::Note {
            let message = &finding.message;
            Output::warn(format!("{}: {message}; {}", check.id, check.meaning));
        }
    }
}
