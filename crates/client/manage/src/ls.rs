//! `gumnut ls`

use std::str::FromStr;

use clap::Args;
use gumnut_terminal::{Lines, Session};
use gumnut_types::{BucketName, BucketNameError};
use gumnut_walrus_client::{ListedBucket, ListedObject, WalrusClient};
use serde_json::{Value, json};

/// List your buckets, or the objects in one.
///
/// One line each, tab separated: BUCKET, name, date; or OBJECT, key, size in bytes, date.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut ls
  gumnut ls image-bucket
  gumnut ls image-bucket/web/")]
pub struct Ls {
    /// A bucket, and a prefix of the keys [default: list the buckets]
    #[arg(value_name = "BUCKET[/PREFIX]")]
    place: Option<Place>,
}

/// A bucket, and what the keys in it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    bucket: BucketName,
    prefix: String,
}

impl FromStr for Place {
    type Err = BucketNameError;

    fn from_str(text: &str) -> Result<Self, BucketNameError> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        Ok(Self {
            bucket: bucket.parse()?,
            prefix: prefix.to_owned(),
        })
    }
}

impl Ls {
    /// Prints the buckets or objects.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let store = session.walrus(&session.settings()?)?;
        match &self.place {
            None => buckets(session, &store).await,
            Some(place) => objects(session, &store, place).await,
        }
    }
}

async fn buckets(session: &Session, store: &WalrusClient) -> Result<(), anyhow::Error> {
    let own = store.list_buckets().await?;
    if own.buckets.is_empty() {
        session.output.say("you have no buckets");
    }
    let lines = own
        .buckets
        .iter()
        .map(|ListedBucket { name, created }| ["BUCKET", name, created])
        .collect();
    let buckets: Vec<Value> = own
        .buckets
        .iter()
        .map(|bucket| json!({ "name": bucket.name, "created": bucket.created }))
        .collect();
    session
        .output
        .result(&json!({ "buckets": buckets }), &lines)
}

async fn objects(
    session: &Session,
    store: &WalrusClient,
    place: &Place,
) -> Result<(), anyhow::Error> {
    let Place { bucket, prefix } = place;
    let found = store.list_objects(bucket, prefix).await?;
    if found.is_empty() {
        session.output.say("there are no such objects");
    }
    let mut lines = Lines::default();
    for object in &found {
        let size = object.size.to_string();
        lines.push(["OBJECT", &object.key, &size, &object.modified]);
    }
    let objects: Vec<Value> = found.iter().map(describe).collect();
    let json = json!({ "bucket": bucket.as_str(), "prefix": prefix, "objects": objects });
    session.output.result(&json, &lines)
}

fn describe(object: &ListedObject) -> Value {
    json!({
        "key": object.key,
        "size": object.size,
        "etag": object.etag,
        "modified": object.modified,
    })
}
