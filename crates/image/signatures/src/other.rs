//! What people give by mistake: texts, and archives of kinds that are not unpacked.

use std::fmt;

/// An archive that is named and not unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Archive {
    /// zip.
    Zip,
    /// 7-Zip.
    SevenZip,
    /// RAR.
    Rar,
    /// ar, of which Debian packages are made.
    Ar,
    /// RPM.
    Rpm,
    /// The output of compress, `.Z`.
    Compress,
    /// The Windows Imaging Format.
    Wim,
}

/// A text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Text {
    /// An HTML page, such as a server sends in place of a file.
    Html,
    /// XML, such as a manifest.
    Xml,
    /// A key or certificate in PEM form.
    Pem,
    /// Another text.
    Plain,
}

/// How much is looked at to detect a text, in bytes.
const SAMPLE: usize = 4096;

impl Archive {
    /// The archive that begins with these bytes; `None` when they are none.
    pub fn recognise(head: &[u8]) -> Option<Self> {
        const MAGICS: [(&[u8], Archive); 8] = [
            (b"PK\x03\x04", Archive::Zip),
            (b"PK\x05\x06", Archive::Zip),
            (b"7z\xBC\xAF\x27\x1C", Archive::SevenZip),
            (b"Rar!\x1A\x07", Archive::Rar),
            (b"!<arch>\n", Archive::Ar),
            (b"\xED\xAB\xEE\xDB", Archive::Rpm),
            (b"\x1F\x9D", Archive::Compress),
            (b"MSWIM\0\0\0", Archive::Wim),
        ];
        let found = MAGICS.iter().find(|(magic, _)| head.starts_with(magic));
        found.map(|(_, archive)| *archive)
    }
}

impl Text {
    /// The text that begins with these bytes; `None` when they are none. UTF-8 with no controls but those of texts is one.
    pub fn recognise(head: &[u8]) -> Option<Self> {
        let sample = &head[..head.len().min(SAMPLE)];
        let text = match std::str::from_utf8(sample) {
            Ok(text) => text,
            // The last character may be cut.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&sample[..error.valid_up_to()]).ok()?
            }
            Err(_) => return None,
        };
        let is_text = !text.is_empty()
            && text
                .chars()
                .all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\x0C' | '\r' | '\x1B'));
        if !is_text {
            return None;
        }
        let start = text.trim_start_matches('\u{FEFF}').trim_start();
        let begins = |with: &str| {
            start
                .get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        Some(if begins("<!doctype html") || begins("<html") {
            Self::Html
        } else if begins("<?xml") || begins("<manifest") {
            Self::Xml
        } else if begins("-----BEGIN ") {
            Self::Pem
        } else {
            Self::Plain
        })
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zip => "a zip archive",
            Self::SevenZip => "a 7-Zip archive",
            Self::Rar => "a RAR archive",
            Self::Ar => "an ar archive, such as a Debian package",
            Self::Rpm => "an RPM package",
            Self::Compress => "data compressed with compress (.Z)",
            Self::Wim => "a Windows image (WIM)",
        })
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "an HTML page",
            Self::Xml => "an XML file, such as a manifest",
            Self::Pem => "a key or certificate (PEM)",
            Self::Plain => "a text file",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_bytes() {
        for (bytes, text) in [
            (b"hello\n".as_slice(), Some(Text::Plain)),
            ("größer".as_bytes(), Some(Text::Plain)),
            (b"gr\xC3", Some(Text::Plain)),
            (b"\xEF\xBB\xBF <!DOCTYPE HTML><p>", Some(Text::Html)),
            (b"<?xml version='1.0'?>", Some(Text::Xml)),
            (b"-----BEGIN CERTIFICATE-----", Some(Text::Pem)),
            (b"", None),
            (b"a\0b", None),
            (b"a\xFFb", None),
            (b"\x01\x02", None),
        ] {
            assert_eq!(Text::recognise(bytes), text, "{bytes:?}");
        }
    }
}
