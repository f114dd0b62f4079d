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
    /// When it was written, as the store writes times (`2026-11-30T19:00:00.000Z`); empty where it does not say.
    pub modified: String,
}

/// A bucket in the listing of all that the caller owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBucket {
    /// Its name as the store has it, which may be one that this program would not make.
    pub name: String,
    /// When it was made, as the store writes times; empty where it does not say.
    pub created: String,
}

/// The caller as the store knows it, and the buckets that are the caller's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnBuckets {
    /// The owner's id: in S3 the canonical id, in Eucalyptus that of the account. Empty where the store does not say.
    pub owner_id: String,
    /// The owner's name as the store shows it, often that of the account; empty where it does not say.
    pub owner_name: String,
    /// The buckets, in the order of the store.
    pub buckets: Vec<ListedBucket>,
}

impl WalrusClient {
    /// The buckets that the caller owns, and who the caller is (`ListBuckets`).
    ///
    /// # Errors
    /// When the store refuses, or its answer makes no sense.
    pub async fn list_buckets(&self) -> Result<OwnBuckets, TransportError> {
        let request = self.request(Method::GET, None, None, "");
        let response = self.transport().execute(&request, MAX_ANSWER).await?;
        let answer = xml::parse(&response.body).map_err(|error| TransportError::Malformed {
            what: "GET /".to_owned(),
            reason: error.to_string(),
        })?;
        let of_owner = |name: &str| {
            let owner = answer.child("Owner");
            owner
                .and_then(|owner| owner.text_of(name))
                .unwrap_or_default()
                .to_owned()
        };
        let buckets = answer
            .child("Buckets")
            .map_or(&[][..], |buckets| &buckets.children);
        Ok(OwnBuckets {
            owner_id: of_owner("ID"),
            owner_name: of_owner("DisplayName"),
            buckets: buckets.iter().filter_map(bucket).collect(),
        })
    }

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
                return Err(malformed("the listing repeats the same page".to_owned()));
            }
        }
        Err(TransportError::Malformed {
            what: format!("GET {bucket}"),
            reason: "the listing does not end".to_owned(),
        })
    }
}

fn bucket(entry: &xml::Element) -> Option<ListedBucket> {
    Some(ListedBucket {
        name: entry.text_of("Name")?.to_owned(),
        created: entry.text_of("CreationDate").unwrap_or_default().to_owned(),
    })
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
        modified: entry.text_of("LastModified").unwrap_or_default().to_owned(),
    })
}
