//! Ids of new images.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use gumnut_types::ImageClass;

use super::Refusal;
use gumnut_cloud_catalogue::{IdPolicy, ImageRules};

/// Makes ids. Clones share the times that were given for them.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    policy: IdPolicy,
    /// Times in milliseconds since 1970; the last one stays.
    times: Arc<Mutex<VecDeque<i64>>>,
}

impl Ids {
    pub(crate) fn new(rules: &ImageRules) -> Self {
        Self {
            policy: rules.id_policy(),
            times: Arc::new(Mutex::new(rules.epoch_ms.iter().copied().collect())),
        }
    }

    /// An id that is not `taken`, for an image that is registered at `now` in milliseconds since 1970.
    pub(crate) fn next(
        &self,
        class: ImageClass,
        location: &str,
        now: i64,
        taken: impl Fn(&str) -> Result<bool, Refusal>,
    ) -> Result<String, Refusal> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut time = times.front().copied().unwrap_or(now);
        loop {
            let id = match self.policy {
                IdPolicy::Random => random(class)?,
                IdPolicy::AdlerMs => by_adler(class, location, time),
            };
            if !taken(&id)? {
                if times.len() > 1 {
                    times.pop_front();
                }
                return Ok(id);
            }
            time = time.wrapping_add(1);
        }
    }
}

fn prefix(class: ImageClass) -> &'static str {
    match class {
        ImageClass::Machine => "emi",
        ImageClass::Kernel => "eki",
        ImageClass::Ramdisk => "eri",
    }
}

fn random(class: ImageClass) -> Result<String, Refusal> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(Refusal::internal)?;
    Ok(format!("{}-{}", prefix(class), HEXLOWER.encode(&bytes)))
}

fn by_adler(class: ImageClass, location: &str, millis: i64) -> String {
    let sum = adler2::adler32_slice(format!("{location}{millis}").as_bytes());
    format!("{}-{sum:08X}", prefix(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(times: &[i64]) -> Ids {
        let mut rules = ImageRules::of(crate::Profile::Euca20);
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

    #[test]
    fn each_image_takes_the_next_time_and_the_last_one_stays() {
        let ids = ids(&[5, 7]);
        let next = |taken: &[String]| {
            let taken = |id: &str| Ok(taken.iter().any(|known| known == id));
            ids.next(ImageClass::Machine, "b/k", 99, taken).unwrap()
        };
        let at = |millis| by_adler(ImageClass::Machine, "b/k", millis);
        assert_eq!(next(&[]), at(5));
        assert_eq!(next(&[]), at(7));
        assert_eq!(next(&[]), at(7));
        assert_eq!(next(&[at(7), at(8)]), at(9), "a taken id takes the next");
    }

    #[test]
    fn without_times_the_clock_is_asked() {
        let id = ids(&[]).next(ImageClass::Kernel, "b/k", 99, |_| Ok(false));
        assert_eq!(id.unwrap(), by_adler(ImageClass::Kernel, "b/k", 99));
    }

    #[test]
    fn random_ids_are_lower_case() {
        let ids = Ids::new(&ImageRules::default());
        let id = ids.next(ImageClass::Ramdisk, "b/k", 99, |_| Ok(false));
        let id = id.unwrap();
        let digits = id.strip_prefix("eri-").unwrap();
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(digits.len() == 8 && digits.bytes().all(lower), "{id}");
    }
}
