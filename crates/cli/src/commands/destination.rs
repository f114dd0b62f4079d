//! Where a bundle goes in the object store.

use std::fmt;
use std::str::FromStr;

use gumnut_types::{BucketName, ManifestLocation, ObjectKey};
use gumnut_walrus_client::{BucketState, CannedAcl, Content, PutOptions, WalrusClient};

use crate::exit::{Exit, Failure};

/// A bucket, and what comes before every key.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) bucket: BucketName,
    pub(crate) prefix: Option<String>,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, anyhow::Error> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        if let Some(prefix) = &prefix {
            prefix.parse::<ObjectKey>()?;
        }
        Ok(Self {
            bucket: bucket.parse()?,
            prefix,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.bucket),
            None => self.bucket.fmt(f),
        }
    }
}

impl Target {
    pub(crate) fn key(&self, name: &str) -> Result<ObjectKey, Failure> {
        let key = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        };
        key.parse().map_err(|error: gumnut_types::ObjectKeyError| {
            Failure::new(Exit::Usage, format!("{key:?} cannot be an object")).because(error)
        })
    }

    /// Where an object of this name lies.
    pub(crate) fn location(&self, name: &str) -> Result<ManifestLocation, Failure> {
        Ok(ManifestLocation {
            bucket: self.bucket.clone(),
            key: self.key(name)?,
        })
    }
}

/// What was being done when the store refused, for those whose messages depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Check(BucketName),
    Create(BucketName),
    Write(ObjectKey),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(bucket) => write!(f, "cannot use the bucket {bucket}"),
            Self::Create(bucket) => write!(f, "cannot make the bucket {bucket}"),
            Self::Write(key) => write!(f, "cannot write the object {key}"),
        }
    }
}

/// What is done to a bucket before anything is put into it.
#[derive(Clone, Copy)]
pub(crate) enum BucketStep {
    Checking,
    Creating,
    Ready,
}

/// A place in the store that objects are put to.
pub(crate) struct Destination<'a> {
    pub(crate) store: &'a WalrusClient,
    pub(crate) target: &'a Target,
    pub(crate) acl: Option<CannedAcl>,
}

impl Destination<'_> {
    /// Makes sure of the bucket, which is made at `location` if it is missing.
    pub(crate) async fn prepare(
        &self,
        location: Option<&str>,
        tell: &(dyn Fn(BucketStep) + Sync),
    ) -> Result<(), anyhow::Error> {
        let bucket = &self.target.bucket;
        tell(BucketStep::Checking);
        let at = |step: Step| move |error| anyhow::Error::new(error).context(step);
        let state = self.store.bucket_state(bucket).await;
        if state.map_err(at(Step::Check(bucket.clone())))? == BucketState::Missing {
            tell(BucketStep::Creating);
            let made = self.store.create_bucket(bucket, location).await;
            made.map_err(at(Step::Create(bucket.clone())))?;
        }
        tell(BucketStep::Ready);
        Ok(())
    }

    /// Puts an object, unless the store has it already; tells whether it was sent.
    pub(crate) async fn put_if_missing(
        &self,
        name: &str,
        content: &Content,
    ) -> Result<bool, anyhow::Error> {
        let key = self.target.key(name)?;
        let head = self.store.head_object(&self.target.bucket, &key).await?;
        let same = head
            .is_some_and(|head| head.size == content.length() && head.etag == content.md5_hex());
        if !same {
            self.put(name, content).await?;
        }
        Ok(!same)
    }

    /// Puts an object.
    pub(crate) async fn put(&self, name: &str, content: &Content) -> Result<(), anyhow::Error> {
        let key = self.target.key(name)?;
        let options = PutOptions {
            acl: self.acl,
            ..PutOptions::default()
        };
        let put = self
            .store
            .put_object(&self.target.bucket, &key, content, options);
        match put.await {
            Ok(_) => Ok(()),
            Err(error) if self.acl.is_some() && CannedAcl::is_refused_by(&error) => Err(
                Failure::new(Exit::Refused, "the store does not take this ACL")
                    .because(error)
                    .hint(
                        "repeat with --acl none, and let the cloud read the bucket in another way",
                    )
                    .into(),
            ),
            Err(error) => Err(anyhow::Error::new(error).context(Step::Write(key))),
        }
    }
}
