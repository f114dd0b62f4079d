//! Reading keys and certificates, good and bad.

use std::sync::OnceLock;

use gumnut_crypto::{BundleKey, Certificate, CryptoError, HexRule, PrivateKey, WrappedSecret};

use crate::openssl::openssl;
use crate::{vector, vector_path};

/// A key that belongs to nobody else here.
fn stranger() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(2048).unwrap())
}

#[test]
fn both_forms_of_a_key_are_the_same_key() {
    let pkcs8 = PrivateKey::from_pem(&vector("user-key.pem")).unwrap();
    let pkcs1 = PrivateKey::from_pem(&vector("user-key.pkcs1.pem")).unwrap();
    assert_eq!(pkcs8.public_key(), pkcs1.public_key());
    assert!(pkcs8.matches(&Certificate::from_pem(&vector("user-cert.pem")).unwrap()));
    assert!(!pkcs8.matches(&Certificate::from_pem(&vector("cloud-cert.pem")).unwrap()));
    let again = PrivateKey::from_pem(pkcs8.to_pem().unwrap().as_bytes()).unwrap();
    assert_eq!(again.public_key(), pkcs8.public_key());
}

#[test]
fn debug_shows_no_key() {
    let pem = vector("user-key.pem");
    let text = String::from_utf8(pem.clone()).unwrap();
    let shown = format!("{:?}", PrivateKey::from_pem(&pem).unwrap());
    assert!(shown.starts_with("PrivateKey("), "{shown}");
    assert!(shown.len() < 80, "{shown}");
    assert!(!text.lines().any(|line| shown.contains(line)));
}

#[test]
fn a_small_rsa_key_is_still_a_carrier() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, certificate) = (path("key"), path("cert"));
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:1024",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=small",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ]);
    let key = PrivateKey::from_pem(&fs_err::read(key).unwrap()).unwrap();
    let certificate = Certificate::from_pem(&fs_err::read(certificate).unwrap()).unwrap();
    assert!(key.matches(&certificate));
    let secret = BundleKey::from_bytes([1; 16]);
    let wrapped = WrappedSecret::wrap_key(certificate.public_key(), &secret).unwrap();
    assert_eq!(wrapped.to_string().len(), 256);
    assert_eq!(wrapped.unwrap_key(&key, HexRule::Exact).unwrap(), secret);
}

#[test]
fn encrypted_keys_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("locked");
    let (path, key) = (path.to_str().unwrap(), vector_path("user-key.pem"));
    let key = key.to_str().unwrap();
    let pkcs8 = [
        "pkcs8",
        "-topk8",
        "-in",
        key,
        "-out",
        path,
        "-passout",
        "pass:test",
    ];
    let legacy = [
        "rsa",
        "-in",
        key,
        "-out",
        path,
        "-aes128",
        "-passout",
        "pass:test",
        "-traditional",
    ];
    for command in [&pkcs8[..], &legacy[..]] {
        openssl(command);
        let error = PrivateKey::from_pem(&fs_err::read(path).unwrap()).unwrap_err();
        assert!(matches!(error, CryptoError::Encrypted), "{error:?}");
    }
}

#[test]
fn the_wrong_kind_of_file_is_named() {
    let error = PrivateKey::from_pem(&vector("user-cert.pem")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it contains \"CERTIFICATE\" instead of a private key"
    );
    let error = Certificate::from_pem(&vector("user-key.pem")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it contains \"PRIVATE KEY\" instead of a certificate"
    );
    assert!(matches!(
        PrivateKey::from_pem(b"\x89PNG\xff"),
        Err(CryptoError::NotPem)
    ));
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let pem = openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    assert!(matches!(
        PrivateKey::from_pem(&pem),
        Err(CryptoError::PrivateKey(_))
    ));
    let damaged = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(
        PrivateKey::from_pem(damaged),
        Err(CryptoError::PrivateKey(_))
    ));
}

#[test]
fn every_failed_unwrap_is_the_same_error() {
    let user = PrivateKey::from_pem(&vector("user-key.pem")).unwrap();
    let key = BundleKey::from_bytes([9; 16]);
    let wrapped = WrappedSecret::wrap_key(user.public_key(), &key).unwrap();
    let mut damaged = wrapped.to_string();
    damaged.replace_range(8..10, if &damaged[8..10] == "00" { "01" } else { "00" });
    let short = WrappedSecret::from_hex("00ff").unwrap();
    let failures = [
        wrapped.unwrap_key(stranger(), HexRule::Exact),
        WrappedSecret::from_hex(&damaged)
            .unwrap()
            .unwrap_key(&user, HexRule::Exact),
        short.unwrap_key(&user, HexRule::Exact),
    ];
    for failure in failures {
        let error = failure.unwrap_err();
        assert!(matches!(error, CryptoError::Unwrap));
        assert_eq!(
            error.to_string(),
            "wrong private key, or not an AES-128 bundle"
        );
    }
    assert_eq!(wrapped.unwrap_key(&user, HexRule::Exact).unwrap(), key);
}
