//! Bundles whose parts match their manifest, made by somebody who means harm.

use std::io::Write as _;
use std::num::{NonZeroU64, NonZeroUsize};

use gumnut_archive::{ArchiveError, Compressor, Level};
use gumnut_bundle::{BundleError, BundleNames, Fault, MemoryParts};
use gumnut_crypto::{CbcEncryptor, WrappedSecret};
use gumnut_manifest::{Manifest, OpenManifest, Part};
use gumnut_splitter::Splitter;
use gumnut_types::Sha1Digest;

use crate::support::{cloud_key, open, options, seal, unseal, user_key};

fn gzip(data: &[u8]) -> Vec<u8> {
    let compressor = Compressor::new(Level::FAST, NonZeroUsize::MIN);
    compressor.compress(data, Vec::new()).unwrap()
}

/// A tar stream of one member of so many zeros.
fn tar(size: usize) -> Vec<u8> {
    let image = vec![0; size];
    let blocks = gumnut_archive::ReaderBlocks::new(&*image);
    let stream = gumnut_archive::TarStream::new(&"image".parse().unwrap(), size as u64, blocks);
    let mut bytes = Vec::new();
    std::io::copy(&mut gumnut_archive::BlockReader::new(stream), &mut bytes).unwrap();
    bytes
}

/// Encrypts `plain` with the key of an honest bundle, and signs a manifest changed by `lie`.
fn craft(plain: &[u8], lie: impl FnOnce(&mut Manifest)) -> (OpenManifest, MemoryParts) {
    let (bundled, _) = seal(b"honest", &options(1 << 20));
    let mut manifest = bundled.manifest().clone();
    let honest = open(bundled);
    let names = BundleNames::new("image".parse().unwrap()).unwrap();
    let size = NonZeroU64::new(1 << 20).unwrap();
    let splitter = Splitter::new(MemoryParts::new(), names, size, 1000);
    let mut cipher = CbcEncryptor::new(splitter, honest.key(), honest.iv());
    cipher.write_all(plain).unwrap();
    let (parts, records) = cipher.finish().unwrap().finish().unwrap();
    manifest.bundled_size = records.iter().map(|record| record.size).sum();
    manifest.parts = records
        .into_iter()
        .map(|part| Part {
            index: part.index,
            name: part.name,
            digest: part.digest,
        })
        .collect();
    lie(&mut manifest);
    let unsigned = gumnut_manifest::UnsignedManifest::new(manifest).unwrap();
    (
        unsigned
            .sign(&user_key())
            .unwrap()
            .open(&user_key())
            .unwrap(),
        parts,
    )
}

fn refused(plain: &[u8], lie: impl FnOnce(&mut Manifest)) -> BundleError {
    let (manifest, mut parts) = craft(plain, lie);
    let error = unseal(&manifest, &mut parts).unwrap_err();
    assert_eq!(error.fault(), Fault::Input);
    error
}

fn size(size: u64) -> impl FnOnce(&mut Manifest) {
    move |manifest| manifest.image_size = size
}

#[test]
fn a_bomb_ends_at_its_bound() {
    let bomb = gzip(&tar(64 << 20));
    assert!(bomb.len() < 200_000);
    // The announced size and the bound are both wrong, and either may be found first.
    let error = refused(&bomb, size(1000));
    let size_differs = BundleError::ImageSize {
        expected: 1000,
        actual: 64 << 20,
    }
    .to_string();
    let found = error.to_string() == size_differs
        || matches!(error, BundleError::Gunzip(ArchiveError::TooLong { .. }));
    assert!(found, "{error:?}");
    // With a header that is as false as the manifest, only the limit holds.
    let mut lying = tar(1000);
    lying.resize(64 << 20, 0);
    let limit = 1024 + (1 << 20) + 10_240;
    let error = refused(&gzip(&lying), size(1000));
    assert!(
        matches!(error, BundleError::Gunzip(ArchiveError::TooLong { limit: found }) if found == limit)
    );
}

#[test]
fn foreign_bytes_behind_the_gzip_stream_are_refused() {
    let mut stream = gzip(&tar(1000));
    stream.extend_from_slice(b"more");
    let error = refused(&stream, size(1000));
    assert!(
        matches!(error, BundleError::Gunzip(ArchiveError::GzipJunk)),
        "{error:?}"
    );
}

#[test]
fn several_gzip_members_are_joined() {
    let stream = tar(1000);
    let (one, two) = stream.split_at(700);
    let joined = [gzip(one), gzip(two)].concat();
    let digest = {
        use sha1::Digest as _;
        Sha1Digest::from_bytes(sha1::Sha1::digest(&stream).into())
    };
    let (manifest, mut parts) = craft(&joined, |manifest| {
        manifest.image_size = 1000;
        manifest.image_digest = digest;
    });
    assert_eq!(unseal(&manifest, &mut parts).unwrap().0, [0; 1000]);
}

#[test]
fn a_second_member_is_refused() {
    let mut stream = tar(1000);
    stream.truncate(1536);
    stream.extend(tar(5));
    let error = refused(&gzip(&stream), size(1000));
    assert!(
        matches!(error, BundleError::Untar(ArchiveError::SecondMember)),
        "{error:?}"
    );
}

#[test]
fn another_image_digest_is_refused() {
    let stream = gzip(&tar(1000));
    let error = refused(&stream, size(1000));
    let BundleError::ImageDigest { expected, actual } = &error else {
        panic!("{error:?}")
    };
    assert!(error.to_string().contains(&expected.to_string()));
    assert!(error.to_string().contains(&actual.to_string()));
}

#[test]
fn the_digest_of_nothing_is_a_lie_unless_an_old_tool_wrote_it() {
    let stream = gzip(&tar(1000));
    let lie = |bundler: &'static str| {
        move |manifest: &mut Manifest| {
            manifest.image_size = 1000;
            manifest.image_digest = Sha1Digest::OF_NOTHING;
            manifest.bundler.name = bundler.to_owned();
        }
    };
    let error = refused(&stream, lie("euca2ools"));
    assert!(matches!(error, BundleError::ImageDigest { .. }));
    let (manifest, mut parts) = craft(&stream, lie("euca-tools"));
    assert_eq!(unseal(&manifest, &mut parts).unwrap().1.warnings.len(), 1);
}

#[test]
fn the_wrong_key_is_told_as_such() {
    let image = vec![7; 3_000_000];
    let (bundled, mut parts) = seal(&image, &options(1 << 20));
    let other = open(seal(b"other", &options(1 << 20)).0);
    let mut manifest = bundled.manifest().clone();
    // Somebody wraps another key: it is well formed, and opens nothing.
    let user = user_key().public_key().clone();
    let mut pair = manifest.keys.cloud.clone();
    pair.key = WrappedSecret::wrap_key(&user, other.key()).unwrap();
    pair.iv = WrappedSecret::wrap_iv(&user, other.iv()).unwrap();
    manifest.keys.user = Some(pair);
    let unsigned = gumnut_manifest::UnsignedManifest::new(manifest).unwrap();
    let signed = unsigned.sign(&user_key()).unwrap();
    let wrong = signed.clone().open(&user_key()).unwrap();
    let error = unseal(&wrong, &mut parts).unwrap_err();
    let told = matches!(&error, BundleError::Gunzip(ArchiveError::NotGzip))
        || matches!(&error, BundleError::Decrypt(_));
    assert!(told, "{error:?}");
    let right = signed.open(&cloud_key()).unwrap();
    assert!(unseal(&right, &mut parts).unwrap().0 == image);
}
