//! Checks before an image is registered: what would keep an instance from starting, or give away
//! secrets, is found while it can still be fixed.

mod boot;
mod catalogue;
mod image;
mod kernel;
mod privacy;

use std::fmt;
use std::str::FromStr;

use gumnut_types::Architecture;

use crate::content::Inspection;
pub use catalogue::{Check, Severity};

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which check.
    pub check: &'static Check,
    /// What it found, with the values that it compared.
    pub message: String,
}

/// The hypervisor that will run the image. As text `kvm` or `xen`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hypervisor {
    /// KVM.
    #[default]
    Kvm,
    /// Xen, paravirtual.
    Xen,
}

/// Why a text names no hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hypervisor is kvm or xen")]
pub struct HypervisorError;

impl fmt::Display for Hypervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Xen => "xen",
        })
    }
}

impl FromStr for Hypervisor {
    type Err = HypervisorError;

    fn from_str(text: &str) -> Result<Self, HypervisorError> {
        match text {
            "kvm" => Ok(Self::Kvm),
            "xen" => Ok(Self::Xen),
            _ => Err(HypervisorError),
        }
    }
}

/// A machine image and what it will be started with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The disk.
    pub image: &'a Inspection,
    /// The kernel.
    pub kernel: Option<&'a Inspection>,
    /// The ramdisk.
    pub ramdisk: Option<&'a Inspection>,
    /// Where it will run.
    pub hypervisor: Option<Hypervisor>,
    /// What the image will be registered as.
    pub architecture: Option<Architecture>,
    /// How it will be started, if that is known.
    pub start: Option<Start>,
}

/// How a machine image is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With a kernel that the cloud adds; the image is a bare root file system.
    Kernel,
    /// By its own boot loader; the image is a whole disk.
    OwnBootLoader,
}

impl<'a> Subject<'a> {
    /// A machine image of which nothing else is known.
    pub fn new(image: &'a Inspection) -> Self {
        Self {
            image,
            kernel: None,
            ramdisk: None,
            hypervisor: None,
            architecture: None,
            start: None,
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static Check, message: impl Into<String>) {
        self.0.push(Finding {
            check,
            message: message.into(),
        });
    }
}

/// Checks a machine image; the most severe findings come first.
pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    image::check(subject, &mut findings);
    kernel::check(subject, &mut findings);
    boot::check(subject, &mut findings);
    privacy::check(subject, &mut findings);
    findings.0.sort_by_key(|finding| finding.check.severity);
    findings.0
}

/// Checks a kernel that will be registered on its own.
pub fn check_kernel(kernel: &Inspection, architecture: Option<Architecture>) -> Vec<Finding> {
    let mut findings = Findings::default();
    kernel::is_kernel(kernel, &mut findings);
    kernel::declared(kernel, architecture, &mut findings);
    findings.0
}

/// Checks a ramdisk that will be registered on its own.
pub fn check_ramdisk(ramdisk: &Inspection) -> Vec<Finding> {
    let mut findings = Findings::default();
    kernel::is_ramdisk(ramdisk, &mut findings);
    findings.0
}

/// All checks there are.
pub fn checks() -> &'static [Check] {
    &catalogue::ALL
}
