//! Showing a person how far a workflow is.

use std::fmt;
use std::path::{Display, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gumnut_types::ImageClass;
use gumnut_workflows::{Observer, Progress, Step};

use crate::meter::Phase;
use crate::output::Output;
use crate::progress::{Bar, disk_step};
use crate::stop::Stop;

/// Largest machine image that EC2 takes, in bytes.
const EC2_LIMIT: u64 = 10 << 30;

/// Shows one frame for all steps that take long, and lets the command say what it says of a step.
pub struct Watch {
    output: Output,
    now: Mutex<Now>,
    stop: Stop,
    say: Box<dyn Fn(&Step<'_>) + Send + Sync>,
}

/// What is shown.
#[derive(Debug, Default)]
struct Now {
    /// The frame; `None` before the first step that takes long.
    bar: Option<Bar>,
    /// The number of the stage, and how many there are.
    stage: Option<(usize, usize)>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch that shows its frame on this output, and instructs the workflow to stop when `stop` was asked.
    pub fn new(
        output: &Output,
        stop: &Stop,
        say: impl Fn(&Step<'_>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            output: output.clone(),
            now: Mutex::default(),
            stop: stop.clone(),
            say: Box::new(say),
        })
    }

    /// Shows a step of `total` bytes, 0 when that is not known yet; `then` is what is left to do when all are done.
    pub fn show(&self, what: &str, then: &'static str, total: u64) {
        self.begin(what.to_owned(), then, total);
    }

    /// Takes the frame off the screen.
    pub fn clear(&self) {
        *self.now() = Now::default();
    }

    fn begin(&self, what: String, then: &'static str, total: u64) {
        let mut now = self.now();
        let phase = Phase {
            stage: now.stage,
            what,
            then,
            total,
        };
        now.bar
            .get_or_insert_with(|| self.output.frame())
            .begin(phase);
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of a step while it lasts, what is left to do when its bytes are done, and its bytes.
fn phase(step: &Step<'_>) -> Option<(String, &'static str, u64)> {
    Some(match step {
        Step::Reading { path, bytes } => (format!("reading {}", shown(path)), "comparing", *bytes),
        Step::Waiting { run } => (format!("waiting for the run {run}"), "", 0),
        Step::Unpacking { path, bytes } => (
            format!("unpacking {}", shown(path)),
            "writing the images",
            *bytes,
        ),
        Step::Making { path, bytes } => (
            format!("making an image of {}", shown(path)),
            "checking the image",
            *bytes,
        ),
        Step::Resizing { .. } => ("resizing the disk".to_owned(), "", 0),
        Step::Disk(step) => {
            let (what, bytes) = disk_step(*step);
            (what.to_owned(), "writing", bytes)
        }
        Step::Bundling {
            class,
            location,
            data,
            ..
        } => {
            let then = if location.is_some() {
                "waiting for the cloud"
            } else {
                "writing the last parts"
            };
            (format!("bundling the {}", name(*class)), then, *data)
        }
        Step::Uploading { bytes } => ("uploading".to_owned(), "waiting for the cloud", *bytes),
        Step::Downloading { bytes } => ("downloading".to_owned(), "writing the manifest", *bytes),
        Step::Fetching { bytes } => ("fetching".to_owned(), "verifying", *bytes),
        Step::Checking { bytes } => ("verifying".to_owned(), "comparing digests", *bytes),
        Step::Restoring { bytes } => ("restoring".to_owned(), "verifying", *bytes),
        Step::Registering { class } => (format!("registering the {}", name(*class)), "", 0),
        Step::Verifying => ("verifying".to_owned(), "", 0),
        Step::Deregistering { id } => (format!("deregistering {id}"), "", 0),
        Step::Deleting { location } => (format!("deleting {location}"), "", 0),
        _ => return None,
    })
}

/// The last name of a path: the whole path would fill the frame.
fn shown(path: &Path) -> Display<'_> {
    Path::new(path.file_name().unwrap_or(path.as_os_str())).display()
}

/// What a person calls an image.
fn name(class: ImageClass) -> &'static str {
    match class {
        ImageClass::Machine => "disk",
        ImageClass::Kernel => "kernel",
        ImageClass::Ramdisk => "ramdisk",
    }
}

impl Progress for Watch {
    fn advance(&self, bytes: u64) {
        if let Some(bar) = &self.now().bar {
            bar.add(bytes);
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.asked()
    }
}

impl Observer for Watch {
    fn step(&self, step: &Step<'_>) {
        (self.say)(step);
        match step {
            Step::Stage { number, of } => self.now().stage = Some((*number, *of)),
            Step::Copying { bytes } => {
                if let Some(bar) = &self.now().bar {
                    bar.lengthen(*bytes);
                }
            }
            step => {
                if let Some((what, then, bytes)) = phase(step) {
                    self.begin(what, then, bytes);
                }
            }
        }
    }
}

/// Says what clouds will make of a bundled image that its maker may not expect.
pub fn warn_of_image(step: &Step<'_>) {
    let Step::Bundling {
        class: ImageClass::Machine,
        name,
        bytes,
        ..
    } = step
    else {
        return;
    };
    let name = name.as_str();
    if name.starts_with("vmlinuz") || name.starts_with("initrd") {
        Output::warn(format!(
            "clouds treat an image called {name:?} as a kernel or ramdisk; pass --kind, or --prefix with another name"
        ));
    }
    if *bytes > EC2_LIMIT {
        Output::warn("the image is larger than 10 GiB, which EC2 and some clouds refuse");
    }
}
