//! What was bundled comes out again, and equal input gives equal bundles.

use std::io::Read;
use std::num::NonZeroUsize;

use gumnut_bundle::{
    BundleOptions, Bundler, ImageSource, Level, MemoryParts, NoProgress, PartRecord, PartSource,
    TarForm,
};
use gumnut_crypto::{BundleIv, BundleKey};
use gumnut_types::{PartIndex, PartName};
use proptest::prelude::*;

use crate::support::{Keys, meta, noise, open, options, seal, unseal};

/// The parts made with a fixed key.
fn parts(image: &[u8], options: &BundleOptions) -> (Vec<PartRecord>, MemoryParts) {
    let mut parts = MemoryParts::new();
    let source = ImageSource::from_reader("bytes", image.len() as u64, image).unwrap();
    let keys = Keys::new();
    let bundler = Bundler {
        meta: meta("image"),
        recipients: keys.recipients(),
        options: options.clone(),
        secrets: Some((
            BundleKey::from_bytes([1; 16]),
            BundleIv::from_bytes([2; 16]),
        )),
    };
    let sealed = bundler.bundle(source, &mut parts, &NoProgress);
    (sealed.unwrap().parts().to_vec(), parts)
}

#[test]
fn equal_input_gives_equal_parts_for_any_number_of_jobs() {
    let mut image = noise(3_000_000, 1);
    image.resize(6_000_000, 0);
    let with_jobs = |jobs| BundleOptions {
        jobs: NonZeroUsize::new(jobs).unwrap(),
        ..options(1_000_000)
    };
    let one = parts(&image, &with_jobs(1));
    assert_eq!(one.0.len(), 4);
    for jobs in [2, 5] {
        assert!(parts(&image, &with_jobs(jobs)) == one, "{jobs} jobs");
    }
}

#[test]
fn new_bundles_have_new_keys() {
    let manifests = [(); 2].map(|()| open(seal(b"image", &options(1 << 20)).0));
    assert_ne!(manifests[0].key(), manifests[1].key());
    assert_ne!(manifests[0].iv(), manifests[1].iv());
}

#[test]
fn a_part_size_that_divides_the_ciphertext_leaves_no_empty_part() {
    let image = noise(5000, 3);
    let all = parts(&image, &options(1 << 20)).0[0].size;
    for (part_size, sizes) in [
        (all - 1, vec![all - 1, 1]),
        (all, vec![all]),
        (all + 1, vec![all]),
        (all / 2, vec![all / 2; 2]),
    ] {
        let (records, _) = parts(&image, &options(part_size));
        let found: Vec<u64> = records.iter().map(|record| record.size).collect();
        assert_eq!(found, sizes);
        let (bundled, mut memory) = seal(&image, &options(part_size));
        assert_eq!(bundled.manifest().bundled_size, all);
        assert!(unseal(&open(bundled), &mut memory).unwrap().0 == image);
    }
}

#[test]
fn every_level_and_content_round_trips() {
    let contents = [
        noise(1_200_000, 5),
        vec![0; 2_500_000],
        b"text ".repeat(50_000),
    ];
    for level in 0..=9_u8 {
        let level: Level = level.to_string().parse().unwrap();
        let options = BundleOptions {
            level,
            ..options(1_000_000)
        };
        for image in &contents {
            let (bundled, mut memory) = seal(image, &options);
            assert!(
                unseal(&open(bundled), &mut memory).unwrap().0 == *image,
                "level {level}"
            );
        }
    }
}

#[test]
fn a_reader_has_no_holes_to_leave_out() {
    let source = ImageSource::from_reader("a pipe", 5, b"image".as_slice()).unwrap();
    let options = BundleOptions {
        tar: TarForm::Sparse,
        ..options(100)
    };
    let keys = Keys::new();
    let mut sink = MemoryParts::new();
    let bundler = Bundler {
        options,
        ..Bundler::new(meta("image"), keys.recipients())
    };
    let result = bundler.bundle(source, &mut sink, &NoProgress);
    assert!(matches!(
        result,
        Err(gumnut_bundle::BundleError::SparseReader { .. })
    ));
}

/// Gives and takes at most so many bytes at a time.
struct Chunked<T>(T, usize);

impl<T: Read> Read for Chunked<T> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

impl PartSource for Chunked<&mut MemoryParts> {
    fn open(&mut self, index: PartIndex, name: &PartName) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Chunked(self.0.open(index, name)?, self.1)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_length_part_size_and_chunking_round_trips(
        len in prop_oneof![Just(1_usize), Just(15), Just(16), Just(17), 1_usize..40_000],
        part_size in prop_oneof![Just(16_u64), 17_u64..50_000],
        reads in 1_usize..5000,
        zeros in any::<bool>(),
    ) {
        // No more parts than a manifest holds.
        let part_size = part_size.max(len as u64 / 500);
        let image = if zeros { vec![0; len] } else { noise(len, 9) };
        let reader = Chunked(&*image, reads);
        let source = ImageSource::from_reader("bytes", len as u64, reader).unwrap();
        let (keys, options) = (Keys::new(), options(part_size));
        let mut memory = MemoryParts::new();
        let bundler = Bundler { options, ..Bundler::new(meta("image"), keys.recipients()) };
        let bundled = bundler.bundle(source, &mut memory, &NoProgress).unwrap();
        prop_assert_eq!(bundled.manifest().image_size, len as u64);
        let manifest = open(bundled);
        let (restored, checked) = unseal(&manifest, &mut Chunked(&mut memory, reads)).unwrap();
        prop_assert!(restored == image);
        prop_assert!(checked.warnings.is_empty());
    }
}
