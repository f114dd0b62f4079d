//! Gathering the texts of known elements, each at most as often as it may stand.

use std::collections::{BTreeMap, BTreeSet};

use gumnut_types::{BlockDeviceMapping, Limits, PartIndex};

use super::element::Element;
use crate::values::{self, SHA1, shorten};
use crate::{ManifestError, Part};

/// Longest text of any element in bytes, blanks around it included: the longest wrapped key fits twice.
const MAX_TEXT: usize = 4096;

/// What has been gathered.
pub(super) struct Collector<'l> {
    limits: &'l Limits,
    open: Vec<Element>,
    text: String,
    root_closed: bool,
    /// Single elements that have been opened.
    seen: BTreeSet<Element>,
    /// Texts of single leaves.
    pub(super) texts: BTreeMap<Element, String>,
    /// The attributes that mean something, of single elements.
    pub(super) attributes: BTreeMap<Element, String>,
    /// Where single elements begin and end.
    pub(super) starts: BTreeMap<Element, usize>,
    pub(super) ends: BTreeMap<Element, usize>,
    pub(super) product_codes: Vec<String>,
    pub(super) ancestry: Vec<String>,
    pub(super) block_devices: Vec<BlockDeviceMapping>,
    pub(super) parts: Vec<Part>,
    /// The entry of a list that is open now.
    entry: BTreeMap<Element, String>,
    entry_attributes: BTreeMap<Element, String>,
}

impl<'l> Collector<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            text: String::new(),
            root_closed: false,
            seen: BTreeSet::new(),
            texts: BTreeMap::new(),
            attributes: BTreeMap::new(),
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            product_codes: Vec::new(),
            ancestry: Vec::new(),
            block_devices: Vec::new(),
            parts: Vec::new(),
            entry: BTreeMap::new(),
            entry_attributes: BTreeMap::new(),
        }
    }

    /// The known element with this tag at the present place.
    pub(super) fn known(&self, tag: &str) -> Result<Option<Element>, ManifestError> {
        let parent = self.open.last().copied();
        match parent {
            None if self.root_closed => Err(misplaced("an element", None)),
            None => match Element::inside(None, tag) {
                None => Err(ManifestError::Root(shorten(tag))),
                root => Ok(root),
            },
            Some(leaf) if leaf.is_leaf() => Err(misplaced("an element", parent)),
            parent => Ok(Element::inside(parent, tag)),
        }
    }

    /// A known element begins at byte `start`.
    pub(super) fn open(
        &mut self,
        element: Element,
        attribute: Option<String>,
        start: usize,
    ) -> Result<(), ManifestError> {
        let in_entry = element.of_entry() || element.repeats();
        let duplicate = if element.of_entry() {
            self.entry.contains_key(&element)
        } else {
            !element.repeats() && !self.seen.insert(element)
        };
        if duplicate {
            return Err(ManifestError::Duplicate(element.tag()));
        }
        if let Some(attribute) = attribute {
            let map = if in_entry {
                &mut self.entry_attributes
            } else {
                &mut self.attributes
            };
            map.insert(element, attribute);
        }
        if !in_entry {
            self.starts.insert(element, start);
        }
        self.text.clear();
        self.open.push(element);
        Ok(())
    }

    /// Text at the present place.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ManifestError> {
        match self.open.last() {
            Some(leaf) if leaf.is_leaf() => {
                if self.text.len() + text.len() > MAX_TEXT {
                    return Err(ManifestError::TooLong {
                        element: leaf.tag(),
                        limit: MAX_TEXT,
                    });
                }
                self.text.push_str(text);
                Ok(())
            }
            _ if text.trim().is_empty() => Ok(()),
            parent => Err(misplaced("text", parent.copied())),
        }
    }

    /// The innermost element ends before byte `end`.
    pub(super) fn close(&mut self, end: usize) -> Result<(), ManifestError> {
        let Some(element) = self.open.pop() else {
            return Ok(());
        };
        self.root_closed = self.open.is_empty();
        match element {
            Element::Mapping => self.close_mapping(),
            Element::Part => self.close_part(),
            Element::ProductCode => self.push_text(|this| &mut this.product_codes, element),
            Element::Ancestor => self.push_text(|this| &mut this.ancestry, element),
            leaf if leaf.is_leaf() => {
                let text = self.text.trim().to_owned();
                let map = if leaf.of_entry() {
                    &mut self.entry
                } else {
                    &mut self.texts
                };
                map.insert(leaf, text);
                self.ends.insert(leaf, end);
                Ok(())
            }
            container => {
                self.ends.insert(container, end);
                Ok(())
            }
        }
    }

    fn push_text(
        &mut self,
        list: impl FnOnce(&mut Self) -> &mut Vec<String>,
        element: Element,
    ) -> Result<(), ManifestError> {
        let text = self.text.trim().to_owned();
        self.bounded(element, &text)?;
        list(self).push(text);
        Ok(())
    }

    fn close_mapping(&mut self) -> Result<(), ManifestError> {
        let virtual_name = self.take_entry(Element::Virtual)?;
        let device = self.take_entry(Element::Device)?;
        self.block_devices.push(BlockDeviceMapping {
            virtual_name,
            device,
        });
        Ok(())
    }

    fn close_part(&mut self) -> Result<(), ManifestError> {
        if self.parts.len() == self.limits.parts {
            return Err(ManifestError::Parts(crate::PartsProblem::TooMany(
                self.limits.parts,
            )));
        }
        let attributes = std::mem::take(&mut self.entry_attributes);
        let written = attributes
            .get(&Element::Part)
            .ok_or(ManifestError::Missing("part index"))?;
        let index = u32::try_from(values::number("part index", written)?)
            .map_err(|_| values::bad("part index", written, "it is too large"))?;
        let algorithm = attributes.get(&Element::PartDigest);
        values::algorithm("part digest", algorithm.map(String::as_str), SHA1)?;
        let name = values::parsed("filename", &self.take_entry(Element::FileName)?)?;
        let digest = values::parsed("part digest", &self.take_entry(Element::PartDigest)?)?;
        self.parts.push(Part {
            index: PartIndex(index),
            name,
            digest,
        });
        Ok(())
    }

    fn take_entry(&mut self, element: Element) -> Result<String, ManifestError> {
        let text = self
            .entry
            .remove(&element)
            .ok_or(ManifestError::Missing(element.tag()))?;
        self.bounded(element, &text)?;
        Ok(text)
    }

    fn bounded(&self, element: Element, text: &str) -> Result<(), ManifestError> {
        let limit = self.limits.name_bytes;
        if text.len() > limit {
            return Err(ManifestError::TooLong {
                element: element.tag(),
                limit,
            });
        }
        Ok(())
    }
}

fn misplaced(what: &'static str, parent: Option<Element>) -> ManifestError {
    let element = parent.map_or("the document", Element::tag).to_owned();
    ManifestError::Misplaced { what, element }
}
