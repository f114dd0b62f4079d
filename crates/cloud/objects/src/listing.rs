//! Listings: pages of keys, with those that share a prefix folded into one.
//!
//! A page is made by a state machine that asks for rows from a position on and is fed with them, so that the code that reads the
//! rows may wait for each batch.

use gumnut_cloud_catalogue::{Key, ListedVersion};

/// Rows that are fetched at a time.
pub(crate) const FETCH: usize = 1000;
/// Most bytes of names on a page, which ends early then: with the longest keys, a few hundred entries.
pub(crate) const PAGE_BYTES: usize = 256 << 10;

/// What is to be listed of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only keys that begin with this.
    pub prefix: Key,
    /// What ends a common prefix; empty for none.
    pub delimiter: Key,
    /// Only entries behind this name; empty for all.
    pub after: Key,
    /// Of the key `after`, only versions behind this version id; `None` for no version of it.
    pub after_version: Option<String>,
    /// Most entries of the page. It ends earlier when the names are long.
    pub limit: usize,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The entries, in the order of the bytes of their names.
    pub entries: Vec<ListEntry>,
    /// Whether there is more behind the last entry.
    pub truncated: bool,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntry {
    /// A version of an object.
    Object(ListedVersion),
    /// A common prefix, which stands for all keys that begin with it.
    Prefix(String),
}

impl ListEntry {
    /// The key of an object, or the common prefix.
    pub fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// Where a listing continues: a key, and of its versions those with rows up to this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) key: String,
    pub(crate) row: i64,
}

impl Position {
    /// All versions of a key, and what comes behind it.
    pub(crate) fn at(key: String) -> Self {
        Self { key, row: i64::MAX }
    }

    /// The first position behind all versions of a key; the very first when it is empty.
    pub(crate) fn behind(key: &str) -> Self {
        Self::at(if key.is_empty() {
            String::new()
        } else {
            format!("{key}\0")
        })
    }
}

/// What the rows of a listing are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One of each key.
    Keys,
    /// All versions, of a key the newest first.
    Versions,
}

impl Rows {
    /// Where a listing continues behind a row.
    fn behind(self, row: &ListedVersion) -> Position {
        match self {
            Self::Keys => Position::behind(&row.key),
            Self::Versions => Position {
                key: row.key.clone(),
                row: row.id - 1,
            },
        }
    }
}

/// Makes a page of batches of rows.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    query: ListQuery,
    rows: Rows,
    from: Option<Position>,
    page: ListPage,
    /// Bytes of the names on the page.
    bytes: usize,
}

impl PageBuilder {
    /// A page of rows from `start` on.
    pub(crate) fn new(query: ListQuery, rows: Rows, start: Position) -> Self {
        let first = Position::at(query.prefix.to_string());
        let from = if start.key >= first.key { start } else { first };
        Self {
            from: (query.limit > 0).then_some(from),
            query,
            rows,
            page: ListPage::default(),
            bytes: 0,
        }
    }

    /// Where the rows begin that [`PageBuilder::feed`] is to be called with; `None` when the page is done.
    pub(crate) fn wants(&self) -> Option<&Position> {
        self.from.as_ref()
    }

    /// Takes the next [`FETCH`] rows; fewer are the last ones.
    pub(crate) fn feed(&mut self, rows: Vec<ListedVersion>) {
        let is_last = rows.len() < FETCH;
        let from = self.add(rows);
        self.from = from.filter(|_| !is_last);
    }

    /// The page, once nothing is wanted any more.
    pub(crate) fn into_page(self) -> ListPage {
        self.page
    }

    /// Adds rows, and gives the position behind them; `None` when the page is done.
    fn add(&mut self, rows: Vec<ListedVersion>) -> Option<Position> {
        let mut from = None;
        let mut skip_to: Option<String> = None;
        for row in rows {
            if !row.key.starts_with(self.query.prefix.as_str()) {
                return None;
            }
            if skip_to.as_ref().is_some_and(|to| row.key < *to) {
                continue;
            }
            from = Some(self.rows.behind(&row));
            let entry = match common_prefix(&row.key, &self.query) {
                Some(prefix) => {
                    // Everything below the prefix is listed; past it there may be nothing at all.
                    let beyond = behind_prefix(&prefix)?;
                    from = Some(Position::at(beyond.clone()));
                    skip_to = Some(beyond);
                    if *prefix <= *self.query.after {
                        continue;
                    }
                    ListEntry::Prefix(prefix)
                }
                None => ListEntry::Object(row),
            };
            let bytes = self.bytes + entry.name().len();
            if self.page.entries.len() == self.query.limit || bytes > PAGE_BYTES {
                self.page.truncated = true;
                return None;
            }
            self.bytes = bytes;
            self.page.entries.push(entry);
        }
        from
    }
}

/// What a key is folded into; `None` for a key that stands for itself.
fn common_prefix(key: &str, query: &ListQuery) -> Option<String> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = &key[query.prefix.len()..];
    let end = rest.find(query.delimiter.as_str())? + query.delimiter.len();
    Some(format!("{}{}", query.prefix, &rest[..end]))
}

/// The first text behind all that begin with `prefix`; `None` when there is none.
fn behind_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gumnut_cloud_catalogue::{NULL_VERSION, Owner};
    use proptest::prelude::*;

    use super::*;
    use crate::fixture;

    fn row(id: i64, key: &str) -> ListedVersion {
        ListedVersion {
            id,
            version: NULL_VERSION.to_owned(),
            current: true,
            marker: false,
            key: key.to_owned(),
            owner: Owner {
                id: String::new(),
                name: String::new(),
            },
            size: 0,
            etag: String::new(),
            modified: 0,
        }
    }

    /// The page, and how many batches it took.
    fn page(keys: &BTreeSet<String>, query: &ListQuery) -> (ListPage, usize) {
        let start = Position::behind(&query.after);
        let mut builder = PageBuilder::new(query.clone(), Rows::Keys, start);
        let mut batches = 0;
        while let Some(from) = builder.wants() {
            let rows = keys.range(from.key.clone()..).take(FETCH);
            let batch = rows.map(|key| row(1, key)).collect();
            builder.feed(batch);
            batches += 1;
        }
        (builder.into_page(), batches)
    }

    fn names(page: &ListPage) -> Vec<String> {
        let names = page.entries.iter().map(|entry| entry.name().to_owned());
        names.collect()
    }

    /// The definition, without a thought for speed.
    fn expected(keys: &BTreeSet<String>, query: &ListQuery) -> Vec<String> {
        let keys = keys
            .iter()
            .filter(|key| key.starts_with(query.prefix.as_str()));
        let names: BTreeSet<_> = keys
            .map(|key| common_prefix(key, query).unwrap_or_else(|| key.clone()))
            .filter(|name| **name > *query.after)
            .collect();
        names.into_iter().collect()
    }

    proptest! {
        #[test]
        fn pages_add_up_to_the_listing(
            keys in proptest::collection::btree_set("[ab/\u{d7ff}\u{10ffff}]{1,5}", 0..30),
            prefix in "[ab/]{0,2}",
            delimiter in "(/|a|b/)?",
            after in "[ab/]{0,3}",
            limit in 1usize..5,
        ) {
            let [prefix, delimiter, after] = [prefix, delimiter, after].map(|text| fixture::key(&text));
            let mut query = ListQuery { prefix, delimiter, after, after_version: None, limit };
            let expected = expected(&keys, &query);
            let mut all = Vec::new();
            loop {
                let (page, _) = page(&keys, &query);
                prop_assert!(page.entries.len() <= limit);
                all.extend(names(&page));
                if !page.truncated {
                    break;
                }
                query.after = fixture::key(all.last().unwrap());
            }
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_page_of_nothing_is_whole() {
        let keys = BTreeSet::from(["a".to_owned()]);
        assert_eq!(page(&keys, &ListQuery::default()), (ListPage::default(), 0));
    }

    #[test]
    fn a_folder_of_many_batches_is_one_line() {
        let mut keys: BTreeSet<_> = (0..3 * FETCH).map(|n| format!("a/{n:05}")).collect();
        keys.insert("b".to_owned());
        let query = ListQuery {
            delimiter: fixture::key("/"),
            limit: 10,
            ..ListQuery::default()
        };
        let (page, batches) = page(&keys, &query);
        assert_eq!(names(&page), ["a/", "b"]);
        assert_eq!(batches, 2);
    }

    #[test]
    fn a_page_of_long_names_ends_early() {
        let keys: BTreeSet<_> = (0..FETCH).map(|n| format!("{n:01024}")).collect();
        let mut query = ListQuery {
            limit: FETCH,
            ..ListQuery::default()
        };
        let mut all = BTreeSet::new();
        loop {
            let (page, _) = page(&keys, &query);
            let bytes: usize = names(&page).iter().map(String::len).sum();
            assert!((1..=PAGE_BYTES).contains(&bytes), "{bytes} bytes");
            all.extend(names(&page));
            if !page.truncated {
                break;
            }
            query.after = fixture::key(all.last().unwrap());
        }
        assert_eq!(all, keys);
    }

    #[test]
    fn versions_go_on_within_their_key() {
        let query = ListQuery {
            limit: FETCH + 1,
            ..ListQuery::default()
        };
        let start = Position::at(String::new());
        let mut builder = PageBuilder::new(query, Rows::Versions, start);
        let newest = i64::try_from(FETCH).unwrap() + 5;
        builder.feed((6..=newest).rev().map(|id| row(id, "key")).collect());
        let expected = Position {
            key: "key".to_owned(),
            row: 5,
        };
        assert_eq!(builder.wants(), Some(&expected));
        builder.feed(vec![row(5, "key"), row(4, "key")]);
        assert_eq!(builder.wants(), None);
        let page = builder.into_page();
        assert_eq!((page.entries.len(), page.truncated), (FETCH + 1, true));
    }
}
