//! The parallel compressor: one member, the same for any number of threads, read by gzip.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::Path;
use std::thread;

use flate2::{Decompress, FlushDecompress, Status};
use gumnut_archive::{BLOCK_SIZE, BlockSource as _, Compressor, GunzipReader, Level, ReaderBlocks};
use proptest::prelude::*;

use crate::image::{jobs, mixed, noise};
use crate::programs::run;

fn level(number: u8) -> Level {
    number.to_string().parse().unwrap()
}

fn compress(level: Level, threads: usize, data: &[u8]) -> Vec<u8> {
    Compressor::new(level, jobs(threads))
        .compress(data, Vec::new())
        .unwrap()
}

/// Walks the one member that there must be, and returns its data.
fn only_member(bytes: &[u8]) -> Vec<u8> {
    assert_eq!(
        bytes[..8],
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0],
        "no name, no time"
    );
    let mut inflate = Decompress::new(false);
    let mut data = Vec::with_capacity(64 << 20);
    let status = inflate.decompress_vec(&bytes[10..], &mut data, FlushDecompress::Finish);
    assert_eq!(status.unwrap(), Status::StreamEnd);
    let trailer = 10 + usize::try_from(inflate.total_in()).unwrap();
    assert_eq!(bytes.len(), trailer + 8, "nothing follows the first member");
    data
}

#[test]
fn every_level_and_content_is_one_member_that_gzip_reads() {
    let here = Path::new(".");
    let contents = [
        vec![],
        vec![5],
        noise(BLOCK_SIZE + 1, 3),
        vec![0; 3 * BLOCK_SIZE + 7],
        mixed(),
    ];
    for number in 0..=9 {
        for data in &contents {
            let bytes = compress(level(number), 2, data);
            assert!(
                only_member(&bytes) == *data,
                "level {number}, {} bytes",
                data.len()
            );
            // The slow levels differ in the compressor only, and that checks itself.
            if matches!(number, 0 | 1 | 6) {
                assert!(
                    run(here, "gzip", &["-dc"], &bytes) == *data,
                    "level {number}"
                );
            }
        }
    }
}

#[test]
fn the_output_does_not_depend_on_the_number_of_threads() {
    let data = mixed();
    let one = compress(Level::DEFAULT, 1, &data);
    for threads in [2, 3, 16] {
        assert!(
            compress(Level::DEFAULT, threads, &data) == one,
            "{threads} threads"
        );
    }
}

#[test]
fn blocks_that_the_caller_cuts_are_joined_like_the_others() {
    let data = mixed();
    let (mut input, mut output) = Compressor::new(Level::FAST, jobs(2)).start().unwrap();
    let feed = || -> io::Result<()> {
        let mut blocks = ReaderBlocks::new(&*data);
        while let Some(block) = blocks.next_block()? {
            input.send(block)?;
        }
        input.finish()
    };
    thread::scope(|scope| {
        let feeder = scope.spawn(feed);
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).unwrap();
        feeder.join().unwrap().unwrap();
        assert!(bytes == compress(Level::FAST, 1, &data));
        assert!(
            output.fill_buf().unwrap().is_empty(),
            "the end stays the end"
        );
    });
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    #[derive(Debug)]
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let compressor = Compressor::new(Level::FAST, jobs(2));
    let error = compressor.compress(io::repeat(1), Full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_source_that_fails_ends_the_run() {
    struct Broken(u32);
    impl io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 -= 1;
            match self.0 {
                0 => Err(io::ErrorKind::NotConnected.into()),
                _ => Ok(buffer.len()),
            }
        }
    }
    let compressor = Compressor::new(Level::FAST, jobs(2));
    let error = compressor.compress(Broken(3000), io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_chunks_of_reads_and_writes_change_nothing(
        len in prop::sample::select(vec![0, 1, 15, 16, 17, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1]),
        chunks in prop::collection::vec(1_usize..400_000, 1..9),
    ) {
        let data = noise(len, 11);
        let (mut input, output) = Compressor::new(Level::FAST, jobs(2)).start().unwrap();
        let (mut rest, mut back) = (&*data, Vec::new());
        for chunk in chunks.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*chunk));
            input.write_all(now).unwrap();
            input.flush().unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        input.finish().unwrap();
        let mut gzip = Vec::new();
        let buffered = io::BufReader::with_capacity(chunks[0], output);
        let mut copy = buffered.take(u64::MAX);
        copy.read_to_end(&mut gzip).unwrap();
        prop_assert!(gzip == compress(Level::FAST, 1, &data));
        let mut reader = GunzipReader::new(&*gzip, len as u64);
        for chunk in chunks.iter().cycle() {
            let mut buffer = vec![0; *chunk];
            let count = reader.read(&mut buffer).unwrap();
            back.extend_from_slice(&buffer[..count]);
            if count == 0 {
                break;
            }
        }
        prop_assert!(back == data);
    }
}
