//! What to do about the failures of a run.

use gumnut_maker::MakeError;
use gumnut_terminal::{Exit, Failure};
use gumnut_workflows::WorkflowError;

use crate::commands::made::failure;

/// The failure with its exit code and a hint, where there is one to give.
pub(super) fn explain(error: WorkflowError) -> anyhow::Error {
    use WorkflowError as E;
    let error = match made(error) {
        Ok(error) => return failure(error),
        Err(error) => error,
    };
    let (exit, hint) = match &error {
        E::NoEc2 => (
            Exit::Usage,
            "set EC2_URL, or pass --no-register to store the bundles only",
        ),
        E::Ambiguous { found, .. } if found.is_empty() => {
            (Exit::Input, "`gumnut inspect` shows what it contains")
        }
        E::Ambiguous { .. } => (
            Exit::Input,
            "unpack it, and publish the disk with --kernel FILE and --ramdisk FILE",
        ),
        E::ImageName { .. } | E::Key { .. } => (Exit::Input, "give the file another name"),
        E::NoBucket(_) => (Exit::Usage, "pass --bucket NAME"),
        E::UnknownArchitecture => (Exit::Usage, "pass --arch ARCH"),
        E::NoKernel => (
            Exit::Usage,
            "pass --kernel with a file or the id of one that is registered, and --ramdisk if the kernel needs one",
        ),
        E::Checks { .. } => (
            Exit::Input,
            "docs/checks.md says what to do about each; --ignore-checks publishes anyway",
        ),
        E::Taken(_) => (
            Exit::Refused,
            "pass another --bucket or --prefix, or --force to publish in addition to it",
        ),
        E::AclRefused(_) => (
            Exit::Refused,
            "try again with --acl none, and give the cloud access to the bucket in another way",
        ),
        E::Altered(_) => (
            Exit::Refused,
            "another program writes to this location; run the command again to repair the bundle",
        ),
        E::Differs => (
            Exit::Input,
            "stop the program that writes to the image, and run the command again",
        ),
        E::NoRun(_) => (Exit::Usage, "`gumnut runs` lists all runs"),
        E::Complete(_) => (Exit::Usage, "remove its images with `gumnut retire ID`"),
        E::OtherSite { .. } => (
            Exit::Usage,
            "use the settings with which the run was started",
        ),
        E::TargetChanged { .. } => (
            Exit::Input,
            "undo it with `gumnut abort RUN`, and publish the target again",
        ),
        E::NotMade { .. } => (
            Exit::Input,
            "publish it again with the options of the first time, or undo the run with `gumnut abort RUN`",
        ),
        _ => return error.into(),
    };
    let failure = Failure::new(exit, error.to_string()).hint(hint);
    match error {
        E::AclRefused(source) => failure.because(source),
        E::ImageName { source, .. } => failure.because(source),
        E::Key { source, .. } => failure.because(source),
        _ => failure,
    }
    .into()
}

/// The error of making the images of a tree, if this is one.
fn made(error: WorkflowError) -> Result<MakeError, WorkflowError> {
    match error {
        WorkflowError::Make { fault, source } => match source.downcast() {
            Ok(error) => Ok(*error),
            Err(source) => Err(WorkflowError::Make { fault, source }),
        },
        error => Err(error),
    }
}
