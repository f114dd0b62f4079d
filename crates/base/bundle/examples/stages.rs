//! One stage of the engine alone, done a number of times on 4 MiB: for counting its instructions.
//!
//! `cargo run --release -p gumnut-bundle --example stages -- STAGE TIMES`

mod sample;

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::num::{NonZeroU64, NonZeroUsize};

use gumnut_archive::{
    BlockSource, Compressor, FileBlocks, GunzipBlocks, GunzipReader, Level, TarStream,
};
use gumnut_bundle::BundleNames;
use gumnut_crypto::{BundleIv, BundleKey, CbcDecryptor, CbcEncryptor};
use gumnut_splitter::{ExpectedPart, Joiner, MemoryParts, PartRecord, Splitter};
use sha1::{Digest as _, Sha1};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LEN: usize = 4 << 20;
const ONE: NonZeroUsize = NonZeroUsize::MIN;
const PART: NonZeroU64 = NonZeroU64::new(1 << 20).expect("not 0");
/// For measuring: it protects nothing.
const SECRET: &[u8] = b"00112233445566778899aabbccddeeff";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(stage), Some(times)) = (arguments.next(), arguments.next()) else {
        return Err("which stage, and how many times?".into());
    };
    let times: u32 = times.parse()?;
    let data = sample::sample(LEN);
    match stage.as_str() {
        "read" => read(&data, times),
        "deflate" => repeat(times, || deflate(&data).map(drop)),
        "inflate" => {
            let gzip = deflate(&data)?;
            repeat(times, || drain(GunzipBlocks::new(&*gzip, u64::MAX, ONE)))
        }
        "inflate-foreign" => {
            let gzip = deflate(&data)?;
            repeat(times, || {
                io::copy(&mut GunzipReader::new(&*gzip, u64::MAX), &mut io::sink())?;
                Ok(())
            })
        }
        "sha1" => repeat(times, || {
            black_box(Sha1::digest(&data));
            Ok(())
        }),
        "encrypt" => repeat(times, || encrypt(&data).map(drop)),
        "decrypt" => {
            let cipher = encrypt(&data)?;
            let (key, iv) = secrets()?;
            repeat(times, || {
                let mut reader = CbcDecryptor::new(&*cipher, &key, &iv);
                io::copy(&mut reader, &mut io::sink())?;
                Ok(())
            })
        }
        "split" => repeat(times, || split(&data).map(drop)),
        "join" => join(&data, times),
        _ => Err(format!("no stage is called {stage}").into()),
    }
}

fn repeat(times: u32, mut stage: impl FnMut() -> Result<()>) -> Result<()> {
    (0..times).try_for_each(|_| stage())
}

/// A file with a hole behind its data, as a tar stream.
fn read(data: &[u8], times: u32) -> Result<()> {
    let mut file = tempfile::tempfile()?;
    file.write_all(data)?;
    let size = 2 * LEN as u64;
    file.set_len(size)?;
    let name = "disk.img".parse()?;
    repeat(times, || {
        drain(TarStream::new(&name, size, FileBlocks::new(&file, size)))
    })
}

fn deflate(data: &[u8]) -> Result<Vec<u8>> {
    Ok(Compressor::new(Level::DEFAULT, ONE).compress(data, Vec::new())?)
}

fn drain(mut blocks: impl BlockSource) -> Result<()> {
    while let Some(block) = blocks.next_block()? {
        black_box(&*block);
    }
    Ok(())
}

fn secrets() -> Result<(BundleKey, BundleIv)> {
    Ok((BundleKey::from_hex(SECRET)?, BundleIv::from_hex(SECRET)?))
}

fn encrypt(data: &[u8]) -> Result<Vec<u8>> {
    let (key, iv) = secrets()?;
    let mut writer = CbcEncryptor::new(Vec::with_capacity(LEN + 16), &key, &iv);
    writer.write_all(data)?;
    Ok(writer.finish()?)
}

fn split(data: &[u8]) -> Result<(MemoryParts, Vec<PartRecord>)> {
    let names = BundleNames::new("disk.img".parse()?)?;
    let mut splitter = Splitter::new(MemoryParts::new(), names, PART, 100);
    splitter.write_all(data)?;
    Ok(splitter.finish()?)
}

fn join(data: &[u8], times: u32) -> Result<()> {
    let (mut parts, records) = split(data)?;
    let expected: Vec<ExpectedPart> = records
        .into_iter()
        .map(|record| ExpectedPart {
            index: record.index,
            name: record.name,
            digest: record.digest,
        })
        .collect();
    repeat(times, || {
        let size = LEN as u64;
        let mut joiner = Joiner::new(&mut parts, expected.clone(), size, size);
        io::copy(&mut joiner, &mut io::sink())?;
        Ok(())
    })
}
