//! A manifest as old clouds read it: they picked values out of the document and did not ask for the rest.
//!
//! For servers that decide as those clouds did. Nothing here is trusted: take [`UntrustedManifest`](crate::UntrustedManifest)
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
/// Most elements whose text is kept.
const MAX_KEPT: usize = 10_000;
/// Most text that is kept, in bytes: keys, a signature, and lists of codes and devices.
const MAX_TEXT: usize = 256 << 10;
/// Longest name of an element, in bytes. The longest known is `machine_configuration`.
const MAX_NAME: usize = 64;
/// The elements whose text is kept, below the root. What else a document has costs nothing.
const KNOWN: [&str; 13] = [
    "signature",
    "image/type",
    "image/size",
    "image/bundled_size",
    "image/ec2_encrypted_key",
    "image/ec2_encrypted_iv",
    "image/ancestry/ancestor_ami_id",
    "machine_configuration/architecture",
    "machine_configuration/kernel_id",
    "machine_configuration/ramdisk_id",
    "machine_configuration/block_device_mapping/mapping/virtual",
    "machine_configuration/block_device_mapping/mapping/device",
    "machine_configuration/product_codes/product_code",
];
/// The element that old clouds looked for wherever it was.
const USER: &str = "user";
/// The elements that signatures cover, by their literal tags.
const SIGNED: [(&str, &str); 2] = [
    ("<machine_configuration>", "</machine_configuration>"),
    ("<image>", "</image>"),
];

/// What old clouds read of a manifest: the texts of the elements that they asked for, by their paths below the root.
///
/// Depth, number and names of elements are bounded, and so is the text that is kept; the caller bounds the size of the document.
#[derive(Debug)]
pub struct LenientManifest {
    text: String,
    /// Paths and texts, in the order of the document.
    elements: Vec<(&'static str, String)>,
}

/// The elements that are open while a document is read, and what is kept of it.
#[derive(Default)]
struct Walk {
    /// The names of the open elements below the root, with `/` between them.
    path: String,
    /// Of each open element the length of the path before it, and the element that is kept for it.
    open: Vec<(usize, Option<usize>)>,
    elements: Vec<(&'static str, String)>,
    seen: usize,
    bytes: usize,
}

impl Walk {
    /// Begins an element; `None` when that is one too many.
    fn begin(&mut self, name: &str) -> Option<()> {
        self.seen += 1;
        let before = self.path.len();
        if !self.open.is_empty() {
            self.path.push_str(if before == 0 { "" } else { "/" });
            self.path.push_str(name);
        }
        let known = KNOWN.into_iter().find(|known| *known == self.path);
        let wanted = known.or_else(|| (name == USER && !self.has_user()).then_some(USER));
        let kept = wanted.map(|path| {
            self.elements.push((path, String::new()));
            self.elements.len() - 1
        });
        self.open.push((before, kept));
        let fits = name.len() <= MAX_NAME
            && self.open.len() <= MAX_DEPTH
            && self.seen <= MAX_ELEMENTS
            && self.elements.len() <= MAX_KEPT;
        fits.then_some(())
    }

    /// Ends the element that was begun last.
    fn end(&mut self) {
        if let Some((before, _)) = self.open.pop() {
            self.path.truncate(before);
        }
    }

    /// Adds text to the element that was begun last; `None` when that is too much.
    fn text(&mut self, text: &str) -> Option<()> {
        if let Some((_, Some(kept))) = self.open.last() {
            self.bytes += text.len();
            self.elements[*kept].1.push_str(text);
        }
        (self.bytes <= MAX_TEXT).then_some(())
    }

    fn has_user(&self) -> bool {
        self.elements.iter().any(|(path, _)| *path == USER)
    }
}

impl LenientManifest {
    /// Reads a document; `None` for one that is not well-formed, has a `DOCTYPE` or is out of bounds.
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(bytes).ok()?;
        let mut reader = Reader::from_str(&text);
        let (mut walk, mut roots) = (Walk::default(), 0);
        loop {
            match reader.read_event().ok()? {
                Event::DocType(_) => return None,
                Event::Eof => break,
                Event::Start(tag) => {
                    roots += usize::from(walk.open.is_empty());
                    walk.begin(tag.name().as_ref())?;
                }
                Event::Empty(tag) => {
                    walk.begin(tag.name().as_ref())?;
                    walk.end();
                }
                Event::End(_) => walk.end(),
                Event::Text(text) => walk.text(&text.xml_content(XmlVersion::Implicit1_0))?,
                Event::CData(text) => walk.text(&text.xml_content(XmlVersion::Implicit1_0))?,
                Event::GeneralRef(name) => {
                    let text = unescape(&format!("&{};", &*name)).map(Cow::into_owned);
                    walk.text(&text.ok()?)?;
                }
                _ => {}
            }
        }
        let is_whole = walk.open.is_empty() && roots == 1;
        let elements = walk.elements;
        is_whole.then_some(Self { text, elements })
    }

    /// The document.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The texts of the elements at `path`, which must be one that old clouds asked for.
    pub fn all<'s>(&'s self, path: &'s str) -> impl Iterator<Item = &'s str> {
        debug_assert!(KNOWN.contains(&path), "{path} is not kept");
        self.elements
            .iter()
            .filter(move |(found, _)| *found == path)
            .map(|(_, text)| text.trim())
    }

    /// The text of the first element at `path`, which must be one that old clouds asked for; `None` when there is none, or one
    /// without text.
    pub fn at(&self, path: &str) -> Option<&str> {
        debug_assert!(KNOWN.contains(&path), "{path} is not kept");
        self.first(path).filter(|text| !text.is_empty())
    }

    /// The text of the first element `user`, wherever it is; `None` when there is none.
    pub fn user(&self) -> Option<&str> {
        self.first(USER)
    }

    fn first(&self, path: &str) -> Option<&str> {
        self.elements
            .iter()
            .find(|(found, _)| *found == path)
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

    fn parse(text: &str) -> Option<LenientManifest> {
        LenientManifest::parse(text.as_bytes().to_vec())
    }

    #[test]
    fn values_are_found_by_path_and_the_user_wherever_it_is() {
        let codes = "<product_codes><product_code>A</product_code><product_code>B</product_code></product_codes>";
        let manifest = parse(&format!(
            "<?xml version='1.0'?><manifest><a><user> 1 &amp; </user><x/></a>\
             <image><user>2</user><size> 7 </size><type/></image>\
             <machine_configuration>{codes}</machine_configuration><b><image><size>8</size></image></b></manifest>"
        ));
        let manifest = manifest.unwrap();
        assert_eq!(manifest.user(), Some("1 &"));
        assert_eq!(manifest.at("image/size"), Some("7"));
        assert_eq!(manifest.all("image/size").count(), 1);
        assert_eq!(manifest.at("image/type"), None);
        let codes = manifest.all("machine_configuration/product_codes/product_code");
        assert_eq!(codes.collect::<Vec<_>>(), ["A", "B"]);
        assert!(!manifest.is_signed_by(&[]));
        assert_eq!(parse("<a><b>user</b></a>").unwrap().user(), None);
    }

    #[test]
    fn what_is_not_known_costs_nothing_and_what_is_known_is_bounded() {
        let deep = "e".repeat(MAX_NAME);
        let (open, close) = (
            format!("<{deep}>").repeat(14),
            format!("</{deep}>").repeat(14),
        );
        let strangers = format!("<m>{open}{}{close}</m>", "<user/>".repeat(300_000));
        assert_eq!(parse(&strangers).unwrap().elements.len(), 1);
        let long = |length| format!("<m><signature>{}</signature></m>", "x".repeat(length));
        assert!(parse(&long(MAX_TEXT)).is_some());
        assert!(parse(&long(MAX_TEXT + 1)).is_none());
        let many = |count| format!("<m>{}</m>", "<signature/>".repeat(count));
        assert!(parse(&many(MAX_KEPT)).is_some());
        assert!(parse(&many(MAX_KEPT + 1)).is_none());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = "<a>".repeat(40);
        let long = format!("<a><{0}></{0}></a>", "x".repeat(65));
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b></b><c></c>",
            "<!DOCTYPE a><a></a>",
            "<a>&bomb;</a>",
            &deep,
            &long,
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(LenientManifest::parse(vec![0xff]).is_none());
    }
}
