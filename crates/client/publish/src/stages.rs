//! The stages of a run, numbered for anyone who watches it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gumnut_disk_image::{Content, Inspection, RawImage, inspect};
use gumnut_types::{ImageClass, Progress};
use gumnut_workflows::{Observer, Step, WorkflowError};

use crate::Plan;
use crate::blocking::blocking;
use crate::source::ORDER;

/// An observer that receives the number of each stage before its step.
pub(crate) struct Stages {
    observer: Arc<dyn Observer>,
    layout: Mutex<Layout>,
}

/// Which stages a run has: reading, opening and resizing the disk, two for each image, verifying.
#[derive(Clone, Debug)]
struct Layout {
    /// Whether the target has to be unpacked or converted, or the images of a tree made.
    opens: bool,
    resizes: bool,
    registers: bool,
    /// The images, in the order in which they are published.
    classes: Vec<ImageClass>,
}

impl Stages {
    /// The stages of a run for this plan. How many images a tarball has is a guess until [`Stages::found`] says it.
    pub(crate) async fn of(
        plan: &Plan,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Self>, WorkflowError> {
        let target = plan.target.clone();
        let is_tree = plan.tree.is_some();
        // What is wrong with the target is said when it is opened.
        let content =
            blocking(move || Ok(if is_tree { None } else { inspect(&target).ok() })).await?;
        Ok(Arc::new(Self {
            observer,
            layout: Mutex::new(Layout::of(plan, content.as_ref())),
        }))
    }

    /// Says which images there are.
    pub(crate) fn found(&self, classes: impl Iterator<Item = ImageClass>) {
        self.layout().classes = classes.collect();
    }

    fn layout(&self) -> MutexGuard<'_, Layout> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layout {
    fn of(plan: &Plan, target: Option<&Inspection>) -> Self {
        if let Some(tree) = &plan.tree {
            let files: Vec<_> = plan.files().map(|(class, _)| class).collect();
            let has = |class: &ImageClass| tree.image(*class).is_some() || files.contains(class);
            return Self {
                opens: true,
                resizes: false,
                registers: plan.registers(),
                classes: ORDER.into_iter().filter(has).collect(),
            };
        }
        let content = target.map(|inspection| &inspection.content);
        let tarball = matches!(content, None | Some(Content::Tarball(_)));
        let images = &plan.images;
        let (kernel, ramdisk) = (&images.kernel, &images.ramdisk);
        let expected = |class: &ImageClass| match class {
            ImageClass::Kernel => images.kernel_file.is_some() || tarball && kernel.is_none(),
            ImageClass::Ramdisk => {
                let found = tarball && ramdisk.is_none() && kernel.is_none();
                images.ramdisk_file.is_some() || found
            }
            ImageClass::Machine => true,
        };
        Self {
            opens: tarball && content.is_some() || target.is_some_and(RawImage::is_needed_for),
            resizes: images.size.is_some(),
            registers: plan.registers(),
            classes: ORDER.into_iter().filter(expected).collect(),
        }
    }

    /// Stages before the first image is bundled.
    fn before(&self) -> usize {
        1 + usize::from(self.opens) + usize::from(self.resizes)
    }

    /// Stages of an image.
    fn each(&self) -> usize {
        1 + usize::from(self.registers)
    }

    fn all(&self) -> usize {
        self.before() + self.each() * self.classes.len() + 1
    }

    /// The number of the stage that a step begins.
    fn number(&self, step: &Step<'_>) -> Option<usize> {
        let first = |class: ImageClass| {
            let rank = self.classes.iter().position(|it| *it == class)?;
            Some(self.before() + self.each() * rank + 1)
        };
        match step {
            Step::Reading { .. } => Some(1),
            Step::Unpacking { .. } | Step::Making { .. } => Some(2),
            Step::Resizing { .. } => Some(self.before()),
            Step::Bundling { class, .. } => first(*class),
            Step::Registering { class } => first(*class).map(|number| number + 1),
            Step::Verifying => Some(self.all()),
            _ => None,
        }
    }
}

impl Progress for Stages {
    fn advance(&self, bytes: u64) {
        self.observer.advance(bytes);
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }
}

impl Observer for Stages {
    fn step(&self, step: &Step<'_>) {
        let layout = self.layout().clone();
        if let Some(number) = layout.number(step) {
            let of = layout.all();
            self.observer.step(&Step::Stage { number, of });
        }
        self.observer.step(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(opens: bool, resizes: bool, registers: bool, classes: &[ImageClass]) -> Layout {
        Layout {
            opens,
            resizes,
            registers,
            classes: classes.to_vec(),
        }
    }

    #[test]
    fn stages_are_counted_through() {
        let whole = layout(true, true, true, &ORDER);
        assert_eq!(whole.all(), 10);
        let number = |layout: &Layout, step: Step<'_>| layout.number(&step);
        let path = std::path::Path::new("x");
        assert_eq!(number(&whole, Step::Reading { path, bytes: 1 }), Some(1));
        assert_eq!(number(&whole, Step::Unpacking { path, bytes: 1 }), Some(2));
        assert_eq!(number(&whole, Step::Resizing { bytes: 1 }), Some(3));
        let registering = |class| Step::Registering { class };
        assert_eq!(number(&whole, registering(ImageClass::Kernel)), Some(5));
        assert_eq!(number(&whole, registering(ImageClass::Machine)), Some(9));
        assert_eq!(number(&whole, Step::Verifying), Some(10));
        let bare = layout(false, false, true, &[ImageClass::Machine]);
        assert_eq!(bare.all(), 4);
        assert_eq!(number(&bare, registering(ImageClass::Machine)), Some(3));
        assert_eq!(number(&bare, registering(ImageClass::Kernel)), None);
    }
}
