//! Public keys in the forms in which they are imported, and as a line of `authorized_keys`.

use data_encoding::BASE64;
use gumnut_crypto::PublicKey;
use md5::Md5;
use sha2::{Digest as _, Sha256};

/// Largest text of a public key, in bytes: a key of 4096 bits with a long comment is below 2 KiB.
const MOST: usize = 16 << 10;
/// Sizes of RSA keys that EC2 takes, in bits.
const RSA_BITS: [usize; 3] = [1024, 2048, 4096];
/// The `SubjectPublicKeyInfo` of an Ed25519 key, up to its 32 bytes.
const ED25519_DER: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A public key with which a user logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SshKey {
    Rsa(PublicKey),
    Ed25519([u8; 32]),
}

impl SshKey {
    /// Reads a key: a line as OpenSSH writes it, RFC 4716, PEM, DER, or DER in Base64. `None` for everything else, and for keys of a
    /// kind or size that EC2 does not take.
    pub(crate) fn read(material: &[u8]) -> Option<Self> {
        if material.len() > MOST {
            return None;
        }
        let text = std::str::from_utf8(material).ok();
        let key = text.and_then(|text| Self::of_text(text.trim()));
        key.or_else(|| Self::of_der(material))
            .filter(|key| match key {
                Self::Rsa(key) => RSA_BITS.contains(&(key.modulus_bytes() * 8)),
                Self::Ed25519(_) => true,
            })
    }

    fn of_text(text: &str) -> Option<Self> {
        if text.starts_with("---- BEGIN SSH2 PUBLIC KEY ----") {
            return Self::of_blob(&bytes(&rfc4716(text)?)?);
        }
        if text.starts_with("-----BEGIN") {
            return Self::of_der(&bytes(&pem(text)?)?);
        }
        let mut words = text.split_ascii_whitespace();
        let (first, second) = (words.next()?, words.next());
        match second {
            // What a line says before its key is its algorithm; options have no place in an import.
            Some(second) if first.starts_with("ssh-") && !text.contains('\n') => {
                Self::of_blob(&bytes(second)?).filter(|key| key.algorithm() == first)
            }
            _ => Self::of_der(&bytes(text)?),
        }
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        if let Some(key) = der.strip_prefix(&ED25519_DER) {
            return Some(Self::Ed25519(key.try_into().ok()?));
        }
        PublicKey::from_der(der).ok().map(Self::Rsa)
    }

    /// Reads the binary form of RFC 4253.
    fn of_blob(blob: &[u8]) -> Option<Self> {
        let mut rest = blob;
        let key = match take(&mut rest)? {
            b"ssh-rsa" => {
                let (exponent, modulus) = (number(&mut rest)?, number(&mut rest)?);
                Self::Rsa(PublicKey::from_numbers(modulus, exponent).ok()?)
            }
            b"ssh-ed25519" => Self::Ed25519(take(&mut rest)?.try_into().ok()?),
            _ => return None,
        };
        rest.is_empty().then_some(key)
    }

    /// `ssh-rsa` or `ssh-ed25519`.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "ssh-rsa",
            Self::Ed25519(_) => "ssh-ed25519",
        }
    }

    /// The binary form of RFC 4253.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, self.algorithm().as_bytes());
        match self {
            Self::Rsa(key) => {
                for mut number in [key.exponent(), key.modulus()] {
                    // Without it the number would be negative.
                    if number.first().is_some_and(|first| first & 0x80 != 0) {
                        number.insert(0, 0);
                    }
                    put(&mut blob, &number);
                }
            }
            Self::Ed25519(key) => put(&mut blob, key),
        }
        blob
    }

    /// A line of `authorized_keys` without a comment.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.algorithm(), BASE64.encode(&self.blob()))
    }

    /// The fingerprint of an imported key: MD5 of its DER form for RSA, SHA-256 in Base64 for Ed25519. `None`: the key cannot be encoded.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Rsa(key) => Some(colons(&Md5::digest(key.to_der().ok()?))),
            Self::Ed25519(_) => Some(BASE64.encode(&Sha256::digest(self.blob()))),
        }
    }
}

/// `1f:51:ae:...`
pub(crate) fn colons(digest: &[u8]) -> String {
    let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// Adds a field: its length, and its bytes.
pub(crate) fn put(out: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(field);
}

/// Takes a field from the beginning.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(field)
}

/// Takes a number that is not negative from the beginning, in its only form.
fn number<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    match take(rest)? {
        [0, number @ ..] if number.first().is_some_and(|first| first & 0x80 != 0) => Some(number),
        number @ [1..0x80, ..] => Some(number),
        _ => None,
    }
}

/// Base64 with line breaks anywhere.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    BASE64.decode(&text).ok()
}

/// The Base64 text of RFC 4716, behind the headers, of which each may have several lines.
fn rfc4716(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim_end);
    lines.next();
    let (mut body, mut continues) = (String::new(), false);
    for line in lines {
        if line == "---- END SSH2 PUBLIC KEY ----" {
            return Some(body);
        }
        let is_header = continues || line.contains(':');
        continues = is_header && line.ends_with('\\');
        if !is_header {
            body.push_str(line);
        }
    }
    None
}

/// The Base64 text of a public key in PEM.
fn pem(text: &str) -> Option<String> {
    let label = text.strip_prefix("-----BEGIN ")?.split_once("-----")?.0;
    if !["PUBLIC KEY", "RSA PUBLIC KEY"].contains(&label) {
        return None;
    }
    let behind = text.strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body = behind.strip_suffix(&format!("-----END {label}-----"))?;
    Some(body.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `ssh-keygen` of OpenSSH 9.2 made, in all forms that it writes.
    const RSA: &str = include_str!("../../fixtures/rsa.pub");
    const FORMS: [&str; 3] = [
        include_str!("../../fixtures/rsa.rfc4716"),
        include_str!("../../fixtures/rsa.pkcs8"),
        include_str!("../../fixtures/rsa.pem"),
    ];
    const ED25519: &str = include_str!("../../fixtures/ed25519.pub");

    fn read(text: &str) -> Option<SshKey> {
        SshKey::read(text.as_bytes())
    }

    #[test]
    fn a_key_is_the_same_in_every_form() {
        let key = read(RSA).unwrap();
        assert_eq!(RSA.rsplit_once(' ').unwrap().0, key.line());
        for form in FORMS {
            assert_eq!(read(form), Some(key.clone()), "{form}");
            let windows = form.replace('\n', "\r\n");
            assert_eq!(read(&windows), Some(key.clone()), "{form}");
        }
        let der = bytes(&pem(FORMS[1].trim()).unwrap()).unwrap();
        assert_eq!(SshKey::read(&der), Some(key.clone()));
        assert_eq!(read(&BASE64.encode(&der)), Some(key));
        let young = read(ED25519).unwrap();
        assert_eq!(ED25519.rsplit_once(' ').unwrap().0, young.line());
        let SshKey::Ed25519(bytes) = young else {
            panic!("another kind")
        };
        let der = [&ED25519_DER[..], &bytes].concat();
        assert_eq!(SshKey::read(&der), Some(SshKey::Ed25519(bytes)));
    }

    #[test]
    fn fingerprints_are_those_of_other_programs() {
        // openssl pkey -pubin -outform DER | openssl md5 -c; ssh-keygen -l
        let (rsa, young) = (read(RSA).unwrap(), read(ED25519).unwrap());
        assert_eq!(
            rsa.fingerprint().as_deref(),
            Some(include_str!("../../fixtures/rsa.md5").trim())
        );
        let shown = include_str!("../../fixtures/ed25519.sha256").trim();
        assert_eq!(young.fingerprint(), Some(format!("{shown}=")));
    }

    #[test]
    fn what_is_not_a_public_key_is_refused() {
        let line = RSA.trim();
        let body = line.split(' ').nth(1).unwrap();
        for text in [
            "",
            " ",
            "ssh-rsa",
            "ssh-rsa AAAA",
            &format!("ssh-ed25519 {body}"),
            &format!("command=\"x\" ssh-rsa {body}"),
            &format!("ssh-rsa {body}AAAA"),
            &line[..line.len() / 2],
            &format!("{line}\n{line}"),
            FORMS[0].trim().trim_end_matches('-'),
            &FORMS[1].replace("PUBLIC", "PRIVATE"),
            &format!("{}{}", "A".repeat(MOST), line),
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
            include_str!("../../fixtures/rsa3072.pub"),
        ] {
            assert_eq!(read(text), None, "{text:.80}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SshKey::read(&bytes);
            let _ = SshKey::of_blob(&bytes);
        }

        #[test]
        fn a_flipped_byte_never_gives_the_same_key(at in 0_usize..279, flip in 1_u8..) {
            let key = read(RSA).unwrap();
            let mut blob = key.blob();
            blob[at] ^= flip;
            prop_assert_ne!(SshKey::of_blob(&blob), Some(key));
        }

        #[test]
        fn an_ed25519_key_is_read_back(bytes in any::<[u8; 32]>()) {
            let key = SshKey::Ed25519(bytes);
            prop_assert_eq!(read(&key.line()), Some(key));
        }
    }
}
