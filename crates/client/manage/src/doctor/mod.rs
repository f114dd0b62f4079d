//! `gumnut doctor`

mod finding;
mod keys;
mod network;
mod programs;
mod store;

use std::time::Duration;

use clap::Args;
use gumnut_settings::{Setting, Settings};
use gumnut_terminal::{Exit, Failure, Lines, Output, Session, block_on};
use serde_json::{Value, json};

use self::finding::{Finding, Status};

/// Check the settings, the keys, the cloud and this machine.
///
/// Shows every setting with its source, and checks keys and certificates, both services, their clocks, signatures of both
/// versions, the account, permissions in the object store (with a new bucket that is deleted again), and the programs
/// that gumnut runs. Each check is ok, a warning or a failure, and says what to do. The exit code is 3 if a check fails.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut doctor
  gumnut doctor --config ~/.euca/eucarc --no-write
  gumnut doctor --json | jq '.checks[] | select(.status != \"ok\")'")]
pub struct Doctor {
    /// Create no bucket and no object
    #[arg(long)]
    no_write: bool,
    /// Seconds for each request
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl Doctor {
    /// Runs the checks and prints what they found.
    ///
    /// # Errors
    /// When a check failed, or the result cannot be printed.
    pub fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let mut findings = Vec::new();
        let settings = session.settings();
        let shown = settings
            .as_ref()
            .map(Settings::describe)
            .unwrap_or_default();
        match &settings {
            Ok(settings) => {
                findings.extend(keys::check(settings));
                let limit = Duration::from_secs(self.timeout);
                let cloud = network::Cloud {
                    session,
                    settings,
                    limit,
                };
                block_on(async {
                    findings.extend(cloud.check().await);
                    if !self.no_write {
                        findings.extend(store::check(&cloud).await);
                    }
                    Ok(())
                })?;
            }
            Err(error) => findings.push(Finding::of_error("settings", error)),
        }
        findings.extend(programs::check());
        report(&session.output, &shown, &findings)?;
        verdict(&findings)
    }
}

fn report(output: &Output, shown: &[Setting], findings: &[Finding]) -> Result<(), anyhow::Error> {
    let json = json!({
        "settings": shown.iter().map(setting).collect::<Vec<Value>>(),
        "checks": findings.iter().map(Finding::json).collect::<Vec<Value>>(),
        "ok": count(findings, Status::Failure) == 0,
    });
    let mut lines: Lines = shown.iter().map(line).collect();
    // The worst is read first: it stands last, above the prompt.
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.status);
    for finding in sorted {
        lines.append(finding.lines());
    }
    output.result(&json, &lines)
}

fn setting(shown: &Setting) -> Value {
    json!({ "name": shown.name, "value": shown.value, "source": shown.source })
}

fn line(shown: &Setting) -> [String; 4] {
    let (value, source) = match (&shown.value, &shown.source) {
        (Some(value), Some(source)) => (value.clone(), source.clone()),
        _ => ("-".to_owned(), "not set".to_owned()),
    };
    ["setting".to_owned(), shown.name.to_owned(), value, source]
}

fn count(findings: &[Finding], status: Status) -> usize {
    findings
        .iter()
        .filter(|finding| finding.status == status)
        .count()
}

fn verdict(findings: &[Finding]) -> Result<(), anyhow::Error> {
    let failures = count(findings, Status::Failure);
    let warnings = count(findings, Status::Warning);
    if failures == 0 {
        return Ok(());
    }
    let message = format!("{failures} checks failed, with {warnings} warnings");
    Err(Failure::new(Exit::Input, message)
        .hint("see above what to do about each")
        .into())
}
