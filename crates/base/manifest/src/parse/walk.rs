//! From text to elements: what is XML and what of XML is accepted.

use gumnut_types::Limits;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::collect::Collector;
use crate::ManifestError;
use crate::values::shorten;

/// Where the walk is.
struct Walker<'l> {
    collector: Collector<'l>,
    /// Open elements, known or not.
    depth: usize,
    /// Open elements below and including an unknown one; 0 when everything open is known.
    unknown: usize,
    limit: usize,
    /// Whether the declaration may still come.
    at_start: bool,
}

/// Collects everything known in `text`.
pub(super) fn walk<'l>(text: &str, limits: &'l Limits) -> Result<Collector<'l>, ManifestError> {
    let mut walker = Walker {
        collector: Collector::new(limits),
        depth: 0,
        unknown: 0,
        limit: limits.xml_depth,
        at_start: true,
    };
    let mut reader = Reader::from_str(text.trim_start());
    let offset = (text.len() - text.trim_start().len()) as u64;
    loop {
        let start = offset + reader.buffer_position();
        let event = reader.read_event();
        let end = offset + reader.buffer_position();
        match event.map_err(|error| xml(start, error))? {
            Event::Eof => break,
            event => walker.take(&event, start, end)?,
        }
    }
    if walker.depth > 0 {
        return Err(xml(
            text.len() as u64,
            "the document ends inside an element",
        ));
    }
    Ok(walker.collector)
}

impl Walker<'_> {
    fn take(&mut self, event: &Event<'_>, start: u64, end: u64) -> Result<(), ManifestError> {
        let forbidden = |what| ManifestError::Forbidden {
            what,
            position: start,
        };
        match event {
            Event::Decl(found) if self.at_start => declaration(found, start)?,
            Event::Decl(_) => return Err(forbidden("second XML declaration")),
            Event::PI(_) => return Err(forbidden("processing instruction")),
            Event::DocType(_) => return Err(forbidden("DOCTYPE")),
            Event::Start(tag) => self.open(tag, start)?,
            Event::Empty(tag) => {
                self.open(tag, start)?;
                self.close(end)?;
            }
            Event::End(_) => self.close(end)?,
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => self.reference(reference, start)?,
            Event::Comment(_) | Event::Eof => {}
        }
        self.at_start = false;
        Ok(())
    }

    fn open(&mut self, tag: &BytesStart<'_>, start: u64) -> Result<(), ManifestError> {
        self.depth += 1;
        if self.depth > self.limit {
            return Err(ManifestError::TooDeep(self.limit));
        }
        if self.unknown > 0 {
            self.unknown += 1;
            return Ok(());
        }
        let Some(element) = self.collector.known(tag.name().0)? else {
            self.unknown = 1;
            return Ok(());
        };
        let mut value = None;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| xml(start, error))?;
            if Some(attribute.key.0) == element.attribute() {
                let text = attribute.normalized_value(XmlVersion::Explicit1_0);
                value = Some(text.map_err(|error| xml(start, error))?.into_owned());
            }
        }
        self.collector.open(element, value, position(start))
    }

    fn close(&mut self, end: u64) -> Result<(), ManifestError> {
        self.depth = self.depth.saturating_sub(1);
        if self.unknown > 0 {
            self.unknown -= 1;
            return Ok(());
        }
        self.collector.close(position(end))
    }

    fn text(&mut self, text: &str) -> Result<(), ManifestError> {
        if self.unknown > 0 {
            Ok(())
        } else {
            self.collector.text(text)
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>, at: u64) -> Result<(), ManifestError> {
        let resolved = reference
            .resolve_char_ref()
            .map_err(|error| xml(at, error))?;
        if let Some(character) = resolved {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        let entity = resolve_xml_entity(reference.as_ref());
        self.text(entity.ok_or(ManifestError::Forbidden {
            what: "entity",
            position: at,
        })?)
    }
}

/// Insists on an encoding that is read.
fn declaration(found: &BytesDecl<'_>, at: u64) -> Result<(), ManifestError> {
    let Some(encoding) = found.encoding() else {
        return Ok(());
    };
    let encoding = encoding.map_err(|error| xml(at, error))?;
    let known = ["utf-8", "us-ascii", "ascii"];
    if known
        .iter()
        .any(|known| encoding.eq_ignore_ascii_case(known))
    {
        Ok(())
    } else {
        Err(ManifestError::Encoding(shorten(&encoding)))
    }
}

/// A position in a document that fits the memory.
fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn xml(position: u64, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ManifestError {
    ManifestError::Xml {
        position,
        source: error.into(),
    }
}
