//! Bundles of other tools are opened, and other tools open ours.

use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use fs_err as fs;
use gumnut_bundle::{
    BundleNames, BundleOptions, Bundler, Existing, FolderSink, FolderSource, ImageFile,
    ImageSource, NoProgress, TarForm, UnbundleWarning, Unbundled, unbundle, verify, verify_parts,
};
use gumnut_crypto::PrivateKey;
use gumnut_manifest::{BelievedManifest, OpenManifest, SignedManifest, UntrustedManifest};
use gumnut_types::Limits;

use crate::programs::run;
use crate::support::{Keys, cloud_key, fixture, meta, noise, options, user_key};

fn manifest(folder: &str, image: &str) -> BelievedManifest {
    let path = fixture(folder).join(format!("{image}.manifest.xml"));
    let parsed = UntrustedManifest::parse(&fs::read(path).unwrap(), &Limits::default()).unwrap();
    match folder {
        "euca2ools-3.4.1-unsigned" => parsed
            .trust_unverified("the test is about its parts")
            .into(),
        _ => parsed.verify(&[user_key().public_key()]).unwrap().into(),
    }
}

fn restore(manifest: &OpenManifest, parts: &Path, to: &Path) -> Unbundled {
    let mut source = FolderSource::open(parts).unwrap();
    let limits = Limits::default();
    let output = ImageFile::create(to, Existing::Refuse).unwrap();
    unbundle(manifest, &mut source, output, &limits, &NoProgress).unwrap()
}

/// Opens a foreign bundle with this key in every way there is.
fn opens(folder: &str, image: &str, key: &PrivateKey) -> Vec<UnbundleWarning> {
    let limits = Limits::default();
    let signed = manifest(folder, image);
    let mut source = FolderSource::open(&fixture(folder)).unwrap();
    verify_parts(&signed, &mut source, &limits, &NoProgress).unwrap();
    let open = signed.open(key).unwrap();
    let checked = verify(&open, &mut source, &limits, &NoProgress).unwrap();
    let out = tempfile::tempdir().unwrap();
    let restored = restore(&open, &fixture(folder), &out.path().join("restored"));
    let original = fs::read(fixture("images").join(image)).unwrap();
    assert!(fs::read(&restored.path).unwrap() == original, "{folder}");
    assert_eq!(restored.image_size, original.len() as u64);
    assert_eq!(restored.warnings, checked.warnings);
    if image == "holes.img" {
        let allocated = fs::metadata(&restored.path).unwrap().blocks() * 512;
        assert!(
            allocated <= 512 << 10,
            "{folder}: {allocated} bytes for an image of holes"
        );
    }
    restored.warnings
}

#[test]
fn every_foreign_bundle_is_restored() {
    let holes = ["euca2ools-1.3.2-holes", "ec2-ami-tools-format-holes"];
    let user = [
        ("euca2ools-2.1.4-kernel", "vmlinuz-2.6.24-19-xen"),
        ("euca2ools-3.4.1-tiny", "tiny.img"),
        ("euca2ools-3.4.1-ramdisk", "initrd.img-2.6.24-19-xen"),
        ("euca2ools-3.4.1-parts", "parts.img"),
    ];
    for (folder, image) in user
        .into_iter()
        .chain(holes.map(|folder| (folder, "holes.img")))
    {
        assert_eq!(opens(folder, image, &user_key()), []);
        assert_eq!(opens(folder, image, &cloud_key()), []);
    }
    assert_eq!(
        opens("euca2ools-3.4.1-unsigned", "tiny.img", &cloud_key()),
        []
    );
}

#[test]
fn the_oldest_bundles_have_no_image_digest() {
    let warnings = opens("euca2ools-1.2-tiny", "tiny.img", &user_key());
    assert_eq!(warnings, [UnbundleWarning::NoImageDigest]);
}

#[test]
fn our_tar_stream_is_that_of_euca2ools_3() {
    for (folder, image) in [
        ("euca2ools-3.4.1-tiny", "tiny.img"),
        ("euca2ools-3.4.1-ramdisk", "initrd.img-2.6.24-19-xen"),
        ("euca2ools-3.4.1-parts", "parts.img"),
    ] {
        let theirs = manifest(folder, image);
        let source = ImageSource::open(&fixture("images").join(image)).unwrap();
        let (keys, mut parts) = (Keys::new(), gumnut_bundle::MemoryParts::new());
        let recipients = keys.recipients();
        let bundler = Bundler {
            options: options(4096),
            ..Bundler::new(meta(image), recipients)
        };
        let ours = bundler.bundle(source, &mut parts, &NoProgress);
        let ours = ours.unwrap().manifest().image_digest;
        assert_eq!(ours, theirs.manifest().image_digest, "{folder}");
    }
}

/// Bundles a file into a directory.
fn bundle_file(image: &Path, folder: &Path, options: &BundleOptions) -> SignedManifest {
    let names = BundleNames::new("disk".parse().unwrap()).unwrap();
    let mut sink = FolderSink::create(folder, names, Existing::Refuse).unwrap();
    let keys = Keys::new();
    let source = ImageSource::open(image).unwrap();
    let recipients = keys.recipients();
    let bundler = Bundler {
        options: options.clone(),
        ..Bundler::new(meta("disk"), recipients)
    };
    let sealed = bundler.bundle(source, &mut sink, &NoProgress);
    let signed = sealed
        .unwrap()
        .into_manifest()
        .unwrap()
        .sign(&user_key())
        .unwrap();
    let committed = sink.commit(signed.bytes()).unwrap();
    assert_eq!(fs::read(committed.manifest).unwrap(), signed.bytes());
    signed
}

/// What `openssl` finds in a wrapped element, with the user's key.
fn unwrapped(folder: &Path, hex: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let key = fixture("keys/user-key.pem");
    let arguments = ["pkeyutl", "-decrypt", "-inkey", key.to_str().unwrap()];
    String::from_utf8(run(folder, "openssl", &arguments, &bytes)).unwrap()
}

#[test]
fn openssl_gzip_and_tar_alone_open_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut image = noise(700_000, 2);
    image.extend_from_slice(&vec![0; 3_000_000]);
    image.extend_from_slice(&fs::read(fixture("images/tiny.img")).unwrap());
    fs::write(path.join("image"), &image).unwrap();
    for tar in [TarForm::Plain, TarForm::Sparse] {
        let out = tempfile::tempdir_in(path).unwrap();
        let out = out.path();
        let manifest = bundle_file(
            &path.join("image"),
            out,
            &BundleOptions {
                tar,
                ..options(100_000)
            },
        );
        let pair = manifest.manifest().keys.user.as_ref().unwrap();
        let key = unwrapped(out, &pair.key.to_string());
        let iv = unwrapped(out, &pair.iv.to_string());
        let mut parts = Vec::new();
        for part in &manifest.manifest().parts {
            parts.extend(fs::read(out.join(part.name.as_str())).unwrap());
        }
        let enc = ["enc", "-d", "-aes-128-cbc", "-K", &key, "-iv", &iv];
        let gzip = run(out, "openssl", &enc, &parts);
        let stream = run(out, "gzip", &["-dc"], &gzip);
        run(out, "tar", &["-xf", "-"], &stream);
        assert!(fs::read(out.join("disk")).unwrap() == image);
    }
}

#[test]
fn an_image_of_more_than_8_gib_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let file = fs::File::create(path.join("image")).unwrap();
    let data = noise(10_000, 6);
    let islands = [0, (8 << 30) + 4096, (9 << 30) - 10_000];
    for offset in islands {
        file.file().write_all_at(&data, offset).unwrap();
    }
    // As a sparse member, because the zeros of a plain one would take seconds.
    let options = BundleOptions {
        tar: TarForm::Sparse,
        ..options(1 << 20)
    };
    let manifest = bundle_file(&path.join("image"), path, &options);
    assert_eq!(manifest.manifest().image_size, 9 << 30);
    assert!(manifest.manifest().bundled_size < 100_000);
    let open = manifest.open(&user_key()).unwrap();
    let restored = restore(&open, path, &path.join("restored"));
    let restored = fs::File::open(restored.path).unwrap();
    let metadata = restored.metadata().unwrap();
    assert_eq!(metadata.len(), 9 << 30);
    assert!(metadata.blocks() * 512 < 200_000);
    for offset in islands {
        let mut bytes = vec![0; data.len()];
        restored.file().read_exact_at(&mut bytes, offset).unwrap();
        assert!(bytes == data, "{offset}");
    }
}

#[test]
fn holes_come_back_whatever_the_form_of_the_member() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let file = fs::File::create(path.join("image")).unwrap();
    file.file()
        .write_all_at(&noise(100_000, 4), 20 << 20)
        .unwrap();
    file.set_len(50 << 20).unwrap();
    let original = file.metadata().unwrap();
    for (number, tar) in [TarForm::Plain, TarForm::Sparse].into_iter().enumerate() {
        let out = path.join(number.to_string());
        fs::create_dir(&out).unwrap();
        let manifest = bundle_file(
            &path.join("image"),
            &out,
            &BundleOptions {
                tar,
                ..options(1 << 20)
            },
        );
        let open = manifest.open(&user_key()).unwrap();
        let restored = restore(&open, &out, &out.join("restored"));
        let metadata = fs::metadata(&restored.path).unwrap();
        assert_eq!(metadata.len(), original.len());
        assert!(metadata.blocks() <= original.blocks() + 16, "{tar:?}");
        assert!(fs::read(&restored.path).unwrap() == fs::read(path.join("image")).unwrap());
    }
}
