//! A bundle around one layer of it, made as an attacker with all keys would make it.

use std::fmt::Write as _;
use std::io::Write as _;

use data_encoding::HEXLOWER;
use flate2::{Compression, GzBuilder};
use gumnut_crypto::{BundleIv, BundleKey, CbcEncryptor, PrivateKey, WrappedSecret};
use sha1::{Digest as _, Sha1};

/// The only part's name.
pub(crate) const PART: &str = "i.part.00";

/// Whose key wraps what the targets open. It protects nothing; RSA with 1024 bits is quick.
pub(crate) fn private_key() -> PrivateKey {
    PrivateKey::from_pem(include_bytes!("key.pem")).unwrap_or_else(|error| panic!("{error}"))
}

/// The key and iv of every bundle made here.
fn secrets() -> (BundleKey, BundleIv) {
    (
        BundleKey::from_bytes([7; 16]),
        BundleIv::from_bytes([9; 16]),
    )
}

/// The elements with the wrapped key and iv; wrapping is slow, so it is done once.
pub(crate) fn wrapped_elements() -> String {
    let (key, iv) = secrets();
    let recipient = private_key().public_key().clone();
    let failed = |error: gumnut_crypto::CryptoError| -> WrappedSecret { panic!("{error}") };
    let key = WrappedSecret::wrap_key(&recipient, &key).unwrap_or_else(failed);
    let iv = WrappedSecret::wrap_iv(&recipient, &iv).unwrap_or_else(failed);
    let mut text = String::new();
    for name in ["ec2_encrypted_key", "user_encrypted_key"] {
        let _ = write!(text, "<{name} algorithm=\"AES-128-CBC\">{key}</{name}>");
    }
    for name in ["ec2_encrypted_iv", "user_encrypted_iv"] {
        let _ = write!(text, "<{name}>{iv}</{name}>");
    }
    text
}

/// One gzip member of these bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
    let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
    done.unwrap_or_else(|error| panic!("memory takes everything: {error}"))
}

/// These bytes encrypted.
pub(crate) fn encrypt(bytes: &[u8]) -> Vec<u8> {
    let (key, iv) = secrets();
    let mut cipher = CbcEncryptor::new(Vec::new(), &key, &iv);
    let done = cipher.write_all(bytes).and_then(|()| cipher.finish());
    done.unwrap_or_else(|error| panic!("memory takes everything: {error}"))
}

/// A manifest of one part, which tells the truth about it; `stream` is the tar stream, where it is known.
pub(crate) fn manifest(
    part: &[u8],
    stream: Option<&[u8]>,
    image_size: u32,
    wrapped: &str,
) -> String {
    // Without the stream, the writer is one that knew no digest of it.
    let bundler = if stream.is_some() {
        "gumnut"
    } else {
        "euca-tools"
    };
    let image_digest = sha1(stream.unwrap_or_default());
    let part_digest = sha1(part);
    let bundled_size = part.len();
    format!(
        "<?xml version=\"1.0\"?><manifest><version>2007-10-10</version><bundler><name>{bundler}</name></bundler>\
         <machine_configuration><architecture>i386</architecture></machine_configuration>\
         <image><name>i</name><user>000000000001</user><type>machine</type><digest algorithm=\"SHA1\">{image_digest}\
         </digest><size>{image_size}</size><bundled_size>{bundled_size}</bundled_size>{wrapped}<parts count=\"1\">\
         <part index=\"0\"><filename>{PART}</filename><digest algorithm=\"SHA1\">{part_digest}</digest></part></parts>\
         </image><signature>UNSIGNED</signature></manifest>"
    )
}

fn sha1(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha1::digest(bytes))
}
