//! Recognises private keys by their content.

/// A key file is not larger: 256 KiB. Larger files are not looked at.
pub(crate) const MAX_KEY_FILE: u64 = 256 << 10;

/// Whether a file has a private key in it: PEM as of OpenSSL and ssh, putty, `OpenPGP` with and without armour, gpg-agent and
/// Java.
///
/// A program or a text that only mentions the first line of a key has none: there must be a line with nothing else on it, a line
/// of key and the last line.
pub(crate) fn has_private_key(content: &[u8]) -> bool {
    has_armour(content)
        || content.starts_with(b"PuTTY-User-Key-File-")
        || is_gnupg_agent(content)
        || is_pgp_secret_key(content)
        || java_key_store(content) == Some(true)
}

/// `-----BEGIN RSA PRIVATE KEY-----` and its kin.
fn has_armour(content: &[u8]) -> bool {
    if memchr::memmem::find(content, b"PRIVATE KEY").is_none() {
        return false;
    }
    let mut lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = label(line, b"-----BEGIN ") else {
            continue;
        };
        let mut has_key = false;
        for line in lines.by_ref() {
            if self::label(line, b"-----END ") == Some(label) {
                break;
            }
            has_key |= line.len() >= 16 && line.iter().all(|byte| is_base64(*byte));
        }
        if has_key {
            return true;
        }
    }
    false
}

/// The label of a line of armour if it is one of a private key.
fn label<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    let is_key = label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK";
    is_key.then_some(label)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// A file in `private-keys-v1.d`: an S-expression, alone or behind `Key:`.
fn is_gnupg_agent(content: &[u8]) -> bool {
    const KINDS: [&[u8]; 3] = [
        b"(11:private-key",
        b"(21:protected-private-key",
        b"(20:shadowed-private-key",
    ];
    let begins = |kind: &&[u8]| content.starts_with(kind);
    let named = |text: &[u8]| memchr::memmem::find(content, text).is_some();
    KINDS.iter().any(begins)
        || (content.starts_with(b"Key: ") || named(b"\nKey: ")) && named(b"private-key (")
}

/// A packet with the tag of a secret key, of a version and with an algorithm that exist. The lower bits of the tag of old packets
/// say how long the length is.
fn is_pgp_secret_key(content: &[u8]) -> bool {
    let ([0x94, _, body @ ..]
    | [0x95, _, _, body @ ..]
    | [0x96, _, _, _, _, body @ ..]
    | [0xc5, 0..=191, body @ ..]
    | [0xc5, 192..=223, _, body @ ..]
    | [0xc5, 255, _, _, _, _, body @ ..]) = content
    else {
        return false;
    };
    matches!(
        body,
        [4..=6, _, _, _, _, 1..=3 | 16..=19 | 22 | 25..=28, ..]
    )
}

/// Whether a Java key store has a private key; `None` if it is no key store. Stores of trusted certificates have none.
fn java_key_store(content: &[u8]) -> Option<bool> {
    let mut rest = content.strip_prefix(b"\xfe\xed\xfe\xed\0\0\0")?;
    let version = take(&mut rest, 1)?[0];
    let count = number(&mut rest, 4)?;
    for _ in 0..count {
        if number(&mut rest, 4)? == 1 {
            return Some(true);
        }
        skip_text(&mut rest)?;
        take(&mut rest, 8)?;
        if version == 2 {
            skip_text(&mut rest)?;
        }
        let length = number(&mut rest, 4)?;
        take(&mut rest, length)?;
    }
    Some(false)
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

fn number(rest: &mut &[u8], bytes: usize) -> Option<usize> {
    let taken = take(rest, bytes)?.iter();
    Some(taken.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn skip_text(rest: &mut &[u8]) -> Option<()> {
    let length = number(rest, 2)?;
    take(rest, length).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(label: &str) -> Vec<u8> {
        format!("# mine\r\n-----BEGIN {label}-----\r\nMIIEvQIBADANBgkqhkiG9w0B\r\n-----END {label}-----\r\n")
            .into_bytes()
    }

    #[test]
    fn keys_in_armour() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            assert!(has_private_key(&pem(label)), "{label}");
        }
        let both = [pem("CERTIFICATE"), pem("PRIVATE KEY")].concat();
        assert!(has_private_key(&both));
    }

    #[test]
    fn certificates_public_keys_and_programs_are_none() {
        for label in [
            "CERTIFICATE",
            "PUBLIC KEY",
            "PGP PUBLIC KEY BLOCK",
            "DH PARAMETERS",
        ] {
            assert!(!has_private_key(&pem(label)), "{label}");
        }
        let program = b"START = b\"-----BEGIN OPENSSH PRIVATE KEY-----\"\nEND = b\"-----END OPENSSH PRIVATE KEY-----\"\n";
        assert!(!has_private_key(program));
        let text = b"A key begins with\n-----BEGIN PRIVATE KEY-----\nand ends with\n-----END PRIVATE KEY-----\n";
        assert!(!has_private_key(text));
        assert!(!has_private_key(b""));
    }

    #[test]
    fn keys_of_other_programs() {
        assert!(has_private_key(b"PuTTY-User-Key-File-3: ssh-ed25519\r\n"));
        assert!(has_private_key(
            b"Created: 20200101\nKey: (protected-private-key (rsa (n #00\n"
        ));
        assert!(has_private_key(b"(21:protected-private-key(3:rsa"));
        assert!(has_private_key(&[0x95, 3, 0x98, 4, 0x5e, 0, 0, 0, 1, 8, 0]));
        assert!(has_private_key(&[0xc5, 0x58, 4, 0x5e, 0, 0, 0, 22, 9]));
        // A public key, and bytes that begin alike.
        assert!(!has_private_key(&[
            0x99, 3, 0x98, 4, 0x5e, 0, 0, 0, 1, 8, 0
        ]));
        assert!(!has_private_key(&[
            0x95, 3, 0x98, 9, 0x5e, 0, 0, 0, 1, 8, 0
        ]));
    }

    #[test]
    fn key_stores_of_java() {
        let start = b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x02";
        let trusted = b"\0\0\0\x02\0\x02ca\0\0\0\0\0\0\0\0\0\x05X.509\0\0\0\x03abc";
        let key = b"\0\0\0\x01\0\x03key";
        assert!(!has_private_key(&[&start[..], trusted, trusted].concat()));
        assert!(has_private_key(&[&start[..], trusted, key].concat()));
        assert!(!has_private_key(&[&start[..], &trusted[..9]].concat()));
    }
}
