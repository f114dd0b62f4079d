//! A target of `gumnut publish` that is a tree of files.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_maker::{
    Input, KernelCopies, MakeError, MakeOptions, Notes, Prepared, SourceForm, Summary,
};
use gumnut_publish::{MakeImages, Tree, TreeImage};
use gumnut_terminal::{Exit, Failure, Session, Stop, block_on};
use gumnut_types::{Existing, ImageClass, ImageName, Progress};
use gumnut_workflows::{Observer, WorkflowError};

use super::explain::explain;
use super::follow::Following;
use super::{Publish, publisher, report};
use crate::commands::made::{failure, tell, tell_changes};

/// Ends of file names of archives, from the last to the first.
const ENDINGS: [&str; 14] = [
    ".gz", ".xz", ".zst", ".bz2", ".lz4", ".lzma", ".lzo", ".lz", ".tgz", ".txz", ".tbz2", ".tzst",
    ".tar", ".oci",
];
/// The image of a tree that has no name, as `/`.
const NO_NAME: &str = "root";

/// Notes of the image, once it has been made.
type Said = Arc<Mutex<Option<Notes>>>;

impl Publish {
    /// The form of a target that is a tree of files. `None`: it has images already, or cannot be read, which is said by what reads it.
    pub(super) fn form(&self) -> Option<SourceForm> {
        let given = self.from.form();
        given.or_else(|| gumnut_maker::recognise(&self.target).ok().flatten())
    }

    /// Nothing that was asked for is left out silently.
    pub(super) fn refuse_options_of_trees(&self) -> Result<(), Failure> {
        let given = self.from.given().or_else(|| self.tree.given());
        let Some(option) = given.or_else(|| self.running.given()) else {
            return Ok(());
        };
        let target = self.target.display();
        let message = format!("{option} is for trees of files, and {target} has images");
        Err(Failure::new(Exit::Usage, message)
            .hint("leave it out, or say with --from what the target is"))
    }

    pub(super) fn publish_tree(
        &self,
        session: &Session,
        form: SourceForm,
    ) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let keys = self.keys.keys(session, &settings)?;
        let mut publisher = publisher(session, &settings, keys, self.jobs)?;
        if let Some(threads) = self.threads {
            publisher = publisher.threads(threads);
        }
        let following = Following::new(&session.output)?;
        let (prepared, digest) = self.prepare(session, form, &following.stop)?;
        let summary = prepared.summary().clone();
        let images = self.images_of(&summary)?;
        let plan = self.plan(&settings)?.tree(Tree {
            digest,
            images: images.clone(),
        });
        if plan.registers() {
            publisher.cloud().ec2().map_err(explain)?;
        }
        tell(&session.output, &summary, &summary.notes);
        let watch = Arc::clone(&following.watch);
        if self.dry_run {
            let work = async { publisher.dry_run(&plan, watch).await.map_err(explain) };
            let tree = summary.json(&summary.notes);
            return report::calls(&session.output, &block_on(work)?, Some(tree));
        }
        let said = Said::default();
        let make = make(prepared, images, Arc::clone(&said));
        let publishing = publisher.publish_tree(&plan, make, watch);
        following.wait(session, publishing, || {
            let notes = said.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(notes) = &notes {
                tell_changes(&session.output, notes);
            }
            Some(summary.json(notes.as_ref().unwrap_or(&summary.notes)))
        })
    }

    /// Reads the names of the tree, and what says whether it is the one of an earlier run.
    fn prepare(
        &self,
        session: &Session,
        form: SourceForm,
        stop: &Stop,
    ) -> Result<(Prepared, String), anyhow::Error> {
        let common = self.tree.common(self.size)?;
        let is_running = self.target == Path::new("/") && form == SourceForm::Directory;
        let options = if is_running {
            if let Some(option) = self.from.given() {
                let message = format!("{option} is not for the running system");
                return Err(Failure::new(Exit::Usage, message).into());
            }
            self.running.complete(&self.target, &self.tree, common)
        } else {
            if let Some(option) = self.running.given() {
                let message = format!("{option} is for the running system: publish /");
                return Err(Failure::new(Exit::Usage, message).into());
            }
            MakeOptions {
                form: Some(form),
                ..self.from.complete(&self.tree, common)?
            }
        };
        let bar = session.output.bar("reading names", 0).stopped_by(stop);
        let prepared = gumnut_maker::prepare(Input::Path(&self.target), &options, &bar);
        bar.clear();
        let prepared = prepared.map_err(failure)?;
        let total = prepared.summary().to_read;
        let bar = session.output.bar("comparing", total).stopped_by(stop);
        let digest = prepared.digest(&bar);
        bar.clear();
        Ok((prepared, digest.map_err(failure)?))
    }

    /// What becomes of the tree: its disk, and the best kernel in it with its ramdisk, unless others were given.
    fn images_of(&self, summary: &Summary) -> Result<Vec<TreeImage>, Failure> {
        let mut images = Vec::new();
        let has_kernel = self.kernel.is_some() || self.kernel_file.is_some();
        let has_ramdisk = self.ramdisk.is_some() || self.ramdisk_file.is_some();
        if let Some(kernel) = summary.kernels.first().filter(|_| !has_kernel) {
            images.push(image(ImageClass::Kernel, &last(&kernel.path), summary)?);
            if let Some((path, _)) = kernel.ramdisk.as_ref().filter(|_| !has_ramdisk) {
                images.push(image(ImageClass::Ramdisk, &last(path), summary)?);
            }
        }
        let name = self.target.file_name().unwrap_or_default();
        let mut stem = name.to_string_lossy().into_owned();
        for ending in ENDINGS {
            if let Some(rest) = stem.strip_suffix(ending).map(str::to_owned) {
                stem = rest;
            }
        }
        if stem.is_empty() {
            NO_NAME.clone_into(&mut stem);
        }
        images.push(image(ImageClass::Machine, &format!("{stem}.img"), summary)?);
        Ok(images)
    }
}

/// How the images are made.
fn make(prepared: Prepared, images: Vec<TreeImage>, said: Said) -> MakeImages {
    Box::new(move |folder: &Path, observer: &dyn Observer| {
        let path = |class| {
            let image = images.iter().find(|image| image.class == class);
            image.map(|image| folder.join(image.name.as_str()))
        };
        let (kernel, ramdisk) = (path(ImageClass::Kernel), path(ImageClass::Ramdisk));
        let copies = KernelCopies {
            kernel: kernel.as_deref(),
            ramdisk: ramdisk.as_deref(),
        };
        let disk = path(ImageClass::Machine).unwrap_or_else(|| folder.join(NO_NAME));
        let progress: &dyn Progress = observer;
        let made = prepared.write(&disk, Existing::Refuse, copies, progress);
        let made = made.map_err(|error| not_made(error, observer))?;
        *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.notes);
        Ok(())
    })
}

fn not_made(error: MakeError, observer: &dyn Observer) -> WorkflowError {
    if observer.cancelled() {
        return WorkflowError::Cancelled;
    }
    WorkflowError::Make {
        fault: error.fault(),
        source: Box::new(error),
    }
}

/// An image of this name and about this many bytes.
fn image(class: ImageClass, name: &str, summary: &Summary) -> Result<TreeImage, Failure> {
    let bytes = match class {
        ImageClass::Machine => summary.used,
        ImageClass::Kernel => summary.kernel_bytes,
        ImageClass::Ramdisk => summary.ramdisk_bytes,
    };
    let name = ImageName::of_file(Path::new(name)).map_err(|error| {
        Failure::new(Exit::Input, format!("{name:?} cannot name a bundle")).because(error)
    })?;
    Ok(TreeImage { class, name, bytes })
}

/// The last name of a path in a tree.
fn last(path: &[u8]) -> String {
    let name = path.rsplit(|byte| *byte == b'/').next();
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}
