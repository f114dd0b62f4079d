//! Which images are kept, when each was used, and which are in use.

use std::collections::HashMap;
use std::sync::Arc;

/// The images in the directory, by name.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    images: HashMap<String, Image>,
    /// Counts uses: a higher number was later.
    uses: u64,
}

#[derive(Debug)]
struct Image {
    /// The size of the image in bytes.
    length: u64,
    /// Bytes that it takes on the disk.
    on_disk: u64,
    last_use: u64,
    pin: Pin,
}

/// Held by who uses an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pin(Arc<()>);

impl Pin {
    /// Whether nobody holds it but the table.
    fn is_free(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Kept {
    /// Adds an image as the one that was used last.
    pub(crate) fn add(&mut self, name: &str, length: u64, on_disk: u64) -> Pin {
        self.uses += 1;
        let pin = Pin::default();
        let image = Image {
            length,
            on_disk,
            last_use: self.uses,
            pin: pin.clone(),
        };
        self.images.insert(name.to_owned(), image);
        pin
    }

    /// Uses an image: its length in bytes, and what keeps it. `None`: it is not there.
    pub(crate) fn use_image(&mut self, name: &str) -> Option<(u64, Pin)> {
        self.uses += 1;
        let image = self.images.get_mut(name)?;
        image.last_use = self.uses;
        Some((image.length, image.pin.clone()))
    }

    /// Bytes that all of them take on the disk.
    pub(crate) fn on_disk(&self) -> u64 {
        self.images.values().map(|image| image.on_disk).sum()
    }

    /// Takes out the image that was not used for the longest time. `None`: all are in use.
    pub(crate) fn take_oldest(&mut self) -> Option<String> {
        let free = self.images.iter().filter(|(_, image)| image.pin.is_free());
        let (name, _) = free.min_by_key(|(_, image)| image.last_use)?;
        let name = name.clone();
        self.images.remove(&name);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_used_for_the_longest_time_goes_unless_it_is_in_use() {
        let mut kept = Kept::default();
        for name in ["a", "b", "c"] {
            kept.add(name, 10, 4);
        }
        assert_eq!(kept.on_disk(), 12);
        let (length, in_use) = kept.use_image("b").unwrap();
        assert_eq!(length, 10);
        kept.use_image("a").unwrap();
        assert_eq!(kept.take_oldest().as_deref(), Some("c"));
        assert_eq!(kept.take_oldest().as_deref(), Some("a"));
        assert_eq!(kept.take_oldest(), None);
        drop(in_use);
        assert_eq!(kept.take_oldest().as_deref(), Some("b"));
        assert!(kept.use_image("b").is_none());
    }
}
