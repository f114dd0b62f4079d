//! Whatever fails, the run ends at once, with the failure that caused it.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err as fs;
use gumnut_archive::{ArchiveError, ImageOutput};
use gumnut_bundle::{
    BundleError, Bundled, Bundler, Fault, ImageSource, MemoryParts, NoProgress, PartRecord,
    PartSink, PartSource, Progress, SplitterError, unbundle_to, verify, verify_parts,
};
use gumnut_types::{ImageKind, Limits, PartIndex, PartName};

use crate::support::{Keys, meta, noise, open, options, seal, unseal};

const PART: u64 = 100_000;

fn bundle_into(
    image: ImageSource<'_>,
    sink: &mut dyn PartSink,
    progress: &dyn Progress,
) -> Result<Bundled, BundleError> {
    let keys = Keys::new();
    let bundler = Bundler {
        options: options(PART),
        ..Bundler::new(meta("image"), keys.recipients())
    };
    bundler.bundle(image, sink, progress)
}

fn endless() -> ImageSource<'static> {
    ImageSource::from_reader("noise", 1 << 40, Noise(1)).unwrap()
}

/// Noise without end.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *buffer {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = self.0.to_be_bytes()[0];
        }
        Ok(buffer.len())
    }
}

/// A sink that does something at the start of each part.
struct Hook<F>(F);

impl<F: FnMut(u32) -> io::Result<()>> PartSink for Hook<F> {
    fn start(&mut self, index: PartIndex, _name: &PartName) -> io::Result<()> {
        (self.0)(index.0)
    }

    fn write(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _part: &PartRecord) -> io::Result<()> {
        Ok(())
    }
}

/// Cancels after so many bytes.
struct CancelAfter(AtomicU64);

impl Progress for CancelAfter {
    fn advance(&self, bytes: u64) {
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(left.saturating_sub(bytes))
            });
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

#[test]
fn a_full_disk_ends_bundling() {
    let mut sink = Hook(|part| match part {
        5 => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    let error = bundle_into(endless(), &mut sink, &NoProgress).unwrap_err();
    assert_eq!(error.fault(), Fault::System);
    let BundleError::WriteParts(SplitterError::Store { name, source }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (name.as_str(), source.kind()),
        ("image.part.05", io::ErrorKind::StorageFull)
    );
}

#[test]
fn cancelling_ends_bundling() {
    let progress = CancelAfter(AtomicU64::new(20 << 20));
    let error = bundle_into(endless(), &mut Hook(|_| Ok(())), &progress).unwrap_err();
    assert!(matches!(error, BundleError::Cancelled));
    assert_eq!(error.fault(), Fault::Cancelled);
}

#[test]
fn an_image_that_cannot_be_read_ends_bundling() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::NetworkDown.into())
        }
    }
    let reader = Noise(1).take(5 << 20).chain(Broken);
    let image = ImageSource::from_reader("a mount", 1 << 40, reader).unwrap();
    let error = bundle_into(image, &mut Hook(|_| Ok(())), &NoProgress).unwrap_err();
    assert!(matches!(
        error,
        BundleError::ReadImage {
            source: ArchiveError::Io(_),
            ..
        }
    ));
}

#[test]
fn an_image_of_another_size_is_refused() {
    let data = noise(3_000_000, 1);
    let error = |size| {
        let image = ImageSource::from_reader("a pipe", size, &*data).unwrap();
        bundle_into(image, &mut Hook(|_| Ok(())), &NoProgress).unwrap_err()
    };
    let BundleError::ReadImage { source, .. } = error(3_000_001) else {
        panic!()
    };
    assert!(matches!(
        source,
        ArchiveError::Shrank {
            actual: 3_000_000,
            ..
        }
    ));
    let BundleError::ReadImage { source, .. } = error(2_999_999) else {
        panic!()
    };
    assert!(matches!(
        source,
        ArchiveError::Grew {
            expected: 2_999_999
        }
    ));
}

#[test]
fn an_image_that_changes_meanwhile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    // More than the stages before the sink hold, so that the reader is still at work.
    let data = noise(12 << 20, 1);
    let error = |change: &dyn Fn(&fs::File)| {
        fs::write(&path, &data).unwrap();
        let image = ImageSource::open(&path).unwrap();
        let mut sink = Hook(|part| {
            if part == 0 {
                change(&fs::OpenOptions::new().write(true).open(&path).unwrap());
            }
            Ok(())
        });
        bundle_into(image, &mut sink, &NoProgress).unwrap_err()
    };
    let cut = error(&|file| file.set_len(11 << 20).unwrap());
    assert!(
        matches!(
            cut,
            BundleError::ReadImage {
                source: ArchiveError::Shrank { .. },
                ..
            }
        ),
        "{cut:?}"
    );
    let longer = error(&|file| file.set_len(13 << 20).unwrap());
    assert!(
        matches!(
            longer,
            BundleError::ReadImage {
                source: ArchiveError::Grew { .. },
                ..
            }
        ),
        "{longer:?}"
    );
    let touched = error(&|file| {
        file.file()
            .set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    });
    assert!(
        matches!(touched, BundleError::ImageChanged { .. }),
        "{touched:?}"
    );
}

#[test]
fn wrong_arguments_are_told_before_anything_is_read() {
    struct Untouched;
    impl Read for Untouched {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            panic!("the image was read");
        }
    }
    let image = ImageSource::from_reader("an image", 5, Untouched).unwrap();
    let keys = Keys::new();
    let mut meta = meta("image");
    meta.kind = ImageKind::Kernel;
    meta.product_codes = vec!["code".to_owned()];
    let mut sink = MemoryParts::new();
    let bundler = Bundler {
        options: options(PART),
        ..Bundler::new(meta, keys.recipients())
    };
    let result = bundler.bundle(image, &mut sink, &NoProgress);
    assert!(matches!(result, Err(BundleError::Manifest(_))));
}

#[test]
fn a_full_disk_ends_unbundling() {
    struct Full(PathBuf);
    impl ImageOutput for Full {
        fn data(&mut self, _bytes: &[u8]) -> io::Result<()> {
            let full = io::Error::from(io::ErrorKind::StorageFull);
            Err(io::Error::new(full.kind(), self.0.display().to_string()))
        }
        fn hole(&mut self, _len: u64) -> io::Result<()> {
            Ok(())
        }
    }
    let (bundled, mut parts) = seal(&noise(4 << 20, 1), &options(PART));
    let mut output = Full("/full".into());
    let limits = Limits::default();
    let error = unbundle_to(
        &open(bundled),
        &mut parts,
        &mut output,
        &limits,
        &NoProgress,
    );
    let error = error.unwrap_err();
    assert_eq!(error.fault(), Fault::System);
    assert!(
        matches!(error, BundleError::WriteImage(error) if error.kind() == io::ErrorKind::StorageFull)
    );
}

#[test]
fn a_source_that_breaks_ends_unbundling() {
    struct Broken(MemoryParts);
    impl PartSource for Broken {
        fn open(&mut self, index: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
            match index.0 {
                3 => Err(io::ErrorKind::ConnectionReset.into()),
                _ => self.0.open(index, name),
            }
        }
    }
    let (bundled, parts) = seal(&noise(1 << 20, 1), &options(PART));
    let error = unseal(&open(bundled), &mut Broken(parts)).unwrap_err();
    let BundleError::ReadParts(SplitterError::Read { name, source }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (name.as_str(), source.kind()),
        ("image.part.03", io::ErrorKind::ConnectionReset)
    );
}

#[test]
fn cancelling_ends_unbundling_and_verifying() {
    let (bundled, mut parts) = seal(&noise(3 << 20, 1), &options(PART));
    let manifest = open(bundled);
    let limits = Limits::default();
    let cancel = || CancelAfter(AtomicU64::new(1 << 20));
    let whole = verify(&manifest, &mut parts, &limits, &cancel());
    assert!(matches!(whole, Err(BundleError::Cancelled)));
    let digests = verify_parts(manifest.believed(), &mut parts, &limits, &cancel());
    assert!(matches!(digests, Err(BundleError::Cancelled)));
}

#[test]
fn progress_counts_every_byte_once() {
    let progress = CancelAfter(AtomicU64::new(u64::MAX));
    let seen = |progress: &CancelAfter| u64::MAX - progress.0.load(Ordering::SeqCst);
    let data = noise(3 << 20, 1);
    let image = ImageSource::from_reader("bytes", data.len() as u64, &*data).unwrap();
    let mut parts = MemoryParts::new();
    let bundled = bundle_into(image, &mut parts, &progress).unwrap();
    assert_eq!(seen(&progress), 3 << 20);
    let size = bundled.manifest().bundled_size;
    let manifest = open(bundled);
    let progress = CancelAfter(AtomicU64::new(u64::MAX));
    verify_parts(
        manifest.believed(),
        &mut parts,
        &Limits::default(),
        &progress,
    )
    .unwrap();
    assert_eq!(seen(&progress), size);
}
