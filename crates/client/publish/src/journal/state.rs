//! How far a run has come, as its journal says.

use std::collections::BTreeMap;

use gumnut_types::{BucketName, ImageClass, ImageId, ManifestLocation};

use super::record::{Prepared, Record, Sealing, StoredPart};
use crate::Plan;
use crate::source::ORDER;

/// How far a run has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) begun: Option<Begun>,
    /// A bucket that the run made, or was about to.
    pub(crate) bucket: Option<BucketName>,
    pub(crate) prepared: Option<Prepared>,
    pub(crate) images: BTreeMap<ImageClass, ImageState>,
    /// What was set when everything was done.
    pub(crate) complete: Option<(bool, BTreeMap<String, String>)>,
}

/// How a run began.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) at: u64,
    pub(crate) plan: Plan,
    pub(crate) site: String,
    pub(crate) identity: String,
}

/// How far one image has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageState {
    pub(crate) sealing: Option<Sealing>,
    pub(crate) parts: BTreeMap<u32, StoredPart>,
    /// The signed manifest, once all parts are stored.
    pub(crate) manifest: Option<String>,
    pub(crate) bundled: bool,
    /// Whether the cloud may have been asked to register it.
    pub(crate) registering: bool,
    pub(crate) registered: Option<(ImageId, ManifestLocation)>,
}

impl State {
    /// Takes one more line into account.
    pub(crate) fn add(&mut self, record: Record) {
        match record {
            Record::Begun {
                at,
                plan,
                site,
                identity,
                ..
            } => {
                // What came before belongs to an attempt that was given up.
                *self = Self::default();
                self.begun = Some(Begun {
                    at,
                    plan: *plan,
                    site,
                    identity,
                });
            }
            Record::MakingBucket { bucket } => self.bucket = Some(bucket),
            Record::Prepared(prepared) => self.prepared = Some(prepared),
            Record::Sealing {
                role: class,
                sealing,
            } => {
                let image = ImageState {
                    sealing: Some(sealing),
                    ..ImageState::default()
                };
                self.images.insert(class, image);
            }
            Record::Stored { role, part } => {
                self.image(role).parts.insert(part.index, part);
            }
            Record::Sealed { role, manifest } => self.image(role).manifest = Some(manifest),
            Record::Bundled { role } => self.image(role).bundled = true,
            Record::Registering { role } => self.image(role).registering = true,
            Record::Registered { role, id, location } => {
                self.image(role).registered = Some((id, location));
            }
            Record::Complete { public, tags } => self.complete = Some((public, tags)),
        }
    }

    /// The bucket in which the run has begun to store something. `None`: it has stored nothing yet.
    pub(crate) fn bucket_in_use(&self) -> Option<&BucketName> {
        let mut images = self.images.values();
        let stored = images.find_map(|image| {
            let sealed = image.sealing.as_ref().map(|sealing| &sealing.location);
            let registered = image.registered.as_ref().map(|(_, location)| location);
            sealed.or(registered)
        });
        stored
            .map(|location| &location.bucket)
            .or(self.bucket.as_ref())
    }

    /// Whether nothing in the cloud can have been changed.
    pub(crate) fn is_untouched(&self) -> bool {
        self.bucket.is_none() && self.images.is_empty() && self.complete.is_none()
    }

    /// The images in the order in which they are published: one names the ids of those before it.
    pub(crate) fn in_order(&self) -> impl DoubleEndedIterator<Item = (ImageClass, &ImageState)> {
        ORDER
            .into_iter()
            .filter_map(|class| Some((class, self.images.get(&class)?)))
    }

    fn image(&mut self, class: ImageClass) -> &mut ImageState {
        self.images.entry(class).or_default()
    }
}
