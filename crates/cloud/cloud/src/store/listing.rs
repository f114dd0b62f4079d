//! Listings: pages of keys, with those that share a prefix folded into one.

use rusqlite::Connection;

use super::blobs::is_random_name;
use super::{Permission, Store, StoreError, access};
use crate::auth::Identity;
use crate::catalogue::objects::{self, Listed};

/// Rows that are fetched at a time.
const FETCH: usize = 1000;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    /// What ends a common prefix; empty for none.
    pub(crate) delimiter: String,
    /// Only entries behind this.
    pub(crate) after: String,
    /// Of the key `after`, only versions behind this one.
    pub(crate) after_version: Option<String>,
    /// Most entries of the page.
    pub(crate) limit: usize,
}

/// Where a listing goes on: a key, and of its versions those with ids up to this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    key: String,
    id: i64,
}

impl Position {
    fn at(key: String) -> Self {
        Self { key, id: i64::MAX }
    }
}

/// Where a listing goes on behind a row: with the next key, or with the next version.
type Behind = fn(&Listed) -> Position;

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Whether there is more behind the last entry.
    pub(crate) truncated: bool,
}

/// One line of a listing.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Object(Listed),
    /// Stands for all keys that begin with it.
    Prefix(String),
}

impl Entry {
    /// What the entry is sorted by.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

impl Store {
    /// A page of a bucket that `who` may list.
    pub(crate) async fn list(
        &self,
        who: Identity,
        bucket: String,
        query: Query,
    ) -> Result<Page, StoreError> {
        let list = move |connection: &Connection| {
            access::bucket(connection, &who, &bucket, Permission::Read)?;
            let fetch = |from: &Position| objects::page(connection, &bucket, &from.key, FETCH);
            let start = Position::at(behind(&query.after));
            Ok(page(&query, start, next_key, fetch)?)
        };
        self.catalogue.read(list).await
    }

    /// A page of all versions in a bucket that `who` may list.
    pub(crate) async fn list_versions(
        &self,
        who: Identity,
        bucket: String,
        query: Query,
    ) -> Result<Page, StoreError> {
        let list = move |connection: &Connection| {
            access::bucket(connection, &who, &bucket, Permission::Read)?;
            let start = match &query.after_version {
                Some(version) => behind_version(connection, &bucket, &query.after, version)?,
                None => Position::at(behind(&query.after)),
            };
            let fetch = |from: &Position| {
                objects::versions_page(connection, &bucket, (&from.key, from.id), FETCH)
            };
            Ok(page(&query, start, next_version, fetch)?)
        };
        self.catalogue.read(list).await
    }
}

/// The position behind a version. One that is gone does not tell where it stood: clients delete each page before they ask
/// for the next, so all that is left of its key comes, rather than nothing.
fn behind_version(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version: &str,
) -> Result<Position, StoreError> {
    let key = key.to_owned();
    match objects::find_version(connection, bucket, &key, version)? {
        Some(row) => Ok(Position {
            key,
            id: row.id - 1,
        }),
        None if version == objects::NULL_VERSION || is_random_name(version) => {
            Ok(Position::at(key))
        }
        None => Err(StoreError::argument("Invalid version id specified")),
    }
}

/// Makes a page of what `fetch` gives: rows in order from a key on.
fn page<E>(
    query: &Query,
    start: Position,
    next: Behind,
    mut fetch: impl FnMut(&Position) -> Result<Vec<Listed>, E>,
) -> Result<Page, E> {
    let mut page = Page::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let mut from = Position::at(query.prefix.clone());
    if start.key >= from.key {
        from = start;
    }
    loop {
        let rows = fetch(&from)?;
        let last_batch = rows.len() < FETCH;
        let mut skip_to: Option<String> = None;
        for row in rows {
            if !row.key.starts_with(&query.prefix) {
                return Ok(page);
            }
            if skip_to.as_ref().is_some_and(|to| row.key < *to) {
                continue;
            }
            from = next(&row);
            let entry = match common_prefix(&row.key, query) {
                Some(prefix) => {
                    // Everything below the prefix is told; past it there may be nothing at all.
                    let Some(beyond) = behind_prefix(&prefix) else {
                        return Ok(page);
                    };
                    from = Position::at(beyond.clone());
                    skip_to = Some(beyond);
                    if prefix <= query.after {
                        continue;
                    }
                    Entry::Prefix(prefix)
                }
                None => Entry::Object(row),
            };
            if page.entries.len() == query.limit {
                page.truncated = true;
                return Ok(page);
            }
            page.entries.push(entry);
        }
        if last_batch {
            return Ok(page);
        }
    }
}

fn common_prefix(key: &str, query: &Query) -> Option<String> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = &key[query.prefix.len()..];
    let end = rest.find(&query.delimiter)? + query.delimiter.len();
    Some(format!("{}{}", query.prefix, &rest[..end]))
}

fn next_key(row: &Listed) -> Position {
    Position::at(behind(&row.key))
}

fn next_version(row: &Listed) -> Position {
    Position {
        key: row.key.clone(),
        id: row.id - 1,
    }
}

/// The first text behind `text`.
fn behind(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{text}\0")
}

/// The first text behind all that begin with `prefix`.
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
    use super::*;
    use crate::catalogue::Owner;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    fn rows(keys: &BTreeSet<String>, from: &str) -> Vec<Listed> {
        let owner = Owner {
            id: String::new(),
            name: String::new(),
        };
        let keys = keys.range(from.to_owned()..).take(FETCH);
        keys.map(|key| Listed {
            id: 1,
            version: objects::NULL_VERSION.to_owned(),
            current: true,
            marker: false,
            key: key.clone(),
            owner: owner.clone(),
            size: 0,
            etag: String::new(),
            modified: 0,
        })
        .collect()
    }

    fn names(keys: &BTreeSet<String>, query: &Query) -> (Vec<String>, bool) {
        let start = Position::at(behind(&query.after));
        let fetch = |from: &Position| Ok(rows(keys, &from.key));
        let page = page::<Infallible>(query, start, next_key, fetch).unwrap();
        let names = page.entries.iter().map(|entry| entry.name().to_owned());
        (names.collect(), page.truncated)
    }

    /// The definition, without a thought for speed.
    fn expected(keys: &BTreeSet<String>, query: &Query) -> Vec<String> {
        let keys = keys.iter().filter(|key| key.starts_with(&query.prefix));
        let names: BTreeSet<_> = keys
            .map(|key| common_prefix(key, query).unwrap_or_else(|| key.clone()))
            .filter(|name| *name > query.after)
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
            let mut query = Query { prefix, delimiter, after, after_version: None, limit };
            let expected = expected(&keys, &query);
            let mut all = Vec::new();
            loop {
                let (names, truncated) = names(&keys, &query);
                prop_assert!(names.len() <= limit);
                all.extend(names);
                if !truncated {
                    break;
                }
                query.after = all.last().cloned().unwrap();
            }
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_page_of_nothing_is_whole() {
        let keys = BTreeSet::from(["a".to_owned()]);
        assert_eq!(names(&keys, &Query::default()), (Vec::new(), false));
    }

    #[test]
    fn a_folder_of_many_batches_is_one_line() {
        let mut keys: BTreeSet<_> = (0..3 * FETCH).map(|n| format!("a/{n:05}")).collect();
        keys.insert("b".to_owned());
        let query = Query {
            delimiter: "/".to_owned(),
            limit: 10,
            ..Query::default()
        };
        let mut fetched = 0;
        let start = Position::at(String::new());
        let page = page::<Infallible>(&query, start, next_key, |from| {
            fetched += 1;
            Ok(rows(&keys, &from.key))
        });
        let page = page.unwrap();
        let names: Vec<_> = page.entries.iter().map(Entry::name).collect();
        assert_eq!(names, ["a/", "b"]);
        assert_eq!(fetched, 2);
    }
}
