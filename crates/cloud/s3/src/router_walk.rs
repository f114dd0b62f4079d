//! The names that the protocol's layer finds operations by are the names that version 2 signs.

use std::sync::{Arc, Mutex};

use gumnut_signing::{RESPONSE_OVERRIDES, SUB_RESOURCES};
use http::Request;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3, S3Result, s3_error};

/// What S3's operations have behind the question mark of their URL, by the service's own model (botocore 1.43).
const IN_URLS: [&str; 41] = [
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
];
/// Parameters of operations, by the same model, and of other stores, that say how much of a thing and not which thing.
const PLAIN: [&str; 22] = [
    "bucket-region",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "events",
    "fetch-owner",
    "key-marker",
    "marker",
    "max-buckets",
    "max-directory-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "ping",
    "prefix",
    "start-after",
    "suffix",
    "upload-id-marker",
    "version-id-marker",
    "versionType",
    "x-amz-meta",
];

#[test]
fn every_name_of_the_model_is_signed() {
    for name in IN_URLS.iter().chain(&["website", "select-type"]) {
        assert!(SUB_RESOURCES.contains(name), "{name}");
    }
    assert_eq!(SUB_RESOURCES.len(), IN_URLS.len() + 2);
    assert!(SUB_RESOURCES.is_sorted_by(|a, b| a.to_ascii_lowercase() < b.to_ascii_lowercase()));
    let plain = |name: &&str| !SUB_RESOURCES.contains(name) && !RESPONSE_OVERRIDES.contains(name);
    assert!(PLAIN.iter().all(plain));
}

/// Remembers the operation that a request would be.
struct Remember(Arc<Mutex<Option<String>>>);

#[async_trait::async_trait]
impl S3Access for Remember {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        *self.0.lock().unwrap() = Some(cx.s3_op().name().to_owned());
        Err(s3_error!(AccessDenied))
    }
}

/// A store without operations, whose layer in front finds them anyway.
struct Nothing;

impl S3 for Nothing {}

struct Router {
    service: S3Service,
    found: Arc<Mutex<Option<String>>>,
}

impl Router {
    fn new() -> Self {
        let found = Arc::default();
        let mut builder = S3ServiceBuilder::new(Nothing);
        builder.set_auth(SimpleAuth::new());
        builder.set_access(Remember(Arc::clone(&found)));
        let service = builder.build();
        Self { service, found }
    }

    /// The operation of a request; `None` when there is none.
    async fn operation(&self, method: &str, path: &str, query: &[&str]) -> Option<String> {
        *self.found.lock().unwrap() = None;
        let uri = format!("{path}?{}", query.join("&"));
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("content-length", "0").body(Body::empty());
        self.service.call(request.unwrap()).await.unwrap();
        self.found.lock().unwrap().take()
    }
}

/// A name that is not signed changes nothing about what is done: adding it to a link of version 2 gives no other operation.
#[tokio::test]
async fn names_that_are_not_signed_choose_no_operation() {
    let router = Router::new();
    for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
        for path in ["/", "/bucket", "/bucket/k"] {
            for signed in [""].iter().chain(&SUB_RESOURCES) {
                let without = router.operation(method, path, &[signed]).await;
                for plain in PLAIN {
                    let added = format!("{plain}=2");
                    let with = router.operation(method, path, &[signed, &added]).await;
                    // Other stores send events there; it is refused here.
                    if plain != "events" || with.is_some() {
                        assert_eq!(with, without, "{method} {path}?{signed}&{plain}");
                    }
                }
            }
        }
    }
    // The two that choose, both with the rights that the other has.
    let second = router.operation("GET", "/bucket", &["list-type=2"]).await;
    assert_eq!(second.as_deref(), Some("ListObjectsV2"));
    let configured = router
        .operation("GET", "/bucket", &["metrics", "id=a"])
        .await;
    assert_eq!(configured.as_deref(), Some("GetBucketMetricsConfiguration"));
}

/// The walk sees what it is meant to see.
#[tokio::test]
async fn names_that_are_signed_choose_operations() {
    let router = Router::new();
    for (method, path, query, operation) in [
        ("PUT", "/bucket/k", "acl", "PutObjectAcl"),
        ("PUT", "/bucket/k", "retention", "PutObjectRetention"),
        ("PUT", "/bucket/k", "legal-hold", "PutObjectLegalHold"),
        ("GET", "/bucket/k", "attributes", "GetObjectAttributes"),
        (
            "GET",
            "/bucket",
            "object-lock",
            "GetObjectLockConfiguration",
        ),
        ("GET", "/bucket", "policyStatus", "GetBucketPolicyStatus"),
        ("DELETE", "/bucket/k", "", "DeleteObject"),
    ] {
        let found = router.operation(method, path, &[query]).await;
        assert_eq!(found.as_deref(), Some(operation));
    }
}
