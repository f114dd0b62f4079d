//! `gumnut retire`

use std::time::Duration;

use clap::Args;
use gumnut_manage::{Each, once_each};
use gumnut_terminal::{Exit, Failure, Lines, Session, Stop, Watch, exit_code};
use gumnut_types::ManifestLocation;
use gumnut_workflows::{BundleRef, Retired, Step, WorkflowError};
use serde_json::{Value, json};

/// Deregister an image and delete its bundle, if no other image uses it.
///
/// Waits until the cloud no longer lists the image, and then deletes the bundle, its manifest first. What another image
/// still uses is kept and listed. If one of several images cannot be retired, an error is printed for it and the others are
/// retired. If the command is interrupted after the image was deregistered, pass BUCKET/KEY of the manifest to finish.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut retire emi-9FE813FD --dry-run
  gumnut retire emi-9FE813FD --with-kernel-and-ramdisk
  gumnut retire image-bucket/disk.img.manifest.xml")]
pub(crate) struct Retire {
    /// The images, kernels or ramdisks; or the manifests of bundles that no image uses any more
    #[arg(value_name = "ID|BUCKET/KEY", required = true)]
    subjects: Vec<BundleRef>,
    /// Retire the image's kernel and ramdisk too, unless another image uses them
    #[arg(long)]
    with_kernel_and_ramdisk: bool,
    /// List what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Seconds to wait until the cloud has removed an image
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
}

impl Retire {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let cloud = session.signed_cloud(&settings, session.cloud.signature)?;
        let retire = gumnut_workflows::Retire::new(cloud)
            .with_kernel_and_ramdisk(self.with_kernel_and_ramdisk)
            .patience(Duration::from_secs(self.timeout));
        let subjects = once_each(&self.subjects);
        let (plan, refused) = retire.plan_possible(&subjects).await?;
        let mut each = Each::<()>::of(subjects.len());
        for (subject, error) in refused {
            each.note(&subject, Err(explain(error)));
        }
        let preview = plan.preview();
        if self.dry_run {
            return each.finish(session, |_, failed| self.report(&preview, &failed));
        }
        let output = session.output.clone();
        let watch = Watch::new(&session.output, &Stop::default(), move |step| match step {
            Step::Deregistering { id } => output.say(format!("removing {id}")),
            Step::Deleting { location } => output.say(format!("removing {location}")),
            _ => {}
        });
        let (retired, done) = retire.carry_out(plan, watch).await;
        if let Err(error) = done {
            let error = go_on_with(error, &preview.bundles);
            each.note(&"the removal", Err(error));
        }
        each.finish(session, |_, failed| self.report(&retired, &failed))
    }

    fn report(&self, retired: &Retired, failed: &Value) -> (Value, Lines) {
        let bundles = retired.bundles.iter().map(
            |(location, objects)| json!({ "location": location.to_string(), "objects": objects }),
        );
        let kept = retired
            .kept
            .iter()
            .map(|kept| json!({ "what": kept.what, "why": kept.why }));
        let json = json!({
            "dry_run": self.dry_run,
            "images": retired.images,
            "bundles": bundles.collect::<Vec<Value>>(),
            "kept": kept.collect::<Vec<Value>>(),
            "failed": failed,
        });
        (json, lines(retired))
    }
}

/// One line each.
fn lines(retired: &Retired) -> Lines {
    let mut lines = Lines::default();
    for image in &retired.images {
        lines.push(["IMAGE".to_owned(), image.clone()]);
    }
    for (location, objects) in &retired.bundles {
        let objects = format!("{objects} objects");
        lines.push(["BUNDLE".to_owned(), location.to_string(), objects]);
    }
    for kept in &retired.kept {
        lines.push(["KEPT".to_owned(), kept.what.clone(), kept.why.clone()]);
    }
    lines
}

fn explain(error: WorkflowError) -> anyhow::Error {
    match error {
        error @ WorkflowError::InUse { .. } => Failure::new(Exit::Refused, error.to_string())
            .hint("retire that image first")
            .into(),
        error @ WorkflowError::NoImage(_) => Failure::new(Exit::Refused, error.to_string())
            .hint("gumnut images lists all images; to delete the bundle of a removed image, pass its BUCKET/KEY")
            .into(),
        error => error.into(),
    }
}

/// The bundle is what a run leaves behind that was interrupted; its image may be gone.
fn go_on_with(error: WorkflowError, bundles: &[(ManifestLocation, usize)]) -> anyhow::Error {
    let Some((location, _)) = bundles.first() else {
        return error.into();
    };
    let hint = format!(
        "run the command again; if the image has been removed, `gumnut retire {location}` deletes its bundle"
    );
    let error = anyhow::Error::new(error);
    Failure::new(exit_code(&error, &[]), "not everything could be removed")
        .because(error)
        .hint(hint)
        .into()
}
