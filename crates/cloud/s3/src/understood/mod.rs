//! What the store understands of a request: the one operation that it asks for, and that nothing in its query or its headers
//! would be dropped.
//!
//! S3 has more sub-resources and headers than this store, and gets new ones. A request that names one of them means something else
//! than the plain operation, which would delete a bucket or replace an object in its place. So there is one table of what each
//! operation understands, and what is not in it is refused or known to change nothing.

mod documents;
mod headers;
mod level;
mod names;
mod operations;

use gumnut_cloud_objects::ObjectError;
use gumnut_signing::Query;
use http::request::Parts;
use http::{HeaderMap, Method};

pub(super) use operations::{Body, Operation, TAGGING};

use level::Level;
use names::SUB_RESOURCES;
use operations::OPERATIONS;

/// The operation that a request asks for. The head is the one that the protocol's layer will see: without a signature, and with
/// parameters that stand for headers among the headers.
///
/// # Errors
/// [`ObjectError::NotImplemented`] for what S3 has and this store has not; [`ObjectError::MethodNotAllowed`] and
/// [`ObjectError::InvalidArgument`] for what S3 has not either.
pub(super) fn operation(head: &Parts) -> Result<&'static Operation, ObjectError> {
    let level = Level::of(head.uri.path())?;
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let query = query.map_err(|_| ObjectError::InvalidUri)?.into_pairs();
    let operation = find(head, level, &query)?;
    check_query(operation, &query)?;
    headers::check(&operation.understood(), &head.headers)?;
    Ok(operation)
}

/// The operation that method, path, sub-resources and the header of copies ask for.
fn find(
    head: &Parts,
    level: Level,
    query: &[(String, String)],
) -> Result<&'static Operation, ObjectError> {
    let has = |name: &str| query.iter().any(|(sent, _)| sent == name);
    let asked: Vec<_> = SUB_RESOURCES
        .iter()
        .filter(|known| has(known.name))
        .collect();
    let is_copy = head.headers.contains_key(headers::COPY_SOURCE);
    let lists_v2 = query
        .iter()
        .any(|(name, value)| name == "list-type" && value == "2");
    let fitting = OPERATIONS.iter().filter(|operation| {
        head.method == operation.method
            && operation.level == level
            && operation.asked_by.iter().all(|name| has(name))
            && asked
                .iter()
                .all(|known| operation.asked_by.contains(&known.name))
            && operation.is_copy.is_none_or(|copies| copies == is_copy)
            && operation.lists_v2.is_none_or(|v2| v2 == lists_v2)
    });
    // Of two that fit, such as one configuration by its id and a list of all, the one that asks for more.
    if let Some(operation) = fitting.max_by_key(|operation| operation.asked_by.len()) {
        return Ok(operation);
    }
    Err(refusal(&head.method, &head.headers, level, &asked))
}

/// Why there is no such operation.
fn refusal(
    method: &Method,
    headers: &HeaderMap,
    level: Level,
    asked: &[&names::SubResource],
) -> ObjectError {
    if let Some(absent) = asked.iter().find(|known| known.is_absent) {
        return ObjectError::NotImplemented.saying(format!(
            "This store does not have the sub-resource ?{} of S3.",
            absent.name
        ));
    }
    match asked {
        [] if headers::asks_for_another(headers) => ObjectError::not_implemented(
            "A header you provided requested a function that is not implemented.",
        ),
        [known] if !known.is_of(level) => ObjectError::argument(format!(
            "There is no ?{} sub-resource for {}",
            known.name,
            match level {
                Level::Service => "a service",
                Level::Bucket => "a bucket",
                Level::Object => "a key",
            }
        )),
        [known] if known.name == names::UPLOAD_ID && *method == Method::PUT => {
            ObjectError::argument("This operation needs both partNumber and uploadId.")
        }
        [] | [_] => ObjectError::MethodNotAllowed,
        [first, second, ..] => ObjectError::argument(format!(
            "Conflicting query string parameters: {}, {}",
            first.name, second.name
        )),
    }
}

/// Refuses parameters that would be dropped though they are to decide what becomes of an object or a bucket.
///
/// As in S3, names that begin with `x-` are for the log of the caller. Reads ignore what they do not know, and so do writes for
/// a name with a value; but what looks like a sub-resource, or is a parameter of another operation, is refused, and a deletion
/// takes nothing that it does not know.
fn check_query(operation: &Operation, query: &[(String, String)]) -> Result<(), ObjectError> {
    let version = query.iter().find(|(name, _)| name == names::VERSION_ID);
    if version.is_some_and(|(_, id)| id.is_empty()) {
        return Err(ObjectError::argument(
            "Version id cannot be the empty string",
        ));
    }
    if operation.reads() {
        let absent = query
            .iter()
            .find(|(name, _)| names::OTHER_PARAMETERS.contains(&name.as_str()));
        return absent.map_or(Ok(()), |(name, _)| {
            Err(ObjectError::NotImplemented.saying(format!(
                "This store does not understand the query parameter {name:?}."
            )))
        });
    }
    for (name, value) in query {
        let name = name.as_str();
        let lower = name.to_ascii_lowercase();
        if operation.takes(name) || lower.starts_with("x-") {
            continue;
        }
        if name == names::VERSION_ID {
            return Err(ObjectError::argument(
                "This operation does not accept a version-id.",
            ));
        }
        if names::is_known(&lower) {
            return Err(ObjectError::argument(format!(
                "This operation does not accept the query parameter {name:?}."
            )));
        }
        if value.is_empty() || operation.method == "DELETE" {
            return Err(ObjectError::NotImplemented.saying(format!(
                "This store does not know the query parameter {name:?}, and does not {} without knowing what it means.",
                if operation.method == "DELETE" { "delete" } else { "write" }
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<&'static str, &'static str> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        match operation(&head) {
            Ok(operation) => Ok(operation.name),
            Err(error) => Err(error.code()),
        }
    }

    #[test]
    fn paths_have_levels() {
        for (path, level) in [
            ("/", Level::Service),
            ("", Level::Service),
            ("/b", Level::Bucket),
            ("/b/", Level::Bucket),
            ("/b/k", Level::Object),
            ("/b//", Level::Object),
            ("/b%2Fk", Level::Object),
            ("/b%2F", Level::Bucket),
        ] {
            assert_eq!(Level::of(path).unwrap(), level, "{path}");
        }
    }

    #[test]
    fn each_request_asks_for_one_operation() {
        let copy = [("x-amz-copy-source", "/b/k")];
        for (method, target, headers, name) in [
            ("GET", "/", &[][..], "ListBuckets"),
            ("GET", "/b", &[], "ListObjects"),
            ("GET", "/b?list-type=2", &[], "ListObjectsV2"),
            ("GET", "/b?list-type=1", &[], "ListObjects"),
            ("GET", "/b?%76ersions", &[], "ListObjectVersions"),
            (
                "GET",
                "/b?analytics",
                &[],
                "ListBucketAnalyticsConfigurations",
            ),
            (
                "GET",
                "/b?analytics&id=1",
                &[],
                "GetBucketAnalyticsConfiguration",
            ),
            ("GET", "/b/k?foo=bar&12345", &[], "GetObject"),
            ("GET", "/b/k?uploadId=1&partNumber=3", &[], "ListParts"),
            ("PUT", "/b/k", &[], "PutObject"),
            ("PUT", "/b/k?x-id=PutObject&foo=bar", &[], "PutObject"),
            ("PUT", "/b/k", &copy, "CopyObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=2", &[], "UploadPart"),
            (
                "PUT",
                "/b/k?partNumber=1&uploadId=2",
                &copy,
                "UploadPartCopy",
            ),
            ("PUT", "/b/k?acl&versionId=3", &[], "PutObjectAcl"),
            ("PUT", "/b", &[], "CreateBucket"),
            ("POST", "/b?delete", &[], "DeleteObjects"),
            ("POST", "/b/k?uploads", &[], "CreateMultipartUpload"),
            ("POST", "/b/k?uploadId=1", &[], "CompleteMultipartUpload"),
            ("DELETE", "/b", &[], "DeleteBucket"),
            (
                "DELETE",
                "/b/k?versionId=1&x-id=DeleteObject",
                &[],
                "DeleteObject",
            ),
            ("DELETE", "/b/k?uploadId=1", &[], "AbortMultipartUpload"),
            ("HEAD", "/b/k?partNumber=1", &[], "HeadObject"),
        ] {
            assert_eq!(
                asked(method, target, headers),
                Ok(name),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_never_the_plain_operation() {
        for (method, target, code) in [
            ("DELETE", "/b?metadataConfiguration", "NotImplemented"),
            ("DELETE", "/b?metadata%43onfiguration", "NotImplemented"),
            ("PUT", "/b/k?annotation", "NotImplemented"),
            ("PUT", "/b/k?annotation=", "NotImplemented"),
            ("PUT", "/b/k?renameObject", "NotImplemented"),
            ("PUT", "/b/k?encryption", "NotImplemented"),
            ("HEAD", "/b?policy", "NotImplemented"),
            ("GET", "/?analytics", "NotImplemented"),
            ("GET", "/?bucket-region=eu-west-1", "NotImplemented"),
            ("PUT", "/b?acl&policy", "NotImplemented"),
            ("PUT", "/b?acl&cors", "InvalidArgument"),
            ("DELETE", "/b?acl", "MethodNotAllowed"),
            ("HEAD", "/b/k?acl", "MethodNotAllowed"),
            ("PUT", "/b/k?versioning", "InvalidArgument"),
            ("PUT", "/b/k?uploadId=1", "InvalidArgument"),
            ("PUT", "/b/k?partNumber=1", "InvalidArgument"),
            ("PUT", "/b/k?versionId=1", "InvalidArgument"),
            ("DELETE", "/b/k?versionId=", "InvalidArgument"),
            ("GET", "/b/k?versionId", "InvalidArgument"),
            ("DELETE", "/b?prefix=a", "InvalidArgument"),
            ("DELETE", "/b/k?versionid=1", "InvalidArgument"),
            ("PUT", "/b/k?Tagging", "InvalidArgument"),
            ("PUT", "/b/k?new-thing", "NotImplemented"),
            ("PUT", "/b/k?new-thing=", "NotImplemented"),
            ("POST", "/b?delete&new-thing", "NotImplemented"),
            ("DELETE", "/b?new-thing", "NotImplemented"),
            ("DELETE", "/b?new-thing=1", "NotImplemented"),
            ("DELETE", "/b/k?foo=bar", "NotImplemented"),
            ("POST", "/b", "MethodNotAllowed"),
            ("POST", "/b/k", "MethodNotAllowed"),
            ("PATCH", "/b/k", "MethodNotAllowed"),
        ] {
            assert_eq!(asked(method, target, &[]), Err(code), "{method} {target}");
        }
    }

    #[test]
    fn headers_are_those_of_the_operation() {
        let copy = ("x-amz-copy-source", "/b/k");
        for (method, target, headers, code) in [
            ("PUT", "/b/k", &[("x-amz-acl", "private")][..], ""),
            ("PUT", "/b/k", &[("x-amz-meta-a", "b")], ""),
            ("PUT", "/b/k", &[("x-amz-new-thing", "1")], "NotImplemented"),
            ("PUT", "/b/k", &[("x-amz-storage-class", "STANDARD")], ""),
            (
                "PUT",
                "/b/k",
                &[("x-amz-storage-class", "GLACIER")],
                "InvalidStorageClass",
            ),
            (
                "PUT",
                "/b/k",
                &[("x-amz-write-offset-bytes", "1")],
                "NotImplemented",
            ),
            (
                "PUT",
                "/b/k",
                &[("x-amz-checksum-sha512", "1")],
                "NotImplemented",
            ),
            ("PUT", "/b/k", &[("if-match", "*")], ""),
            (
                "PUT",
                "/b/k",
                &[("if-modified-since", "x")],
                "NotImplemented",
            ),
            (
                "PUT",
                "/b/k",
                &[("content-range", "bytes 0-1/2")],
                "NotImplemented",
            ),
            ("PUT", "/b/k", &[copy, ("if-none-match", "*")], ""),
            (
                "PUT",
                "/b/k",
                &[copy, ("x-amz-metadata-directive", "MERGE")],
                "InvalidArgument",
            ),
            (
                "PUT",
                "/b/k",
                &[("x-amz-metadata-directive", "COPY")],
                "NotImplemented",
            ),
            (
                "PUT",
                "/b",
                &[("x-amz-object-ownership", "ObjectWriter")],
                "",
            ),
            (
                "PUT",
                "/b",
                &[("x-amz-object-ownership", "BucketOwnerEnforced")],
                "NotImplemented",
            ),
            ("PUT", "/b?acl", &[("if-match", "*")], "NotImplemented"),
            (
                "PUT",
                "/b/k?partNumber=1&uploadId=2",
                &[("x-amz-meta-a", "b")],
                "NotImplemented",
            ),
        ] {
            let refused = asked(method, target, headers).err().unwrap_or_default();
            assert_eq!(refused, code, "{method} {target} {headers:?}");
        }
    }

    #[test]
    fn headers_of_deletions_and_reads() {
        for (method, target, headers, code) in [
            ("DELETE", "/b/k", &[("if-match", "*")][..], ""),
            (
                "DELETE",
                "/b/k",
                &[("if-none-match", "*")],
                "NotImplemented",
            ),
            ("DELETE", "/b/k", &[("x-amz-mfa", "1 2")], "NotImplemented"),
            ("DELETE", "/b", &[("if-match", "*")], "NotImplemented"),
            ("GET", "/b/k", &[("x-amz-request-payer", "requester")], ""),
            (
                "GET",
                "/b/k",
                &[("x-amz-request-payer", "owner")],
                "InvalidArgument",
            ),
            (
                "GET",
                "/b/k",
                &[("x-amz-server-side-encryption-customer-key", "x")],
                "NotImplemented",
            ),
            (
                "GET",
                "/b/k",
                &[("x-amz-meta-a", "b"), ("x-amz-date", "x")],
                "",
            ),
            (
                "POST",
                "/b",
                &[("x-amz-request-route", "x")],
                "NotImplemented",
            ),
        ] {
            let refused = asked(method, target, headers).err().unwrap_or_default();
            assert_eq!(refused, code, "{method} {target} {headers:?}");
        }
    }
}
