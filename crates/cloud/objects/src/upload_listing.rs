//! Listings of uploads that have neither been completed nor aborted.

use gumnut_cloud_catalogue::{Key, Upload};

use crate::listing::{FETCH, PAGE_BYTES};

/// Which uploads to a bucket are to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadQuery {
    /// Only keys that begin with this.
    pub prefix: Key,
    /// What ends a common prefix; empty for none.
    pub delimiter: Key,
    /// Only uploads behind this pair of key and upload id.
    pub after: (Key, String),
    /// Most entries of the page. It ends earlier when the names are long.
    pub limit: usize,
}

/// A page of a listing of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    /// The uploads, by key and id.
    pub uploads: Vec<Upload>,
    /// Common prefixes, each of which stands for all keys that begin with it.
    pub prefixes: Vec<String>,
    /// Key and id of the last entry; the id is empty when that is a prefix.
    pub last: (String, String),
    /// Whether there is more behind the last entry.
    pub truncated: bool,
}

/// Makes a page of batches of uploads.
#[derive(Debug)]
pub(crate) struct UploadPageBuilder {
    query: UploadQuery,
    after: Option<(String, String)>,
    page: UploadPage,
    /// Bytes of the names on the page.
    bytes: usize,
}

impl UploadPageBuilder {
    pub(crate) fn new(query: UploadQuery) -> Self {
        let first = (query.prefix.to_string(), String::new());
        let (key, id) = query.after.clone();
        Self {
            after: Some((key.into_string(), id).max(first)),
            query,
            page: UploadPage::default(),
            bytes: 0,
        }
    }

    /// Key and id behind which the uploads begin that [`UploadPageBuilder::feed`] is to be called with; `None` when the
    /// page is done.
    pub(crate) fn wants(&self) -> Option<&(String, String)> {
        self.after.as_ref()
    }

    /// Takes the next [`FETCH`] uploads; fewer are the last ones.
    pub(crate) fn feed(&mut self, uploads: Vec<Upload>) {
        let is_last = uploads.len() < FETCH;
        let after = self.add(uploads);
        self.after = after.filter(|_| !is_last);
    }

    /// The page, once nothing is wanted any more.
    pub(crate) fn into_page(self) -> UploadPage {
        self.page
    }

    /// Adds uploads, and gives key and id of the last; `None` when the page is done.
    fn add(&mut self, uploads: Vec<Upload>) -> Option<(String, String)> {
        let Self {
            query, page, bytes, ..
        } = self;
        let mut after = None;
        for upload in uploads {
            let rest = upload.key.strip_prefix(query.prefix.as_str())?;
            let at = (upload.key.clone(), upload.id.clone());
            after = Some(at.clone());
            let prefix =
                fold(rest, &query.delimiter).map(|folded| format!("{}{folded}", query.prefix));
            // One that is listed already, here or on the page before.
            if prefix.as_ref().is_some_and(|prefix| {
                page.prefixes.last() == Some(prefix) || **prefix <= *query.after.0
            }) {
                continue;
            }
            let more = prefix.as_ref().unwrap_or(&upload.key).len();
            let full = page.uploads.len() + page.prefixes.len() == query.limit;
            if full || *bytes + more > PAGE_BYTES {
                page.truncated = true;
                return None;
            }
            *bytes += more;
            if let Some(prefix) = prefix {
                page.last = (prefix.clone(), String::new());
                page.prefixes.push(prefix);
            } else {
                page.last = at;
                page.uploads.push(upload);
            }
        }
        after
    }
}

/// The text up to the end of the first delimiter; `None` when it has none.
fn fold<'t>(text: &'t str, delimiter: &str) -> Option<&'t str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = text.find(delimiter)?;
    Some(&text[..at + delimiter.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const ALL: [(&str, &str); 5] = [
        ("a", "1"),
        ("a", "2"),
        ("b/1", "3"),
        ("b/2", "4"),
        ("c", "5"),
    ];

    fn list(query: &UploadQuery) -> (Vec<String>, (String, String), bool) {
        let mut builder = UploadPageBuilder::new(query.clone());
        while let Some((key, id)) = builder.wants().cloned() {
            let behind = ALL
                .iter()
                .filter(|upload| **upload > (key.as_str(), id.as_str()));
            let batch = behind.map(|(key, id)| Upload {
                id: (*id).to_owned(),
                key: (*key).to_owned(),
                ..fixture::upload()
            });
            builder.feed(batch.collect());
        }
        let page = builder.into_page();
        let uploads = page.uploads.iter().map(|upload| upload.id.clone());
        let names = uploads.chain(page.prefixes.iter().cloned()).collect();
        (names, page.last, page.truncated)
    }

    #[test]
    fn uploads_fold_and_go_on() {
        let mut query = UploadQuery {
            limit: 2,
            delimiter: fixture::key("/"),
            ..UploadQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let (names, last, truncated) = list(&query);
            all.push(names);
            query.after = (fixture::key(&last.0), last.1);
            if !truncated {
                break;
            }
        }
        assert_eq!(all, [vec!["1", "2"], vec!["5", "b/"]]);
        let inside = UploadQuery {
            prefix: fixture::key("b/"),
            delimiter: fixture::key("/"),
            limit: 9,
            ..UploadQuery::default()
        };
        assert_eq!(list(&inside).0, ["3", "4"]);
    }
}
