//! Writing answers.

use quick_xml::escape::escape;

/// An answer, or a piece of one. Every text is escaped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// A piece.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A document.
    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// `<name>text</name>`
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        self.element(name, |xml| xml.0.push_str(&escape(text.as_str())));
    }

    /// `<name>text</name>` for a text of several lines.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |xml| xml.0.push_str(&escape(text)));
    }

    /// `<name>text</name>`, or nothing when there is no text.
    pub(crate) fn some(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// `<name>` and `</name>` around whatever `content` writes.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        for piece in ["<", name, ">"] {
            self.0.push_str(piece);
        }
        content(self);
        for piece in ["</", name, ">"] {
            self.0.push_str(piece);
        }
    }

    /// Text that is markup already.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// The answer of calls that only do something: whether they did.
pub(crate) fn returned(done: bool) -> Xml {
    let mut xml = Xml::new();
    xml.leaf("return", if done { "true" } else { "false" });
    xml
}
