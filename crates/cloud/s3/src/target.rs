//! What a request is about: a bucket, an object, or the service. Path and host are read here, once.

use gumnut_cloud_objects::ObjectError;
use gumnut_signing::{decode_path, encode_path, percent_encode};
use http::header::HOST;
use http::request::Parts;

use crate::{S3Options, virtual_host};

/// The first element of the paths of the cloud's own services: behind it no bucket can be told from them.
const SERVICES: &str = "services";

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// `/`, `/BUCKET` or `/BUCKET/KEY`, decoded.
    path: String,
}

impl Target {
    /// Decodes a path, as [`sent_path`] gives it.
    pub(super) fn of(sent_path: &str) -> Result<Self, ObjectError> {
        let path = decode_path(sent_path).map_err(|_| ObjectError::InvalidUri)?;
        let target = Self { path };
        // Another path leads there, too, and a signature of version 2 does not show which was meant.
        if target.bucket() == SERVICES {
            return Err(ObjectError::InvalidBucketName);
        }
        Ok(target)
    }

    /// The name of the bucket; empty for the service.
    pub(super) fn bucket(&self) -> &str {
        self.path[1..].split('/').next().unwrap_or_default()
    }

    /// The key of the object; `None` for a bucket and the service.
    pub(super) fn key(&self) -> Option<&str> {
        let (_, key) = self.path[1..].split_once('/')?;
        (!key.is_empty()).then_some(key)
    }

    /// Whether the service itself is meant.
    pub(super) fn is_service(&self) -> bool {
        self.path == "/"
    }

    /// The path in the one encoding.
    pub(super) fn encoded(&self) -> String {
        encode_path(&self.path)
    }
}

/// The path behind the prefix of the service as it was sent, with the bucket in front if the host names it.
pub(super) fn sent_path(prefix: &str, head: &Parts, options: &S3Options) -> String {
    let path = match &head.uri.path()[prefix.len()..] {
        "" => "/",
        path => path,
    };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let bucket = host
        .filter(|_| prefix.is_empty())
        .and_then(|host| virtual_host::bucket(host, &options.domains));
    match bucket {
        // What is no name is encoded, so that nothing in it is taken for more than a name.
        Some(bucket) => format!("/{}{path}", percent_encode(&bucket)),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn target(host: &str, path: &str) -> Result<Target, ObjectError> {
        let request = Request::builder().uri(path).header("host", host);
        let (head, ()) = request.body(()).unwrap().into_parts();
        let options = S3Options::default();
        Target::of(&sent_path("", &head, &options))
    }

    #[test]
    fn buckets_and_keys_are_told_apart_when_the_path_is_decoded() {
        for (host, path, bucket, key) in [
            ("h", "/", "", None),
            ("h", "/b", "b", None),
            ("h", "/b/", "b", None),
            ("h", "/b/k", "b", Some("k")),
            ("h", "/b%2Fk", "b", Some("k")),
            ("h", "/b//k", "b", Some("/k")),
            ("h", "//k", "", Some("k")),
            ("h", "/b/a%2Fb+c%20", "b", Some("a/b+c ")),
            ("bucket.localhost", "/a/k", "bucket", Some("a/k")),
            ("bucket.localhost", "/", "bucket", None),
            ("b%2Fk.localhost", "/a", "b%2fk", Some("a")),
            ("b?acl.localhost", "/a", "b?acl", Some("a")),
        ] {
            let target = target(host, path).unwrap();
            assert_eq!(
                (target.bucket(), target.key()),
                (bucket, key),
                "{host} {path}"
            );
        }
        assert_eq!(target("h", "/b/%7e%2f=").unwrap().encoded(), "/b/~/%3D");
    }

    #[test]
    fn paths_that_could_be_taken_for_others_are_refused() {
        for (host, path, code) in [
            ("h", "/b/%FF", "InvalidURI"),
            ("h", "/services/Walrus/b/k", "InvalidBucketName"),
            ("h", "/services%2FWalrus/b/k", "InvalidBucketName"),
            ("services.localhost", "/Walrus/b/k", "InvalidBucketName"),
            ("services.walrus", "/", "InvalidBucketName"),
        ] {
            assert_eq!(
                target(host, path).unwrap_err().code(),
                code,
                "{host} {path}"
            );
        }
    }
}
