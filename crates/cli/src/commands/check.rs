//! `gumnut check`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gumnut_disk_image::{Finding, Inspection, NoProgress, RawImage, Severity, Start, Subject};
use gumnut_terminal::{Exit, Failure, Lines, Session, warn_of_findings};
use gumnut_types::Architecture;
use serde_json::{Value, json};

/// Find problems that would prevent an instance of an image from starting.
///
/// Compares the disk with the kernel and ramdisk that will start it, and looks for secrets in it. Changes nothing.
/// docs/checks.md lists the checks.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut check new.img --kernel vmlinuz-2.6.28-11-server --ramdisk initrd.img-2.6.28-11-server --hypervisor kvm")]
pub(crate) struct Check {
    /// The disk image
    image: PathBuf,
    /// Kernel that will start the image
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Ramdisk that will start the image
    #[arg(long, value_name = "FILE")]
    ramdisk: Option<PathBuf>,
    /// Hypervisor that will run the image
    #[arg(long, value_name = "HYPERVISOR")]
    hypervisor: Option<Hypervisor>,
    /// Architecture with which the image will be registered
    #[arg(long, value_name = "ARCH", value_parser = Architecture::from_common_name)]
    arch: Option<Architecture>,
    /// The image will start with its own boot loader
    #[arg(long, conflicts_with_all = ["kernel", "ramdisk"])]
    hvm: bool,
    /// Exit with code 3 also if there are only warnings
    #[arg(long)]
    strict: bool,
}

/// A hypervisor, as the command line says it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hypervisor {
    Kvm,
    Xen,
}

impl Hypervisor {
    pub(crate) fn kind(self) -> gumnut_disk_image::Hypervisor {
        match self {
            Self::Kvm => gumnut_disk_image::Hypervisor::Kvm,
            Self::Xen => gumnut_disk_image::Hypervisor::Xen,
        }
    }
}

impl Check {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let image = inspect(&self.image)?;
        let kernel = self
            .kernel
            .as_deref()
            .map(gumnut_disk_image::inspect)
            .transpose()?;
        let ramdisk = self
            .ramdisk
            .as_deref()
            .map(gumnut_disk_image::inspect)
            .transpose()?;
        let mut subject = Subject::new(&image);
        subject.kernel = kernel.as_ref();
        subject.ramdisk = ramdisk.as_ref();
        subject.architecture = self.arch;
        subject.hypervisor = self.hypervisor.map(Hypervisor::kind);
        subject.start = self.hvm.then_some(Start::OwnBootLoader);
        let findings = gumnut_disk_image::check(&subject);
        let json = json!({
            "image": self.image.to_string_lossy(),
            "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        });
        session.output.result(&json, &text(&findings))?;
        verdict(&self.image, &findings, self.strict)
    }
}

/// Inspects an image; of a virtual disk, what is in it.
pub(super) fn inspect(path: &Path) -> Result<Inspection, anyhow::Error> {
    let raw = RawImage::open(path, &std::env::temp_dir(), &NoProgress)?;
    Ok(gumnut_disk_image::inspect(raw.path())?)
}

/// Says the findings as warnings; with `strict` errors and warnings are an error.
pub(super) fn warn(path: &Path, findings: &[Finding], strict: bool) -> Result<(), anyhow::Error> {
    warn_of_findings(findings);
    if strict {
        verdict(path, findings, true)?;
    }
    Ok(())
}

fn verdict(path: &Path, findings: &[Finding], strict: bool) -> Result<(), anyhow::Error> {
    let (errors, warnings) = (
        count(findings, Severity::Error),
        count(findings, Severity::Warning),
    );
    if errors == 0 && (warnings == 0 || !strict) {
        return Ok(());
    }
    let message = format!(
        "{} did not pass its checks: {errors} errors, {warnings} warnings",
        path.display()
    );
    Err(Failure::new(Exit::Input, message)
        .hint("docs/checks.md says what to do about each")
        .into())
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings
        .iter()
        .filter(|finding| finding.check.severity == severity)
        .count()
}

fn text(findings: &[Finding]) -> Lines {
    if findings.is_empty() {
        return Lines::one("no problems found");
    }
    let mut lines = Lines::default();
    for finding in findings {
        let check = finding.check;
        lines.push([name(check.severity), check.id, &finding.message]);
        lines.push([format!("  {}", check.meaning)]);
        lines.push([format!("  what to do: {}", check.remedy)]);
    }
    lines
}

fn finding(finding: &Finding) -> Value {
    let check = finding.check;
    json!({
        "id": check.id,
        "severity": name(check.severity),
        "message": finding.message,
        "meaning": check.meaning,
        "remedy": check.remedy,
    })
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
