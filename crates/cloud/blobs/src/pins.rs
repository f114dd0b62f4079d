//! Blobs that are being read, and that may have been given up in the meantime.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BlobError, BlobName};

/// Keeps blobs from being deleted until it is dropped.
#[must_use = "blobs are pinned until this is dropped"]
pub struct BlobPin(Option<Box<dyn FnOnce() + Send + Sync>>);

impl BlobPin {
    /// A pin that runs `release` when it is dropped.
    ///
    /// This is for stores.
    pub fn new(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(release)))
    }

    /// The pin of a store that has none.
    pub fn none() -> Self {
        Self(None)
    }
}

impl Drop for BlobPin {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

impl fmt::Debug for BlobPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobPin")
    }
}

/// A store with pins.
pub(crate) trait Pinned: Send + Sync + 'static {
    fn pins(&self) -> &Pins;

    /// Removes a blob now. One that is not there is no error.
    fn remove(&self, name: BlobName) -> io::Result<()>;
}

/// Pins blobs of a store.
pub(crate) fn pin(store: &Arc<impl Pinned>, names: &[BlobName]) -> BlobPin {
    store.pins().hold(names);
    let (store, names) = (Arc::clone(store), names.to_vec());
    BlobPin::new(move || {
        for name in names {
            if store.pins().release(name) {
                // It costs room and no more: the caller that gave the blob up asks again.
                if let Err(error) = store.remove(name) {
                    tracing::warn!(%error, %name, "a blob could not be deleted");
                }
                store.pins().removed(name);
            }
        }
    })
}

/// Deletes the blobs that are not pinned, and gives the names of the others.
pub(crate) fn delete(store: &impl Pinned, names: &[BlobName]) -> Result<Vec<BlobName>, BlobError> {
    let (mut pinned, mut outcome) = (Vec::new(), Ok(()));
    for &name in names {
        if store.pins().give_up(name) {
            outcome = outcome.and(store.remove(name));
            store.pins().removed(name);
        } else {
            pinned.push(name);
        }
    }
    outcome?;
    Ok(pinned)
}

/// Which blobs are pinned, and which are on their way out.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<HashMap<BlobName, Held>>);

#[derive(Debug, Default)]
struct Held {
    readers: usize,
    /// Deletions that wait for the last reader.
    given_up: bool,
    /// Deletions that are under way: a pin comes too late for them.
    going: usize,
}

impl Pins {
    fn hold(&self, names: &[BlobName]) {
        let mut held = self.lock();
        for name in names {
            held.entry(*name).or_default().readers += 1;
        }
    }

    /// Ends a pin. Whether the blob is to be removed now, by the caller, and [`Pins::removed`] to be told.
    fn release(&self, name: BlobName) -> bool {
        let mut held = self.lock();
        let Entry::Occupied(mut entry) = held.entry(name) else {
            return false;
        };
        let state = entry.get_mut();
        state.readers -= 1;
        if state.readers > 0 {
            return false;
        }
        if std::mem::take(&mut state.given_up) {
            state.going += 1;
            return true;
        }
        if state.going == 0 {
            entry.remove();
        }
        false
    }

    /// Gives a blob up. Whether it is to be removed now, by the caller, and [`Pins::removed`] to be told.
    fn give_up(&self, name: BlobName) -> bool {
        let mut held = self.lock();
        let state = held.entry(name).or_default();
        if state.readers > 0 && state.going == 0 {
            state.given_up = true;
            return false;
        }
        state.going += 1;
        true
    }

    fn removed(&self, name: BlobName) {
        let mut held = self.lock();
        if let Entry::Occupied(mut entry) = held.entry(name) {
            let state = entry.get_mut();
            state.going -= 1;
            if state.going == 0 && state.readers == 0 {
                entry.remove();
            }
        }
    }

    /// Whether a blob is being removed, so that it must not be taken for one that is there.
    pub(crate) fn is_going(&self, name: BlobName) -> bool {
        self.lock().get(&name).is_some_and(|state| state.going > 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlobName, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> BlobName {
        BlobName::fresh(crate::Folder::Root).unwrap()
    }

    #[test]
    fn a_blob_goes_with_its_last_reader() {
        let (pins, name) = (Pins::default(), name());
        pins.hold(&[name]);
        pins.hold(&[name]);
        assert!(!pins.give_up(name));
        assert!(!pins.release(name));
        assert!(pins.release(name));
        assert!(pins.is_going(name));
        pins.removed(name);
        assert!(pins.lock().is_empty());
    }

    #[test]
    fn a_pin_that_comes_too_late_does_not_hide_the_removal() {
        let (pins, name) = (Pins::default(), name());
        assert!(pins.give_up(name));
        pins.hold(&[name]);
        assert!(pins.is_going(name));
        pins.removed(name);
        assert!(!pins.is_going(name));
        assert!(!pins.release(name));
        assert!(pins.lock().is_empty());
    }

    #[test]
    fn two_may_remove_a_blob_at_once() {
        let (pins, name) = (Pins::default(), name());
        assert!(pins.give_up(name));
        assert!(pins.give_up(name));
        pins.removed(name);
        assert!(pins.is_going(name));
        pins.removed(name);
        assert!(pins.lock().is_empty());
    }
}
