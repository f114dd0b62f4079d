//! What a signature sees of a request.

/// A request as it is, or was, on the wire.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// `GET`, `PUT` and so on.
    pub method: &'a str,
    /// The path, percent-encoded as sent.
    pub path: &'a str,
    /// The query as sent, without the question mark; empty when there is none.
    pub query: &'a str,
    /// The headers, names in lower case, in the order of the wire.
    pub headers: &'a [(String, String)],
}

impl<'a> RequestView<'a> {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a header, trimmed, runs of blanks folded, joined by commas.
    pub(crate) fn folded(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(header, _)| header == name);
        let folded: Vec<_> = values
            .map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        (!folded.is_empty()).then(|| folded.join(","))
    }
}
