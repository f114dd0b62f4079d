//! Answers as trees of elements: bounded, without attributes and namespaces.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 32;
/// Most elements that are read; a page of 1000 images has about 30,000.
const MAX_ELEMENTS: usize = 500_000;

/// One element: its local name, its own text, and the elements in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The name without a prefix.
    pub name: String,
    /// The text directly in it.
    pub text: String,
    /// The elements in it, in their order.
    pub children: Vec<Self>,
}

/// Why a text is no document that is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct XmlError(String);

impl Element {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of the first child of this name; `None` when there is none, or an empty one.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)
            .map(|child| child.text.trim())
            .filter(|text| !text.is_empty())
    }

    /// The `item` children of the first child of this name: a list in the EC2 form.
    pub fn items(&self, name: &str) -> impl Iterator<Item = &Self> {
        let children = self.child(name).map_or(&[][..], |child| &child.children);
        children.iter().filter(|child| child.name == "item")
    }

    /// The element itself and everything in it, outermost first.
    pub fn descendants(&self) -> impl Iterator<Item = &Self> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(next.children.iter().rev());
            Some(next)
        })
    }
}

/// Reads a document.
///
/// # Errors
/// When it is not well-formed, has a document type or unknown entities, or passes a limit.
pub fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError("it is not UTF-8".to_owned()))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut count = 0;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| XmlError(error.to_string()))?;
        match event {
            Event::Eof => break,
            Event::DocType(_) => return Err(XmlError("it has a document type".to_owned())),
            Event::Start(tag) => {
                count += 1;
                if open.len() == MAX_DEPTH || count > MAX_ELEMENTS || root.is_some() {
                    return Err(XmlError(
                        "it is too large, too deep, or has two roots".to_owned(),
                    ));
                }
                let name = tag.local_name().into_inner().to_owned();
                open.push(Element {
                    name,
                    ..Element::default()
                });
            }
            Event::Empty(tag) => {
                count += 1;
                let name = tag.local_name().into_inner().to_owned();
                let element = Element {
                    name,
                    ..Element::default()
                };
                match open.last_mut() {
                    Some(parent) if count <= MAX_ELEMENTS => parent.children.push(element),
                    _ if root.is_none() => root = Some(element),
                    _ => return Err(XmlError("it is too large, or has two roots".to_owned())),
                }
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => root = Some(element),
                    }
                }
            }
            Event::Text(piece) => push(&mut open, &piece.xml10_content()),
            Event::CData(piece) => push(&mut open, &piece.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref();
                match character.map_err(|error| XmlError(error.to_string()))? {
                    Some(character) => push(&mut open, character.encode_utf8(&mut [0; 4])),
                    None => match resolve_xml_entity(reference.as_ref()) {
                        Some(entity) => push(&mut open, entity),
                        None => return Err(XmlError("it has an unknown entity".to_owned())),
                    },
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(XmlError("it is truncated".to_owned())),
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn namespaces_and_entities_and_lists() {
        let root = parse(
            b"<?xml version='1.0'?><a:R xmlns:a='x'><set><item><id>1 &lt; &#50;</id></item><item/></set><e/></a:R>",
        )
        .unwrap();
        assert_eq!(root.name, "R");
        assert_eq!(root.items("set").count(), 2);
        assert_eq!(
            root.items("set").next().unwrap().text_of("id"),
            Some("1 < 2")
        );
        assert_eq!(root.text_of("e"), None);
        assert_eq!(root.items("absent").count(), 0);
    }

    #[test]
    fn hostile_documents_are_refused() {
        assert!(parse(&b"<a>".repeat(100_000)).is_err());
        for text in [
            "",
            "x",
            "<a>",
            "<a/><b/>",
            "<a></b>",
            "<!DOCTYPE a><a/>",
            "<a>&x;</a>",
            "<a>\u{0}",
        ] {
            let _ = parse(text.as_bytes());
        }
        assert!(parse(b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").is_err());
        assert!(parse(b"<a></a><b></b>").is_err());
        assert!(parse(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_document_or_an_error(text in "[<>/a-c&;!\\[\\]'\" =?-]{0,60}") {
            let _ = parse(text.as_bytes());
        }
    }
}
