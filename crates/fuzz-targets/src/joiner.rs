//! Any parts, right or not, are joined to what they hold or refused.

use std::io::{self, Cursor, Read};

use gumnut_splitter::{ExpectedPart, Joiner, PartSource};
use gumnut_types::{PartIndex, PartName, Sha1Digest};
use sha1::{Digest as _, Sha1};

use crate::input::Input;

/// Most parts of one input.
const MOST_PARTS: u8 = 24;
/// Largest part that is accepted, in bytes.
const PART_LIMIT: u64 = 2000;

/// One part, and what is odd about it.
struct Part<'b> {
    bytes: &'b [u8],
    oddity: Oddity,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Oddity {
    None,
    DigestLies,
    SizeUnknown,
    SizeLies,
    Missing,
    Breaks,
}

impl Oddity {
    /// Most parts of most inputs are right.
    fn of(byte: u8) -> Self {
        match byte {
            251 => Self::DigestLies,
            252 => Self::SizeUnknown,
            253 => Self::SizeLies,
            254 => Self::Missing,
            255 => Self::Breaks,
            _ => Self::None,
        }
    }
}

struct Parts<'b>(Vec<Part<'b>>);

impl PartSource for Parts<'_> {
    fn size(&mut self, index: PartIndex, _name: &PartName) -> io::Result<Option<u64>> {
        let part = &self.0[index.0 as usize];
        if part.oddity == Oddity::Missing {
            return Err(io::ErrorKind::NotFound.into());
        }
        let size = part.bytes.len() as u64;
        Ok(match part.oddity {
            Oddity::SizeUnknown => None,
            Oddity::SizeLies => Some(size + 1),
            _ => Some(size),
        })
    }

    fn open(&mut self, index: PartIndex, _name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        let part = &self.0[index.0 as usize];
        if part.oddity == Oddity::Missing {
            return Err(io::ErrorKind::NotFound.into());
        }
        let bytes = Cursor::new(part.bytes.to_vec());
        if part.oddity == Oddity::Breaks {
            return Ok(Box::new(bytes.chain(Broken)));
        }
        Ok(Box::new(bytes))
    }
}

/// A reader whose connection is gone.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

/// Joins parts: how they are read, the number of parts, what the sum of sizes is off by, then each
/// part's faults, length and bytes.
///
/// # Panics
/// When anything but the right bytes of right parts is joined without an error, or right parts are refused.
pub fn joiner(bytes: &[u8]) {
    let mut input = Input(bytes);
    let check_sizes = input.byte() & 1 == 1;
    let step = usize::from(input.byte()) + 1;
    let off = u64::from(input.byte());
    let count = input.byte() % (MOST_PARTS + 1);
    let parts: Vec<_> = (0..count).map(|_| part(&mut input)).collect();
    let expected = parts.iter().zip(0..).map(expect).collect();
    let whole: Vec<u8> = parts.iter().flat_map(|part| part.bytes).copied().collect();
    let right = off == 0 && are_right(&parts, check_sizes);

    let sum = whole.len() as u64 + off;
    let mut reader = Joiner::new(Parts(parts), expected, sum, PART_LIMIT);
    let mut joined = Vec::new();
    let result = (|| {
        if check_sizes {
            reader.check_sizes().map_err(io::Error::from)?;
        }
        let mut buffer = vec![0; step];
        loop {
            match reader.read(&mut buffer)? {
                0 => return io::Result::Ok(()),
                count => joined.extend_from_slice(&buffer[..count]),
            }
        }
    })();
    assert_eq!(result.is_ok(), right, "{result:?}");
    assert!(whole.starts_with(&joined), "other bytes came out");
    assert!(!right || joined == whole, "bytes are missing");
}

fn part<'b>(input: &mut Input<'b>) -> Part<'b> {
    let oddity = Oddity::of(input.byte());
    let len = usize::from(input.u16() % 2100);
    Part {
        bytes: input.bytes(len),
        oddity,
    }
}

fn expect((part, index): (&Part<'_>, u32)) -> ExpectedPart {
    let mut digest: [u8; 20] = Sha1::digest(part.bytes).into();
    digest[0] ^= u8::from(part.oddity == Oddity::DigestLies);
    ExpectedPart {
        index: PartIndex(index),
        name: format!("image.part.{index}")
            .parse()
            .unwrap_or_else(|error| panic!("{error}")),
        digest: Sha1Digest::from_bytes(digest),
    }
}

/// What the joiner has to find out.
fn are_right(parts: &[Part<'_>], check_sizes: bool) -> bool {
    let last = parts.len().saturating_sub(1);
    // The sum of sizes is no sum when one of them is unknown.
    let sizes_are_known = parts.iter().all(|part| part.oddity != Oddity::SizeUnknown);
    let right = |(position, part): (usize, &Part<'_>)| {
        let odd = match part.oddity {
            Oddity::None | Oddity::SizeUnknown => false,
            Oddity::SizeLies => {
                let too_large = part.bytes.len() as u64 == PART_LIMIT;
                check_sizes && (sizes_are_known || too_large)
            }
            Oddity::DigestLies | Oddity::Missing | Oddity::Breaks => true,
        };
        !odd && part.bytes.len() as u64 <= PART_LIMIT
            && (position == last || !part.bytes.is_empty())
    };
    parts.iter().enumerate().all(right)
}
