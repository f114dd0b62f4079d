//! Listing objects, in the form that every store knows (version 1, with markers).

use gumnut_transport::{TransportError, xml};
use gumnut_types::BucketName;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::WalrusClient;
use crate::client::MAX_ANSWER;

/// Most pages that are asked for: a million objects.
const MAX_PAGES: usize = 1000;

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key as the store has it, which may be one that this program would not make.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
    /// The store's tag of its content, without quotes.
    pub etag: String,
}

impl WalrusClient {
    /// All objects whose keys begin with `prefix`, in the order of the store.
    ///
    /// # Errors
    /// When the store refuses, or its listing makes no sense or no progress.
    pub async fn list_objects(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Vec<ListedObject>, TransportError> {
        let mut objects: Vec<ListedObject> = Vec::new();
        for _ in 0..MAX_PAGES {
            let marker = objects
                .last()
                .map(|object| object.key.clone())
                .unwrap_or_default();
            let query = format!(
                "marker={}&max-keys=1000&prefix={}",
                utf8_percent_encode(&marker, NON_ALPHANUMERIC),
                utf8_percent_encode(prefix, NON_ALPHANUMERIC)
            );
            let request = self.request(Method::GET, Some(bucket), None, &query);
            let response = self.transport().execute(&request, MAX_ANSWER).await?;
            let malformed = |reason: String| TransportError::Malformed {
                what: request.what.clone(),
                reason,
            };
            let page = xml::parse(&response.body).map_err(|error| malformed(error.to_string()))?;
            let before = objects.len();
            for entry in page
                .children
                .iter()
                .filter(|child| child.name == "Contents")
            {
                objects.push(
                    listed(entry)
                        .ok_or_else(|| malformed("an entry has no key or size".to_owned()))?,
                );
            }
            if page.text_of("IsTruncated") != Some("true") {
                return Ok(objects);
            }
            if objects.len() == before || objects.last().is_some_and(|last| last.key <= marker) {
                return Err(malformed("the listing makes no progress".to_owned()));
            }
        }
        Err(TransportError::Malformed {
            what: format!("GET {bucket}"),
            reason: "the listing does not end".to_owned(),
        })
    }
}

fn listed(entry: &xml::Element) -> Option<ListedObject> {
    Some(ListedObject {
        key: entry.child("Key")?.text.clone(),
        size: entry.text_of("Size")?.parse().ok()?,
        etag: entry
            .text_of("ETag")
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned(),
    })
}
