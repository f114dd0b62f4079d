//! Whether the images of a target can be published.

use gumnut_disk_image::{Finding, Severity, Start, Subject, check, insist};
use gumnut_types::{Architecture, ImageClass};
use gumnut_workflows::{Observer, Step, WorkflowError};

use super::open::Source;
use crate::Plan;

/// Whether the disk has its new size already, or gets it in the run only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sized {
    /// The disk is as it will be published.
    Done,
    /// The disk is resized later, which replays its journal and makes room.
    Later,
}

/// What a resize corrects: ids of checks.
const CORRECTED: [&str; 4] = ["journal", "unclean", "free-space", "odd-length"];

/// Says what would keep an instance from starting, stops where that is certain, and gives the architecture.
pub(crate) fn judge(
    plan: &Plan,
    source: &Source,
    sized: Sized,
    observer: &dyn Observer,
) -> Result<Architecture, WorkflowError> {
    if !plan.ignore_checks {
        for image in source.images() {
            insist(&image.known_as, &image.inspection, image.class)?;
        }
    }
    let architecture = source.architecture(plan);
    let findings = findings(plan, source, architecture, sized);
    if !findings.is_empty() {
        observer.step(&Step::Found {
            findings: &findings,
        });
    }
    let grave = findings
        .iter()
        .filter(|finding| finding.check.severity == Severity::Error)
        .count();
    if grave > 0 && !plan.ignore_checks {
        return Err(WorkflowError::Checks { grave });
    }
    insist_on_kernel(plan, source)?;
    architecture.ok_or(WorkflowError::UnknownArchitecture)
}

fn findings(
    plan: &Plan,
    source: &Source,
    architecture: Option<Architecture>,
    sized: Sized,
) -> Vec<Finding> {
    let inspection = |class| source.image(class).map(|image| &image.inspection);
    let Some(machine) = inspection(ImageClass::Machine) else {
        return Vec::new();
    };
    let mut subject = Subject::new(machine);
    subject.kernel = inspection(ImageClass::Kernel);
    subject.ramdisk = inspection(ImageClass::Ramdisk);
    subject.hypervisor = Some(plan.images.hypervisor);
    subject.architecture = architecture;
    let by_kernel = subject.kernel.is_some() || plan.images.kernel.is_some();
    subject.start = by_kernel.then_some(Start::Kernel);
    let mut findings = check(&subject);
    if sized == Sized::Later {
        findings.retain(|finding| !CORRECTED.contains(&finding.check.id));
    }
    findings
}

/// A bare file system does not start without a kernel.
fn insist_on_kernel(plan: &Plan, source: &Source) -> Result<(), WorkflowError> {
    let bare = source
        .image(ImageClass::Machine)
        .is_some_and(|image| !image.is_whole_disk());
    let has_kernel = plan.images.kernel.is_some() || source.image(ImageClass::Kernel).is_some();
    if bare && !has_kernel && plan.registers() && !plan.ignore_checks {
        return Err(WorkflowError::NoKernel);
    }
    Ok(())
}
