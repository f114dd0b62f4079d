//! openssl as the judge of wrapping, signatures and certificates.

use std::process::Command;
use std::time::{Duration, SystemTime};

use gumnut_crypto::{
    BundleIv, BundleKey, Certificate, CertificateSpec, HexRule, PrivateKey, WrappedSecret,
};

use crate::{vector, vector_path};

/// Runs openssl, which must be there and succeed.
pub(crate) fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("openssl: {error}; run: cargo xtask setup"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn hex_to_bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn openssl_opens_what_was_wrapped() {
    let folder = tempfile::tempdir().unwrap();
    let wrapped_file = folder.path().join("wrapped");
    let certificate = Certificate::from_pem(&vector("user-cert.pem")).unwrap();
    let key = BundleKey::from_bytes([0xAB; 16]);
    let wrapped = WrappedSecret::wrap_key(certificate.public_key(), &key).unwrap();
    assert_eq!(wrapped.len(), certificate.public_key().modulus_bytes());
    fs_err::write(&wrapped_file, hex_to_bytes(&wrapped.to_string())).unwrap();
    let text = openssl(&[
        "pkeyutl",
        "-decrypt",
        "-inkey",
        vector_path("user-key.pem").to_str().unwrap(),
        "-in",
        wrapped_file.to_str().unwrap(),
    ]);
    assert_eq!(
        text,
        "ab".repeat(16).as_bytes(),
        "the hex text is wrapped, not the bytes"
    );
}

#[test]
fn what_openssl_wrapped_opens() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs_err::write(&text, "00112233445566778899aabbccddeeff").unwrap();
    let wrapped = openssl(&[
        "pkeyutl",
        "-encrypt",
        "-certin",
        "-inkey",
        vector_path("user-cert.pem").to_str().unwrap(),
        "-in",
        text.to_str().unwrap(),
    ]);
    let hex = data_encoding::HEXUPPER.encode(&wrapped);
    let key = PrivateKey::from_pem(&vector("user-key.pem")).unwrap();
    let iv = WrappedSecret::from_hex(&hex)
        .unwrap()
        .unwrap_iv(&key, HexRule::Exact)
        .unwrap();
    assert_eq!(
        iv,
        BundleIv::from_bytes(
            hex_to_bytes("00112233445566778899aabbccddeeff")
                .try_into()
                .unwrap()
        )
    );
}

#[test]
fn openssl_accepts_our_signature_and_we_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs_err::write(path("message"), "machine_configurationimage").unwrap();
    let key = PrivateKey::from_pem(&vector("user-key.pem")).unwrap();
    let signature = key
        .sign_sha1(&[b"machine_configuration", b"image"])
        .unwrap();
    fs_err::write(path("signature"), &signature).unwrap();
    let certificate = vector_path("user-cert.pem");
    let public = openssl(&[
        "x509",
        "-in",
        certificate.to_str().unwrap(),
        "-noout",
        "-pubkey",
    ]);
    fs_err::write(path("public"), public).unwrap();
    let (public, message) = (path("public"), path("message"));
    let verify = [
        "dgst",
        "-sha1",
        "-verify",
        &public,
        "-signature",
        &path("signature"),
        &message,
    ];
    assert_eq!(openssl(&verify), b"Verified OK\n");
    let key_path = vector_path("user-key.pem");
    let theirs = openssl(&[
        "dgst",
        "-sha1",
        "-sign",
        key_path.to_str().unwrap(),
        &message,
    ]);
    assert!(
        key.public_key()
            .verify_sha1(&[b"machine_configurationimage"], &theirs)
    );
    assert!(
        !key.public_key()
            .verify_sha1(&[b"machine_configurationImage"], &theirs)
    );
}

#[test]
fn openssl_verifies_a_self_signed_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cert.pem");
    let key = PrivateKey::generate(2048).unwrap();
    let now = SystemTime::now();
    let spec = CertificateSpec {
        common_name: "admin",
        not_before: now,
        not_after: now + Duration::from_hours(24 * 3650),
    };
    let certificate = Certificate::self_signed(&key, &spec).unwrap();
    fs_err::write(&path, certificate.to_pem().unwrap()).unwrap();
    let path = path.to_str().unwrap();
    openssl(&["verify", "-CAfile", path, path]);
    let text = String::from_utf8(openssl(&["x509", "-in", path, "-noout", "-text"])).unwrap();
    assert!(text.contains("sha512WithRSAEncryption"), "{text}");
    let subject = openssl(&[
        "x509", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253",
    ]);
    assert_eq!(
        String::from_utf8(subject).unwrap().trim(),
        "subject=CN=admin,OU=Eucalyptus,O=User,C=US"
    );
    let fingerprint = openssl(&["x509", "-in", path, "-noout", "-fingerprint", "-sha1"]);
    assert!(
        String::from_utf8(fingerprint)
            .unwrap()
            .trim()
            .ends_with(&certificate.fingerprint())
    );
    let again = Certificate::from_pem(certificate.to_pem().unwrap().as_bytes()).unwrap();
    assert!(key.matches(&again));
    assert!(!again.is_expired_at(now));
    assert!(again.is_expired_at(now + Duration::from_hours(24 * 3651)));
}
