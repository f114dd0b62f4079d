//! New key pairs, and their private keys in the forms that ssh clients read.

use data_encoding::BASE64;
use gumnut_crypto::{CryptoError, PrivateKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use super::ssh_key::{SshKey, colons, put};

/// The size of new RSA keys, in bits, as in EC2.
const BITS: usize = 2048;
/// What the files of OpenSSH begin with.
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Characters of a line of Base64 in those files.
const LINE: usize = 70;
/// Bytes that are enough for such a file, so that none of its secret is left behind where the text grows.
const ROOM: usize = 1024;

/// The kinds of key pairs that are created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2048 bits.
    #[default]
    Rsa,
    /// Ed25519.
    Ed25519,
}

/// A new key.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) public: SshKey,
    /// PKCS#1 in PEM for RSA, the form of OpenSSH for Ed25519.
    pub(crate) material: Zeroizing<String>,
    /// SHA-1 of the private key in PKCS#8 for RSA, that of an imported key for Ed25519.
    pub(crate) fingerprint: String,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewKeyError {
    #[error("cannot make an RSA key")]
    Rsa(#[from] CryptoError),
    #[error("cannot get random numbers from the operating system")]
    Random(#[from] ring::error::Unspecified),
    #[error("cannot make an Ed25519 key")]
    Ed25519(#[from] ring::error::KeyRejected),
}

impl NewKey {
    /// Makes a key. For RSA this takes up to some seconds of a processor.
    pub(crate) fn make(kind: KeyKind) -> Result<Self, NewKeyError> {
        match kind {
            KeyKind::Rsa => rsa(),
            KeyKind::Ed25519 => ed25519(),
        }
    }
}

fn rsa() -> Result<NewKey, NewKeyError> {
    let key = PrivateKey::generate(BITS)?;
    Ok(NewKey {
        public: SshKey::Rsa(key.public_key().clone()),
        material: key.to_pkcs1_pem()?,
        fingerprint: colons(&Sha1::digest(&*key.to_pkcs8_der()?)),
    })
}

fn ed25519() -> Result<NewKey, NewKeyError> {
    let random = SystemRandom::new();
    let mut seed = Zeroizing::new([0; 32]);
    random.fill(&mut *seed)?;
    let mut check = [0; 4];
    random.fill(&mut check)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed)?;
    let mut public = [0; 32];
    public.copy_from_slice(pair.public_key().as_ref());
    let public = SshKey::Ed25519(public);
    let fingerprint = public.fingerprint().unwrap_or_default();
    Ok(NewKey {
        material: openssh(&public.blob(), &seed, check),
        public,
        fingerprint,
    })
}

/// The file of OpenSSH for an Ed25519 key without a passphrase. Readers compare the two copies of `check`.
fn openssh(blob: &[u8], seed: &[u8; 32], check: [u8; 4]) -> Zeroizing<String> {
    // The public key is the last field of its binary form.
    let public = &blob[blob.len() - 32..];
    let mut private = Zeroizing::new(Vec::with_capacity(ROOM));
    private.extend([check, check].concat());
    private.extend(blob);
    let mut both = Zeroizing::new([0; 64]);
    both[..32].copy_from_slice(seed);
    both[32..].copy_from_slice(public);
    put(&mut private, &*both);
    put(&mut private, b"");
    for (padding, _) in (1..).zip(private.len()..private.len().next_multiple_of(8)) {
        private.push(padding);
    }
    let mut file = Zeroizing::new(Vec::with_capacity(ROOM));
    file.extend(MAGIC);
    for field in [&b"none"[..], b"none", b""] {
        put(&mut file, field);
    }
    file.extend(1_u32.to_be_bytes());
    put(&mut file, blob);
    put(&mut file, &private);
    let encoded = Zeroizing::new(BASE64.encode(&file));
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    text.push_str("-----BEGIN OPENSSH PRIVATE KEY-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// What `ssh-keygen` makes of a private key.
    fn ssh_keygen(material: &str, arguments: &[&str]) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(material.as_bytes()).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        file.as_file().set_permissions(mode).unwrap();
        let output = Command::new("ssh-keygen")
            .args(arguments)
            .arg("-f")
            .arg(file.path())
            .output()
            .expect("ssh-keygen is there");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn ssh_keygen_reads_new_keys_and_finds_the_same_public_keys() {
        for (kind, begin) in [
            (KeyKind::Rsa, "-----BEGIN RSA PRIVATE KEY-----\n"),
            (KeyKind::Ed25519, "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        ] {
            let key = NewKey::make(kind).unwrap();
            assert!(key.material.starts_with(begin));
            let found = ssh_keygen(&key.material, &["-y"]);
            assert_eq!(found.trim(), key.public.line());
        }
    }

    #[test]
    fn two_keys_are_not_the_same() {
        let [one, other] = [KeyKind::Ed25519; 2].map(|kind| NewKey::make(kind).unwrap());
        assert_ne!(one.public, other.public);
        assert_ne!(*one.material, *other.material);
    }

    #[test]
    fn the_fingerprint_of_a_created_rsa_key_is_that_of_its_private_key() {
        let key = rsa().unwrap();
        let mut openssl = Command::new("openssl")
            .args(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("openssl is there");
        let mut stdin = openssl.stdin.take().unwrap();
        stdin.write_all(key.material.as_bytes()).unwrap();
        drop(stdin);
        let der = openssl.wait_with_output().unwrap().stdout;
        assert_eq!(key.fingerprint, colons(&Sha1::digest(&der)));
    }
}
