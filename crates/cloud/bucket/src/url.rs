//! Where a bucket is, in one line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

/// Where a bucket is and how to speak to its store: `s3://BUCKET[/PREFIX][?PARAMETER=VALUE&...]`.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `endpoint` | AWS in the region | URL of the store, `http://rgw:7480` |
/// | `region` | `us-east-1` | region that requests are signed for |
/// | `path-style` | `true` | `false` puts the bucket in front of the host name of the endpoint |
/// | `verify-etag` | `true` | `false` for stores whose `ETag` of a PUT is not the MD5 of the bytes, for example because they encrypt them |
/// | `ca` | those of the system | file with further certificate authorities, in PEM |
/// | `orphan-grace` | 86400 | seconds for which a blob without a row is left alone |
/// | `reader-grace` | 3600 | seconds for which readers find a blob that was given up |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketUrl {
    /// The bucket; it must exist.
    pub bucket: String,
    /// What the keys of all blobs begin with, without slashes around it; empty for nothing.
    pub prefix: String,
    /// The store, without a slash at the end; `None` for AWS.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the bucket is in the path, and not in front of the host name.
    pub path_style: bool,
    /// Whether the `ETag` of a PUT must be the MD5 of the bytes.
    pub verify_etag: bool,
    /// A file with further certificate authorities, in PEM.
    pub ca: Option<PathBuf>,
    /// How long a blob without a row is left alone.
    pub orphan_grace: Duration,
    /// How long readers find a blob that was given up.
    pub reader_grace: Duration,
}

/// A text does not say where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketUrlError {
    /// It has another form.
    #[error("the URL of a bucket is s3://BUCKET[/PREFIX][?endpoint=URL&...]: {0}")]
    Form(String),
    /// There is no such parameter.
    #[error("the URL of a bucket has no parameter `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// What was written.
        name: String,
        /// The parameter whose name is most like it.
        nearest: &'static str,
    },
    /// A parameter is there twice.
    #[error("the parameter `{0}` of the URL of a bucket is given twice")]
    Twice(String),
    /// A parameter cannot have this value.
    #[error("the parameter `{name}` of the URL of a bucket cannot be {value:?}: {expected}")]
    Value {
        /// The parameter.
        name: String,
        /// Its value.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
}

/// The parameters.
const PARAMETERS: [&str; 7] = [
    "endpoint",
    "region",
    "path-style",
    "verify-etag",
    "ca",
    "orphan-grace",
    "reader-grace",
];

/// Most characters of an URL.
const LONGEST: usize = 4096;

impl FromStr for BucketUrl {
    type Err = BucketUrlError;

    fn from_str(text: &str) -> Result<Self, BucketUrlError> {
        if text.len() > LONGEST {
            return Err(form("it is too long"));
        }
        let url = Url::parse(text).map_err(|error| form(&error.to_string()))?;
        if url.scheme() != "s3" {
            return Err(form("it must begin with s3://"));
        }
        let is_plain =
            url.username().is_empty() && url.password().is_none() && url.port().is_none();
        if !is_plain || url.fragment().is_some() {
            return Err(form("it must not contain keys, a port or a fragment"));
        }
        let mut parsed = Self {
            bucket: bucket(url.host_str().unwrap_or_default())?,
            prefix: prefix(url.path())?,
            endpoint: None,
            region: "us-east-1".to_owned(),
            path_style: true,
            verify_etag: true,
            ca: None,
            orphan_grace: Duration::from_hours(24),
            reader_grace: Duration::from_hours(1),
        };
        let mut seen = Vec::new();
        for (name, value) in url.query_pairs() {
            if seen.contains(&name) {
                return Err(BucketUrlError::Twice(name.into_owned()));
            }
            parsed.set(&name, &value)?;
            seen.push(name);
        }
        Ok(parsed)
    }
}

impl BucketUrl {
    fn set(&mut self, name: &str, value: &str) -> Result<(), BucketUrlError> {
        let refused = |expected| BucketUrlError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            expected,
        };
        match name {
            "endpoint" => {
                let found = endpoint(value);
                let expected =
                    "it is a URL such as http://rgw:7480, without keys, path and parameters";
                self.endpoint = Some(found.ok_or_else(|| refused(expected))?);
            }
            "region" => {
                let is_good = !value.is_empty() && value.chars().all(is_of_name);
                if !is_good {
                    return Err(refused("it consists of letters, digits, `-`, `_` and `.`"));
                }
                value.clone_into(&mut self.region);
            }
            "path-style" => self.path_style = truth(value).ok_or_else(|| refused(TRUTH))?,
            "verify-etag" => self.verify_etag = truth(value).ok_or_else(|| refused(TRUTH))?,
            "ca" if value.is_empty() => return Err(refused("it is the name of a file")),
            "ca" => self.ca = Some(value.into()),
            "orphan-grace" => {
                self.orphan_grace = seconds(value).ok_or_else(|| refused(SECONDS))?;
            }
            "reader-grace" => {
                self.reader_grace = seconds(value).ok_or_else(|| refused(SECONDS))?;
            }
            _ => {
                return Err(BucketUrlError::Unknown {
                    name: name.to_owned(),
                    nearest: nearest(name),
                });
            }
        }
        Ok(())
    }

    /// Where the bucket is, for messages.
    pub(crate) fn place(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or("AWS");
        format!("{:?} at {endpoint}", self.bucket)
    }
}

/// As in messages; without what is as it is by default.
impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        if let Some(endpoint) = &self.endpoint {
            write!(f, "?endpoint={endpoint}")?;
        }
        Ok(())
    }
}

const TRUTH: &str = "it is true or false";
const SECONDS: &str = "it is a number of seconds from 1 to 31536000";

fn form(why: &str) -> BucketUrlError {
    BucketUrlError::Form(why.to_owned())
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn bucket(name: &str) -> Result<String, BucketUrlError> {
    if name.is_empty() || name.len() > 255 || !name.chars().all(is_of_name) {
        return Err(form(
            "the name of a bucket consists of letters, digits, `-`, `_` and `.`",
        ));
    }
    Ok(name.to_owned())
}

fn prefix(path: &str) -> Result<String, BucketUrlError> {
    let prefix = path.strip_prefix('/').unwrap_or(path);
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_good = |part: &str| {
        !part.is_empty() && !matches!(part, "." | "..") && part.chars().all(is_of_name)
    };
    if !prefix.is_empty() && !prefix.split('/').all(is_good) {
        return Err(form(
            "a prefix consists of letters, digits, `-`, `_` and `.`, with single slashes between",
        ));
    }
    Ok(prefix.to_owned())
}

fn endpoint(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    is_plain.then(|| url.as_str().trim_end_matches('/').to_owned())
}

fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok()?;
    (1..=31_536_000)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

fn nearest(name: &str) -> &'static str {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    PARAMETERS
        .into_iter()
        .min_by_key(distance)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_alone_is_at_aws() {
        let url: BucketUrl = "s3://gumnut-blobs".parse().unwrap();
        assert_eq!(
            (url.bucket.as_str(), url.prefix.as_str()),
            ("gumnut-blobs", "")
        );
        assert_eq!(url.endpoint, None);
        assert!(url.path_style && url.verify_etag);
        assert_eq!(url.orphan_grace, Duration::from_hours(24));
        assert_eq!(url.reader_grace, Duration::from_hours(1));
    }

    #[test]
    fn everything_can_be_said() {
        let text = "s3://b.ucket/one/two/?endpoint=http://rgw.internal:7480/&region=default&path-style=false\
                    &verify-etag=false&ca=/etc/ca%20of%20ours.pem&orphan-grace=4&reader-grace=1";
        let url: BucketUrl = text.parse().unwrap();
        assert_eq!(
            (url.bucket.as_str(), url.prefix.as_str()),
            ("b.ucket", "one/two")
        );
        assert_eq!(url.endpoint.as_deref(), Some("http://rgw.internal:7480"));
        assert_eq!(url.region, "default");
        assert!(!url.path_style && !url.verify_etag);
        assert_eq!(url.ca, Some("/etc/ca of ours.pem".into()));
        assert_eq!(url.orphan_grace, Duration::from_secs(4));
        assert_eq!(
            url.to_string(),
            "s3://b.ucket/one/two?endpoint=http://rgw.internal:7480"
        );
    }

    #[test]
    fn a_misspelt_parameter_is_refused_with_the_nearest() {
        for (name, expected) in [
            ("endpont", "endpoint"),
            ("pathstyle", "path-style"),
            ("verify_etag", "verify-etag"),
            ("regoin", "region"),
        ] {
            let error = format!("s3://b?{name}=x").parse::<BucketUrl>().unwrap_err();
            let BucketUrlError::Unknown { nearest, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(*nearest, expected);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for text in [
            "",
            "b",
            "http://b",
            "s3:b",
            "s3://",
            "s3:///prefix",
            "s3://key:secret@b",
            "s3://b:80",
            "s3://b#fragment",
            "s3://b/a//b",
            "s3://b/a%20b",
            "s3://b?endpoint=rgw:7480",
            "s3://b?endpoint=http://key:secret@rgw",
            "s3://b?endpoint=http://rgw/path",
            "s3://b?path-style=yes",
            "s3://b?region=",
            "s3://b?ca=",
            "s3://b?region=a&region=b",
            "s3://b?orphan-grace=0",
            "s3://b?reader-grace=1h",
            "s3://b?orphan-grace=99999999999",
        ] {
            assert!(text.parse::<BucketUrl>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(s3://)?[a-z/?&=:@#%0-9.-]{0,60}") {
            let _ = text.parse::<BucketUrl>();
        }
    }
}
