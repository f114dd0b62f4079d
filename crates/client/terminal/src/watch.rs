//! Showing a person how far a workflow is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_types::ImageClass;
use gumnut_workflows::{Observer, Progress, Step};

use crate::output::Output;
use crate::progress::{Bar, Stop};

/// Largest machine image that EC2 takes, in bytes.
const EC2_LIMIT: u64 = 10 << 30;

/// Shows a bar for each step that takes long, and lets the command say what it says of a step.
pub struct Watch {
    output: Output,
    bar: Mutex<Bar>,
    stop: Stop,
    say: Box<dyn Fn(&Step<'_>) + Send + Sync>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch that shows bars on this output, and tells the workflow to stop when `stop` was asked.
    pub fn new(
        output: &Output,
        stop: &Stop,
        say: impl Fn(&Step<'_>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            output: output.clone(),
            bar: Mutex::new(Bar::hidden()),
            stop: stop.clone(),
            say: Box::new(say),
        })
    }

    /// Shows a bar over `total` bytes.
    pub fn show(&self, what: &str, total: u64) {
        self.replace(self.output.bar(what, total));
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.replace(Bar::hidden());
    }

    fn replace(&self, bar: Bar) {
        let mut now = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        now.clear();
        *now = bar;
    }
}

/// What the bar of a step says, and its bytes.
fn bar(step: &Step<'_>) -> Option<(String, u64)> {
    match step {
        Step::Reading { path, bytes } => Some((format!("reading {}", path.display()), *bytes)),
        Step::Unpacking { path, bytes } => Some((format!("unpacking {}", path.display()), *bytes)),
        Step::Resizing { bytes } => Some(("resizing".to_owned(), *bytes)),
        Step::Bundling {
            class,
            location: Some(location),
            bytes,
            ..
        } => Some((format!("bundling the {class} to {location}"), *bytes)),
        Step::Bundling { bytes, .. } => Some(("bundling".to_owned(), *bytes)),
        Step::Uploading { bytes } => Some(("uploading".to_owned(), *bytes)),
        Step::Downloading { bytes } => Some(("downloading".to_owned(), *bytes)),
        Step::Fetching { bytes } => Some(("fetching".to_owned(), *bytes)),
        Step::Checking { bytes } => Some(("verifying".to_owned(), *bytes)),
        Step::Restoring { bytes } => Some(("restoring".to_owned(), *bytes)),
        _ => None,
    }
}

impl Progress for Watch {
    fn advance(&self, bytes: u64) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.add(bytes);
    }

    fn cancelled(&self) -> bool {
        self.stop.asked()
    }
}

impl Observer for Watch {
    fn step(&self, step: &Step<'_>) {
        match step {
            // These come while a bar is shown.
            Step::Part { .. } => (self.say)(step),
            Step::Copying { bytes } => {
                (self.say)(step);
                let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
                bar.lengthen(*bytes);
            }
            _ => {
                self.clear();
                (self.say)(step);
                if let Some((what, bytes)) = bar(step) {
                    self.show(&what, bytes);
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
            "clouds take an image called {name:?} for a kernel or ramdisk; pass --kind, or --prefix with another name"
        ));
    }
    if *bytes > EC2_LIMIT {
        Output::warn("the image is larger than 10 GiB, which EC2 and some clouds refuse");
    }
}
