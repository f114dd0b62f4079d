//! Ids of new images.

use std::collections::VecDeque;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use gumnut_cloud_catalogue::{IdPolicy, ImageRules};
use gumnut_types::ImageClass;
use tokio::sync::{Mutex, MutexGuard};

use crate::ImageError;

/// Makes ids. Clones share the times that were given for them.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    policy: IdPolicy,
    /// Times in milliseconds since 1970; the last one is kept.
    times: Arc<Mutex<VecDeque<i64>>>,
}

/// The making of one id. No other is made meanwhile, so that images take the times in the order in which they are stored.
#[derive(Debug)]
pub(crate) struct NextId<'a> {
    policy: IdPolicy,
    times: MutexGuard<'a, VecDeque<i64>>,
    /// The time of the next candidate, in milliseconds since 1970.
    time: i64,
}

impl Ids {
    pub(crate) fn new(rules: &ImageRules) -> Self {
        Self {
            policy: rules.id_policy(),
            times: Arc::new(Mutex::new(rules.epoch_ms.iter().copied().collect())),
        }
    }

    /// Begins to make the id of an image that is registered at `now`, in milliseconds since 1970.
    pub(crate) async fn next(&self, now: i64) -> NextId<'_> {
        let times = self.times.lock().await;
        NextId {
            policy: self.policy,
            time: times.front().copied().unwrap_or(now),
            times,
        }
    }
}

impl NextId<'_> {
    /// An id that nobody has been offered. If it is taken anyway, the next call gives another one.
    pub(crate) fn candidate(
        &mut self,
        class: ImageClass,
        location: &str,
    ) -> Result<String, ImageError> {
        let id = match self.policy {
            IdPolicy::Random => random(class)?,
            IdPolicy::AdlerMs => by_adler(class, location, self.time),
        };
        self.time = self.time.wrapping_add(1);
        Ok(id)
    }

    /// Ends the making: the last candidate has become the id of an image.
    pub(crate) fn used(mut self) {
        if self.times.len() > 1 {
            self.times.pop_front();
        }
    }
}

fn random(class: ImageClass) -> Result<String, ImageError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(ImageError::internal)?;
    Ok(format!("{}-{}", class.prefix(), HEXLOWER.encode(&bytes)))
}

fn by_adler(class: ImageClass, location: &str, millis: i64) -> String {
    let sum = adler2::adler32_slice(format!("{location}{millis}").as_bytes());
    format!("{}-{sum:08X}", class.prefix())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(times: &[i64]) -> Ids {
        let mut rules = ImageRules::of(gumnut_cloud_catalogue::Profile::Euca20);
        rules.epoch_ms = times.to_vec();
        Ids::new(&rules)
    }

    /// Ids that clouds of 2010 gave, with times found by search for which zlib gives the same.
    #[test]
    fn ids_of_real_clouds() {
        use ImageClass::{Kernel, Machine, Ramdisk};
        for (class, location, millis, id) in [
            (
                Machine,
                "image-bucket/new_centos.5-3.x86.img.manifest.xml",
                1_275_606_157_552,
                "emi-9FE813FD",
            ),
            (
                Kernel,
                "kernel-bucket/vmlinuz-2.6.24-19-xen.manifest.xml",
                1_276_410_057_498,
                "eki-90461381",
            ),
            (
                Ramdisk,
                "ramdisk-bucket/initrd.img-2.6.24-19-xen.manifest.xml",
                1_275_215_482_490,
                "eri-E85914C7",
            ),
            (
                Machine,
                "centos-32/centos.5-3.x86.img.manifest.xml",
                1_291_216_089_325,
                "emi-EC1410C1",
            ),
            (
                Kernel,
                "kernel-i386/vmlinuz-2.6.28-11-server.manifest.xml",
                1_264_053_108_322,
                "eki-822C1344",
            ),
            (
                Ramdisk,
                "initrd-64/initrd.img-2.6.28-11-generic.manifest.xml",
                1_257_255_545_481,
                "eri-A98C13E4",
            ),
        ] {
            assert_eq!(by_adler(class, location, millis), id);
        }
    }

    #[tokio::test]
    async fn each_image_takes_the_next_time_and_the_last_one_stays() {
        let ids = ids(&[5, 7]);
        for (expected, taken) in [(5, 0), (7, 0), (7, 0), (9, 2)] {
            let mut next = ids.next(99).await;
            for _ in 0..taken {
                next.candidate(ImageClass::Machine, "b/k").unwrap();
            }
            let id = next.candidate(ImageClass::Machine, "b/k").unwrap();
            assert_eq!(id, by_adler(ImageClass::Machine, "b/k", expected));
            next.used();
        }
    }

    #[tokio::test]
    async fn a_time_that_was_not_used_is_given_again() {
        let ids = ids(&[5, 7]);
        let first = ids.next(99).await.candidate(ImageClass::Kernel, "b/k");
        let second = ids.next(99).await.candidate(ImageClass::Kernel, "b/k");
        assert_eq!(first.unwrap(), second.unwrap());
    }

    #[tokio::test]
    async fn without_times_the_clock_is_asked() {
        let id = ids(&[]).next(99).await.candidate(ImageClass::Kernel, "b/k");
        assert_eq!(id.unwrap(), by_adler(ImageClass::Kernel, "b/k", 99));
    }

    #[tokio::test]
    async fn random_ids_are_lower_case() {
        let ids = Ids::new(&ImageRules::default());
        let id = ids.next(99).await.candidate(ImageClass::Ramdisk, "b/k");
        let id = id.unwrap();
        let digits = id.strip_prefix("eri-").unwrap();
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(digits.len() == 8 && digits.bytes().all(lower), "{id}");
    }
}
