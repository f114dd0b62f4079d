//! A manifest as old clouds read it: they picked values out of the document and did not ask for the rest.
//!
//! For servers that decide as those clouds did. Nothing here is believed: take [`UntrustedManifest`](crate::UntrustedManifest)
//! to open a bundle.

use std::borrow::Cow;

use gumnut_crypto::PublicKey;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 16;
/// Most elements: the parts of the largest bundle that manifests may have, and room.
const MAX_ELEMENTS: usize = 400_000;
/// Longest name of an element, in bytes. The longest known is `machine_configuration`.
const MAX_NAME: usize = 64;
/// The elements that signatures cover, by their literal tags.
const SIGNED: [(&str, &str); 2] = [
    ("<machine_configuration>", "</machine_configuration>"),
    ("<image>", "</image>"),
];

/// The text of each element, by its path below the root: `image/size`.
///
/// Depth, number and names of elements are bounded; the caller bounds the size of the document.
#[derive(Debug)]
pub struct LenientManifest<'a> {
    text: &'a str,
    elements: Vec<(String, String)>,
}

impl<'a> LenientManifest<'a> {
    /// Reads a document; `None` for one that is not well-formed or has a `DOCTYPE`.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader::from_str(text);
        let (mut elements, mut open, mut roots) = (Vec::new(), Vec::new(), 0);
        let mut path = Vec::new();
        loop {
            let found = match reader.read_event().ok()? {
                Event::DocType(_) => return None,
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref().len() > MAX_NAME => {
                    return None;
                }
                Event::Start(tag) => {
                    roots += usize::from(path.is_empty());
                    path.push(tag.name().as_ref().to_owned());
                    open.push(elements.len());
                    elements.push((path[1..].join("/"), String::new()));
                    if path.len() > MAX_DEPTH || elements.len() > MAX_ELEMENTS {
                        return None;
                    }
                    continue;
                }
                Event::Empty(tag) => {
                    path.push(tag.name().as_ref().to_owned());
                    elements.push((path[1..].join("/"), String::new()));
                    path.pop();
                    continue;
                }
                Event::End(_) => {
                    path.pop();
                    open.pop();
                    continue;
                }
                Event::Text(text) => text.xml_content(XmlVersion::Implicit1_0).into_owned(),
                Event::CData(text) => text.xml_content(XmlVersion::Implicit1_0).into_owned(),
                Event::GeneralRef(name) => unescape(&format!("&{};", &*name))
                    .map(Cow::into_owned)
                    .ok()?,
                _ => continue,
            };
            if let Some(at) = open.last() {
                let (_, text): &mut (String, String) = &mut elements[*at];
                text.push_str(&found);
            }
        }
        (path.is_empty() && roots == 1).then_some(Self { text, elements })
    }

    /// The texts of the elements at `path`.
    pub fn all<'s>(&'s self, path: &'s str) -> impl Iterator<Item = &'s str> {
        self.elements
            .iter()
            .filter(move |(found, _)| found == path)
            .map(|(_, text)| text.trim())
    }

    /// The text of the first element at `path`; `None` when there is none, or one without text.
    pub fn at(&self, path: &str) -> Option<&str> {
        self.elements
            .iter()
            .find(|(found, _)| found == path)
            .map(|(_, text)| text.trim())
            .filter(|text| !text.is_empty())
    }

    /// The text of the first element of this name, wherever it is; `None` when there is none.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.elements
            .iter()
            .find(|(path, _)| path.rsplit('/').next() == Some(name))
            .map(|(_, text)| text.trim())
    }

    /// Whether one of the keys has signed it, by the literal text of what signatures cover.
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        let signature = self.at("signature").unwrap_or_default();
        let hex = data_encoding::HEXLOWER_PERMISSIVE.decode(signature.as_bytes());
        let (Ok(signature), Some(pieces)) = (hex, self.signed()) else {
            return false;
        };
        keys.iter().any(|key| key.verify_sha1(&pieces, &signature))
    }

    /// The first occurrences of what signatures cover.
    fn signed(&self) -> Option<[&[u8]; 2]> {
        let [first, second] = SIGNED.map(|(open, close)| {
            let start = self.text.find(open)?;
            let end = start + self.text[start..].find(close)? + close.len();
            Some(&self.text.as_bytes()[start..end])
        });
        Some([first?, second?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_path_and_by_name() {
        let text = "<?xml version='1.0'?><manifest><a><user> 1 &amp; </user><x/></a><image><user>2</user>\
                    <code>A</code><code>B</code></image></manifest>";
        let manifest = LenientManifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.named("user"), Some("1 &"));
        assert_eq!(manifest.at("image/user"), Some("2"));
        assert_eq!(manifest.at("a/x"), None);
        assert_eq!(manifest.named("absent"), None);
        assert_eq!(manifest.all("image/code").collect::<Vec<_>>(), ["A", "B"]);
        assert!(!manifest.is_signed_by(&[]));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = "<a>".repeat(40);
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b></b><c></c>",
            "<!DOCTYPE a><a></a>",
            "<a>&bomb;</a>",
            &deep,
        ] {
            assert!(LenientManifest::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(LenientManifest::parse(&[0xff]).is_none());
    }
}
