//! Finding the right block in a PEM file.
//!
//! Real files have text before the block (`openssl x509 -text`), Windows line ends, several
//! certificates, or a certificate and a key together.

use crate::CryptoError;

/// One block of a PEM file.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// The words behind `BEGIN`.
    pub(crate) label: &'a str,
    /// The block with its first and last line.
    pub(crate) text: &'a str,
}

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// All blocks of the file.
pub(crate) fn blocks(bytes: &[u8]) -> Result<Vec<Block<'_>>, CryptoError> {
    let mut rest = std::str::from_utf8(bytes).map_err(|_| CryptoError::NotPem)?;
    let mut blocks = Vec::new();
    while let Some(start) = rest.find(BEGIN) {
        let text = &rest[start..];
        let Some(block) = first(text) else { break };
        rest = &text[block.text.len()..];
        blocks.push(block);
    }
    if blocks.is_empty() {
        Err(CryptoError::NotPem)
    } else {
        Ok(blocks)
    }
}

/// The block at the very start of `text`, if it has an end.
fn first(text: &str) -> Option<Block<'_>> {
    let (label, _) = text[BEGIN.len()..].split_once(DASHES)?;
    let end_line = format!("-----END {label}-----");
    let end = text.find(&end_line)? + end_line.len();
    Some(Block {
        label,
        text: &text[..end],
    })
}

/// The labels of all blocks, for an error message.
pub(crate) fn labels(blocks: &[Block<'_>]) -> String {
    let labels: Vec<String> = blocks
        .iter()
        .take(4)
        .map(|block| block.label.chars().take(40).collect())
        .collect();
    format!("{:?}", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "Subject: me\r\n-----BEGIN CERTIFICATE-----\r\nQQ==\r\n-----END CERTIFICATE-----\r\n\
        -----BEGIN RSA PRIVATE KEY-----\nQg==\n-----END RSA PRIVATE KEY-----\n";

    #[test]
    fn text_around_blocks_does_not_matter() {
        let blocks = blocks(TWO.as_bytes()).unwrap();
        assert_eq!(labels(&blocks), "\"CERTIFICATE, RSA PRIVATE KEY\"");
        assert!(blocks[0].text.ends_with("-----END CERTIFICATE-----"));
    }

    #[test]
    fn what_is_no_pem_is_refused() {
        for bytes in [
            &b""[..],
            b"\xff\xfe",
            b"hello",
            b"-----BEGIN X-----",
            b"-----BEGIN X-----\n-----END Y-----",
        ] {
            assert!(
                matches!(blocks(bytes), Err(CryptoError::NotPem)),
                "{bytes:?}"
            );
        }
    }
}
