//! Bytes that somebody else chose must neither crash nor detain the inspection.

use std::sync::LazyLock;

use gumnut_disk_image::inspect;
use proptest::prelude::*;

use crate::image::Image;

/// Where mke2fs puts what the library reads first: superblock, group descriptors, inode table,
/// directories, in bytes.
const METADATA: usize = 1 << 20;

static EXT3: LazyLock<Vec<u8>> = LazyLock::new(|| fs_err::read(Image::ext3().path).unwrap());
static EXT4: LazyLock<Vec<u8>> = LazyLock::new(|| fs_err::read(Image::ext4().path).unwrap());

fn inspect_bytes(bytes: &[u8]) {
    inspect_file(bytes, bytes.len() as u64);
}

/// Inspects a file that begins with `bytes` and is a hole from there on.
fn inspect_file(bytes: &[u8], length: u64) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), bytes).unwrap();
    file.as_file().set_len(length).unwrap();
    let inspection = inspect(file.path()).unwrap();
    assert_eq!(inspection.length, length);
    assert!(!inspection.content.to_string().contains('\x1b'));
}

fn flips(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(usize, u8)>> {
    proptest::collection::vec((range, any::<u8>()), 1..20)
}

fn inspect_flipped(image: &[u8], flips: &[(usize, u8)]) {
    let mut bytes = image[..METADATA].to_vec();
    for (offset, value) in flips {
        bytes[*offset] = *value;
    }
    // The whole length, so that the file is not refused for being short.
    inspect_file(&bytes, image.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..20_000)) {
        inspect_bytes(&bytes);
    }

    #[test]
    fn a_superblock_with_other_bytes(flips in flips(1024..2048)) {
        inspect_flipped(&EXT3, &flips);
        inspect_flipped(&EXT4, &flips);
    }

    #[test]
    fn metadata_with_other_bytes(flips in flips(2048..METADATA)) {
        inspect_flipped(&EXT3, &flips);
        inspect_flipped(&EXT4, &flips);
    }

    #[test]
    fn a_kernel_header_with_any_fields(fields in proptest::collection::vec(any::<u8>(), 0x100)) {
        let mut bytes = vec![0; 0x200];
        bytes[0x1FE..].copy_from_slice(&[0x55, 0xAA]);
        bytes.extend(&fields);
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        inspect_bytes(&bytes);
    }

    #[test]
    fn a_gzip_header_with_anything_behind(rest in proptest::collection::vec(any::<u8>(), 0..2000)) {
        inspect_bytes(&[&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], rest.as_slice()].concat());
    }
}

#[test]
fn a_claim_of_billions_of_groups_takes_no_memory() {
    let image = Image::ext2();
    // One block per group in a file of 4 TiB: a record for each would need 100 GiB.
    image.patch(1024 + 0x04, &u32::MAX.to_le_bytes());
    image.patch(1024 + 0x20, &1_u32.to_le_bytes());
    let file = fs_err::OpenOptions::new()
        .write(true)
        .open(&image.path)
        .unwrap();
    file.set_len(4 << 40).unwrap();
    assert!(inspect(&image.path).is_ok());
}

#[test]
fn a_high_word_that_does_not_count_takes_no_memory() {
    let image = Image::ext3();
    // The feature `64bit` is not set; used anyway, these are 4,294,443,009 groups.
    image.patch(1024 + 0x150, &0x1FFF_u32.to_le_bytes());
    assert!(inspect(&image.path).is_ok());
}
