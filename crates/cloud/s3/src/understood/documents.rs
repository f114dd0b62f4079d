//! Documents in the bodies of requests. The protocol's layer passes by what it does not know below the root of a document, and
//! drops character data in `CDATA`: neither must get there.

use gumnut_cloud_objects::ObjectError;
use quick_xml::Reader;
use quick_xml::events::Event;

/// A document that comes in the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// The longest, in bytes; `None` for the bound of all documents.
    pub(crate) limit: Option<usize>,
    /// The elements below its root that are understood.
    pub(crate) elements: &'static [&'static str],
    /// Those that S3 has and this store has not.
    pub(crate) absent: &'static [&'static str],
}

/// Refuses a document with an element that would be dropped, and text in a form that would be. What else is wrong with it is
/// reported by the code that reads it.
///
/// # Errors
/// [`ObjectError::NotImplemented`] for what S3 has and this store has not; [`ObjectError::MalformedXml`].
pub(crate) fn check(wanted: &Document, document: &[u8]) -> Result<(), ObjectError> {
    let mut reader = Reader::from_reader(document);
    reader.config_mut().expand_empty_elements = true;
    // The elements that are open, outside of which is the document itself.
    let mut open = vec![Content {
        has_elements: true,
        has_text: false,
    }];
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                check_element(wanted, open.len() - 1, start.name().as_ref())?;
                if let Some(parent) = open.last_mut() {
                    parent.has_elements = true;
                }
                open.push(Content::default());
            }
            Ok(Event::End(_)) if open.len() > 1 => {
                open.pop().unwrap_or_default().check()?;
            }
            Ok(Event::Text(text)) => {
                let is_blank = text.trim_ascii().is_empty();
                if let Some(parent) = open.last_mut() {
                    parent.has_text |= !is_blank;
                }
            }
            Ok(Event::GeneralRef(_)) => {
                if let Some(parent) = open.last_mut() {
                    parent.has_text = true;
                }
            }
            Ok(Event::CData(_) | Event::DocType(_)) => return Err(ObjectError::MalformedXml),
            Ok(Event::Eof) => return open[0].check(),
            Err(_) => return Ok(()),
            Ok(_) => {}
        }
    }
}

/// What is in an element.
#[derive(Clone, Copy, Debug, Default)]
struct Content {
    has_elements: bool,
    /// Whether there is text that is not white space.
    has_text: bool,
}

impl Content {
    /// Text beside elements would be dropped.
    fn check(self) -> Result<(), ObjectError> {
        if self.has_elements && self.has_text {
            return Err(ObjectError::MalformedXml);
        }
        Ok(())
    }
}

/// An element at this depth; those below the root have 1.
fn check_element(wanted: &Document, depth: usize, name: &str) -> Result<(), ObjectError> {
    if depth != 1 || wanted.elements.contains(&name) {
        return Ok(());
    }
    if wanted.absent.contains(&name) {
        return Err(ObjectError::NotImplemented.saying(format!(
            "This store does not understand the element {name} of the document."
        )));
    }
    Err(ObjectError::MalformedXml.saying(format!(
        "The XML you provided has an element that is not supported: {name:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_document_is_dropped() {
        let wanted = Document {
            limit: None,
            elements: &["Object", "Quiet"],
            absent: &["Tags"],
        };
        for (document, code) in [
            ("<Delete><Object><Key>k</Key></Object><Quiet/></Delete>", ""),
            (
                "<?xml version=\"1.0\"?><!-- a --><Delete xmlns=\"x\"><Quiet>true</Quiet></Delete>",
                "",
            ),
            ("", ""),
            ("<Delete><Obj", ""),
            ("<Delete><Other/></Delete>", "MalformedXML"),
            ("<Delete><Other>a</Other></Delete>", "MalformedXML"),
            ("<Delete><s3:Object/></Delete>", "MalformedXML"),
            ("<Delete><Tags/></Delete>", "NotImplemented"),
            (
                "<Delete><Object><Key>k<![CDATA[ey]]></Key></Object></Delete>",
                "MalformedXML",
            ),
            ("<!DOCTYPE a><Delete/>", "MalformedXML"),
            (
                " <Delete>\n <Object>\t<Key>k</Key></Object>\n</Delete>\n<!-- a -->\n",
                "",
            ),
            ("<Delete/>junk", "MalformedXML"),
            ("junk<Delete/>", "MalformedXML"),
            ("<Delete/>&#65;", "MalformedXML"),
            ("<Delete>junk<Quiet/></Delete>", "MalformedXML"),
            (
                "<Delete><Object>&amp;<Key>k</Key></Object></Delete>",
                "MalformedXML",
            ),
            ("<Delete><Object><Key>k &amp; l</Key></Object></Delete>", ""),
        ] {
            let checked = check(&wanted, document.as_bytes());
            assert_eq!(
                checked.map_or_else(|error| error.code(), |()| ""),
                code,
                "{document}"
            );
        }
    }
}
