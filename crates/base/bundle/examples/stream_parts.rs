//! Bundles an image straight into a consumer that is no directory, with never more than two parts in
//! memory: one that is being filled, and one that the consumer works on. An upload does the same.
//!
//! `cargo run -p gumnut-bundle --example stream_parts -- IMAGE` (without IMAGE: 64 MiB made up)
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use gumnut_bundle::{
    BundleMeta, BundleNames, BundleOptions, Bundler, ChannelSink, FinishedPart, ImageSource,
    NoProgress, PartRecord, PartSink, Recipients,
};
use gumnut_crypto::{Certificate, PrivateKey};
use gumnut_types::{Architecture, ImageKind, PartIndex, PartName};

const CLOUD_CERT: &[u8] = include_bytes!("../fixtures/keys/cloud-cert.pem");
const USER_KEY: &[u8] = include_bytes!("../fixtures/keys/user-key.pem");

/// Counts the parts that exist.
#[derive(Default)]
struct Parts {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Parts {
    fn one_more(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn one_less(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The channel's sink, counted.
struct Counted<'a> {
    sink: ChannelSink,
    parts: &'a Parts,
}

impl PartSink for Counted<'_> {
    fn start(&mut self, index: PartIndex, name: &PartName) -> io::Result<()> {
        self.parts.one_more();
        self.sink.start(index, name)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write(bytes)
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        self.sink.finish(part)
    }
}

/// Stands for an upload: slower than the compressor, one part at a time.
fn consume(receiver: &Receiver<FinishedPart>, parts: &Parts) {
    for part in receiver {
        let sum: u64 = part.bytes.iter().copied().map(u64::from).sum();
        println!(
            "{}: {} bytes, byte sum {sum}",
            part.record.name,
            part.bytes.len()
        );
        drop(part);
        parts.one_less();
    }
}

fn image(argument: Option<String>) -> Result<ImageSource<'static>, Box<dyn Error>> {
    const SIZE: u64 = 64 << 20;
    Ok(match argument {
        Some(path) => ImageSource::open(Path::new(&path))?,
        None => ImageSource::from_reader("made up", SIZE, io::Read::take(Noise(1), SIZE))?,
    })
}

/// Bytes that do not compress.
struct Noise(u64);

impl io::Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = self.0.to_be_bytes()[0];
        }
        Ok(buffer.len())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let user = PrivateKey::from_pem(USER_KEY)?;
    let cloud = Certificate::from_pem(CLOUD_CERT)?.public_key().clone();
    let recipients = Recipients {
        cloud: &cloud,
        user: Some(user.public_key()),
    };
    let meta = BundleMeta {
        names: BundleNames::new("disk".parse()?)?,
        user: "000000000001".parse()?,
        architecture: Architecture::X86_64,
        kind: ImageKind::Machine {
            kernel: None,
            ramdisk: None,
        },
        block_devices: Vec::new(),
        product_codes: Vec::new(),
    };
    let part_size = NonZeroU64::new(4 << 20).ok_or("a part has a size")?;
    let maker = Bundler {
        options: BundleOptions {
            part_size,
            ..BundleOptions::default()
        },
        ..Bundler::new(meta, recipients)
    };
    let image = image(std::env::args().nth(1))?;

    // No capacity: the sender continues when the consumer has taken the part.
    let (sender, receiver) = sync_channel(0);
    let parts = Parts::default();
    let bundled = thread::scope(|scope| {
        let parts = &parts;
        scope.spawn(move || consume(&receiver, parts));
        let mut sink = Counted {
            sink: ChannelSink::new(sender),
            parts,
        };
        maker.bundle(image, &mut sink, &NoProgress)
    })?;
    let count = bundled.parts().len();
    let manifest = bundled.into_manifest()?.sign(&user)?;
    let most = parts.most.load(Ordering::SeqCst);
    println!(
        "{count} parts, at most {most} in memory; manifest of {} bytes",
        manifest.bytes().len()
    );
    assert!(most <= 2, "more than two parts were in memory");
    Ok(())
}
