//! The images of a tree of files.

use std::path::Path;

use gumnut_disk_image::inspect;
use gumnut_workflows::{Observer, RunId, Step, WorkflowError};

use super::choose::add_files;
use super::image::Image;
use super::open::Source;
use crate::journal::RunFolder;
use crate::{MakeImages, Plan, Tree};

/// The images of a tree: those that an earlier attempt of the run has made, or new ones.
pub(crate) fn of_tree(
    plan: &Plan,
    tree: &Tree,
    folder: &RunFolder,
    make: Option<MakeImages>,
    run: &RunId,
    observer: &dyn Observer,
) -> Result<Source, WorkflowError> {
    folder.clear_scratch()?;
    let images = folder.images();
    if !images.is_dir() {
        let make = make.ok_or_else(|| WorkflowError::NotMade {
            run: run.clone(),
            target: plan.target(),
        })?;
        let scratch = folder.scratch();
        fs_err::create_dir_all(&scratch).map_err(|error| failed(&scratch, error))?;
        observer.step(&Step::Making {
            path: &plan.target(),
            bytes: tree.bytes(),
        });
        make(&scratch, observer)?;
        // Its name says that all of them are complete.
        fs_err::rename(&scratch, &images).map_err(|error| failed(&images, error))?;
        folder.sync()?;
    }
    let found = tree.images.iter().map(|image| {
        let name = Path::new(image.name.as_str());
        let path = images.join(name);
        let inspection = inspect(&path)?;
        Image::new(image.class, name, path, inspection)
    });
    let mut source = Source::of(found.collect::<Result<_, _>>()?);
    add_files(plan, &mut source.images)?;
    if observer.cancelled() {
        return Err(WorkflowError::Cancelled);
    }
    Ok(source)
}

fn failed(path: &Path, source: std::io::Error) -> WorkflowError {
    WorkflowError::Scratch {
        path: path.to_owned(),
        source,
    }
}
