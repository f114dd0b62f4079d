//! Every operation of S3, and every header of each, by the model of botocore: what the store has not is refused and changes nothing.
//!
//! The list is made by `tools/interop/scripts/s3_operations.py`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::common::{Answer, TestCloud};

/// What the list of operations is of.
const OPERATIONS: &str = include_str!("../../fixtures/s3-operations.txt");

/// An operation of the model.
struct Operation {
    name: &'static str,
    method: &'static str,
    uri: &'static str,
    /// Names in the query beside those in the URI.
    parameters: Vec<&'static str>,
    /// In lower case.
    headers: Vec<&'static str>,
}

fn operations() -> Vec<Operation> {
    let list = |text: &'static str| text.split(',').filter(|name| *name != "-").collect();
    let lines = OPERATIONS.lines().filter(|line| !line.starts_with('#'));
    let operations = lines.map(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        let [name, method, uri, parameters, headers] = fields[..] else {
            panic!("{line}");
        };
        Operation {
            name,
            method,
            uri,
            parameters: list(parameters),
            headers: list(headers),
        }
    });
    operations.collect()
}

impl Operation {
    /// The target on the bucket of this test, with what the model requires in the query.
    fn target(&self) -> String {
        let path = self
            .uri
            .replace("{Bucket}", "bucket")
            .replace("{Key+}", "k");
        let required = self
            .parameters
            .iter()
            .filter_map(|name| name.strip_suffix('!'));
        let query: Vec<_> = required
            .map(|name| format!("{name}={}", if name == "partNumber" { "1" } else { "x" }))
            .collect();
        let sign = if path.contains('?') { "&" } else { "?" };
        if query.is_empty() {
            path
        } else {
            format!("{path}{sign}{}", query.join("&"))
        }
    }

    /// The sub-resource in the URI; `None` for plain operations.
    fn sub_resource(&self) -> Option<&'static str> {
        let (_, query) = self.uri.split_once('?')?;
        query.split('&').next()
    }
}

/// Operations that change something and that the store has: other tests do them.
const WRITES: [&str; 31] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteBucketCors",
    "DeleteBucketTagging",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "DeletePublicAccessBlock",
    "PutBucketAcl",
    "PutBucketCors",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutPublicAccessBlock",
    "UploadPart",
    "UploadPartCopy",
    // Reads that need something that the bucket of this test has not.
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTorrent",
    "ListParts",
    "GetObjectAttributes",
    "ListDirectoryBuckets",
];

/// Reads, and what the owner of a bucket hears who has never set anything: status, and the code or an element of the answer.
const READS: [(&str, u16, &str); 41] = [
    (
        "GetBucketAccelerateConfiguration",
        200,
        "<AccelerateConfiguration",
    ),
    ("GetBucketAcl", 200, "<AccessControlPolicy"),
    (
        "GetBucketAnalyticsConfiguration",
        404,
        "NoSuchConfiguration",
    ),
    ("GetBucketCors", 404, "NoSuchCORSConfiguration"),
    (
        "GetBucketEncryption",
        404,
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    (
        "GetBucketIntelligentTieringConfiguration",
        404,
        "NoSuchConfiguration",
    ),
    (
        "GetBucketInventoryConfiguration",
        404,
        "NoSuchConfiguration",
    ),
    ("GetBucketLifecycle", 404, "NoSuchLifecycleConfiguration"),
    (
        "GetBucketLifecycleConfiguration",
        404,
        "NoSuchLifecycleConfiguration",
    ),
    ("GetBucketLocation", 200, "<LocationConstraint"),
    ("GetBucketLogging", 200, "<BucketLoggingStatus"),
    ("GetBucketMetricsConfiguration", 404, "NoSuchConfiguration"),
    ("GetBucketNotification", 200, "<NotificationConfiguration"),
    (
        "GetBucketNotificationConfiguration",
        200,
        "<NotificationConfiguration",
    ),
    (
        "GetBucketOwnershipControls",
        404,
        "OwnershipControlsNotFoundError",
    ),
    ("GetBucketPolicy", 404, "NoSuchBucketPolicy"),
    ("GetBucketPolicyStatus", 200, "<IsPublic>false"),
    (
        "GetBucketReplication",
        404,
        "ReplicationConfigurationNotFoundError",
    ),
    ("GetBucketRequestPayment", 200, "<Payer>BucketOwner"),
    ("GetBucketTagging", 404, "NoSuchTagSet"),
    ("GetBucketVersioning", 200, "<VersioningConfiguration"),
    ("GetBucketWebsite", 404, "NoSuchWebsiteConfiguration"),
    ("GetObject", 200, "text of k"),
    ("GetObjectAcl", 200, "<AccessControlPolicy"),
    (
        "GetObjectLockConfiguration",
        404,
        "ObjectLockConfigurationNotFoundError",
    ),
    ("GetObjectTagging", 200, "<Tagging"),
    (
        "GetPublicAccessBlock",
        404,
        "NoSuchPublicAccessBlockConfiguration",
    ),
    ("HeadBucket", 200, ""),
    ("HeadObject", 200, ""),
    (
        "ListBucketAnalyticsConfigurations",
        200,
        "<IsTruncated>false",
    ),
    (
        "ListBucketIntelligentTieringConfigurations",
        200,
        "<IsTruncated>false",
    ),
    (
        "ListBucketInventoryConfigurations",
        200,
        "<IsTruncated>false",
    ),
    ("ListBucketMetricsConfigurations", 200, "<IsTruncated>false"),
    ("ListBuckets", 200, "<Name>bucket"),
    ("ListMultipartUploads", 200, "<UploadId>"),
    ("ListObjectVersions", 200, "<VersionId>null"),
    ("ListObjects", 200, "<Key>k"),
    ("ListObjectsV2", 200, "<KeyCount>2"),
    // Of the bucket `WriteGetObjectResponse`, which cannot be.
    ("WriteGetObjectResponse", 501, "NotImplemented"),
    ("GetBucketAbac", 501, "NotImplemented"),
    ("CreateSession", 501, "NotImplemented"),
];

/// A cloud with a bucket, two objects in it and an upload to it.
async fn start() -> TestCloud {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for key in ["k", "other"] {
        let text = format!("text of {key}");
        let target = format!("/bucket/{key}");
        assert_eq!(
            cloud
                .put(&cloud.alice, &target, text.as_bytes())
                .await
                .status,
            200
        );
    }
    let begin = cloud.request("POST", "/bucket/k?uploads").v4(&cloud.alice);
    assert_eq!(begin.send().await.status, 200);
    cloud
}

/// All that a wrong answer could have changed.
async fn state(cloud: &TestCloud) -> String {
    let mut all = String::new();
    for target in [
        "/",
        "/bucket?versions",
        "/bucket?uploads",
        "/bucket?acl",
        "/bucket?tagging",
        "/bucket?cors",
        "/bucket?versioning",
        "/bucket?object-lock",
        "/bucket?publicAccessBlock",
        "/bucket/k",
        "/bucket/k?acl",
        "/bucket/k?tagging",
        "/bucket/other",
    ] {
        let answer = cloud.get(&cloud.alice, target).await;
        let text = answer.text();
        // Each refusal has an id of its own.
        let text = text.split("<RequestId>").next().unwrap();
        writeln!(all, "{target} {} {text}", answer.status).unwrap();
    }
    all
}

async fn ask(cloud: &TestCloud, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = cloud.request(method, target);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.v4(&cloud.alice).send().await
}

#[tokio::test]
async fn every_operation_is_answered_for_what_it_is() {
    let cloud = start().await;
    let before = state(&cloud).await;
    let mut refused = 0;
    for operation in operations() {
        if WRITES.contains(&operation.name) {
            continue;
        }
        let target = operation.target();
        let required: &[_] = if operation.name == "WriteGetObjectResponse" {
            &[("x-amz-request-route", "r"), ("x-amz-request-token", "t")]
        } else {
            &[]
        };
        let answer = ask(&cloud, operation.method, &target, required).await;
        let told = format!("{} {} {target}", operation.name, operation.method);
        let known = READS.iter().find(|(name, ..)| *name == operation.name);
        if let Some((_, status, text)) = known {
            assert_eq!(answer.status, *status, "{told}: {}", answer.text());
            assert!(answer.text().contains(text), "{told}: {}", answer.text());
        } else {
            assert_eq!(answer.refusal(), (501, "NotImplemented"), "{told}");
            refused += 1;
        }
        assert_eq!(state(&cloud).await, before, "{told}");
    }
    assert!(refused > 40, "{refused}");
}

#[tokio::test]
async fn the_lists_of_this_test_are_of_the_model() {
    let operations = operations();
    for name in WRITES.iter().chain(READS.iter().map(|(name, ..)| name)) {
        assert!(
            operations.iter().any(|operation| operation.name == *name),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_sub_resource_is_never_the_plain_operation_whatever_the_method() {
    let cloud = start().await;
    let before = state(&cloud).await;
    let operations = operations();
    let known: BTreeSet<_> = operations
        .iter()
        .filter_map(Operation::sub_resource)
        .collect();
    assert!(known.contains("annotation") && known.contains("metadataConfiguration"));
    let had = |method: &str, path: &str, name: &str| {
        let level = path.matches('/').count() == 2;
        operations.iter().any(|operation| {
            path != "/"
                && operation.method == method
                && operation.sub_resource() == Some(name)
                && operation.uri.contains("{Key+}") == level
                && (WRITES.contains(&operation.name)
                    || READS
                        .iter()
                        .any(|(read, status, _)| *read == operation.name && *status != 501))
        })
    };
    // The store has these itself, with other methods or for the other level: what S3 has not either.
    let here = [
        "acl",
        "attributes",
        "cors",
        "delete",
        "legal-hold",
        "list-type=2",
        "location",
        "object-lock",
        "policyStatus",
        "publicAccessBlock",
        "retention",
        "tagging",
        "torrent",
        "uploads",
        "versioning",
        "versions",
    ];
    for name in known {
        for path in ["/", "/bucket", "/bucket/k"] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
                if had(method, path, name)
                    || name == "list-type=2" && matches!(method, "GET" | "HEAD")
                {
                    continue;
                }
                let target = format!("{path}?{name}");
                let answer = ask(&cloud, method, &target, &[]).await;
                let status = answer.status.as_u16();
                let expected: &[u16] = match (here.contains(&name), path, method) {
                    (_, "/", "PUT" | "POST" | "DELETE") => &[405],
                    (true, ..) => &[400, 405],
                    (false, ..) => &[501],
                };
                assert!(expected.contains(&status), "{method} {target}: {status}");
            }
        }
        assert_eq!(state(&cloud).await, before, "{name}");
    }
}

#[tokio::test]
async fn names_that_nobody_knows_write_and_delete_nothing() {
    let cloud = start().await;
    let before = state(&cloud).await;
    for (method, target) in [
        ("PUT", "/bucket/k?newThing"),
        ("PUT", "/bucket/k?newThing="),
        ("PUT", "/bucket/k?new%54hing"),
        ("PUT", "/bucket?newThing"),
        ("POST", "/bucket/k?newThing"),
        ("POST", "/bucket?delete&newThing"),
        ("DELETE", "/bucket?newThing"),
        ("DELETE", "/bucket/k?newThing"),
        ("DELETE", "/bucket/k?newThing=1"),
        ("DELETE", "/bucket/k?versionid=null"),
        ("DELETE", "/bucket/k?versionId="),
        ("DELETE", "/bucket/k?partNumber=1"),
        ("DELETE", "/bucket?prefix=o"),
        ("PUT", "/bucket/k?partNumber=1"),
        ("PUT", "/bucket/k?uploadId=1"),
        ("PUT", "/bucket/k?versionId=null"),
        ("PUT", "/bucket/k?Tagging"),
        ("PUT", "/bucket/k?uploadid=1&partnumber=1"),
        ("PUT", "/bucket?acl&cors"),
        ("DELETE", "/bucket?tagging&cors"),
    ] {
        let answer = ask(&cloud, method, target, &[]).await;
        let status = answer.status.as_u16();
        assert!(
            [400, 405, 501].contains(&status),
            "{method} {target}: {status}"
        );
        assert_eq!(state(&cloud).await, before, "{method} {target}");
    }
    // Notes for the log of a client, and what is ignored by every store.
    for target in [
        "/bucket/new?x-id=PutObject",
        "/bucket/new?foo=bar",
        "/bucket/new?x-trace",
    ] {
        assert_eq!(
            ask(&cloud, "PUT", target, &[]).await.status,
            200,
            "{target}"
        );
    }
    for target in [
        "/bucket/k?x-id=GetObject",
        "/bucket/k?12345",
        "/bucket/k?foo=bar",
    ] {
        assert_eq!(
            ask(&cloud, "GET", target, &[]).await.text(),
            "text of k",
            "{target}"
        );
    }
    let gone = ask(&cloud, "DELETE", "/bucket/new?x-id=DeleteObject", &[]).await;
    assert_eq!(gone.status, 204);
}

/// Headers that mean something here, for every operation that has them in the model; that they do is tested where they are used.
const UNDERSTOOD: [&str; 50] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
    "x-amz-acl",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-bypass-governance-retention",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-mode",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-type",
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-copy-source-range",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-if-match-last-modified-time",
    "x-amz-if-match-size",
    "x-amz-max-parts",
    "x-amz-meta-",
    "x-amz-metadata-directive",
    "x-amz-mp-object-size",
    "x-amz-object-attributes",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-part-number-marker",
    "x-amz-source-expected-bucket-owner",
    "x-amz-tagging",
    "x-amz-tagging-directive",
];

#[tokio::test]
async fn a_header_of_the_model_is_understood_or_refused() {
    let cloud = start().await;
    let before = state(&cloud).await;
    let mut refused = BTreeSet::new();
    for operation in operations() {
        let is_had = WRITES.contains(&operation.name)
            || READS
                .iter()
                .any(|(name, status, _)| *name == operation.name && *status != 501);
        if !is_had {
            continue;
        }
        let source = ("x-amz-copy-source", "/bucket/other");
        for name in &operation.headers {
            if UNDERSTOOD.contains(name) {
                continue;
            }
            // No value of these is understood but the one that each has here anyway.
            let header = (*name, "unheard-of");
            let copies = operation.headers.contains(&source.0);
            let headers = if copies {
                vec![source, header]
            } else {
                vec![header]
            };
            let target = operation.target();
            let answer = ask(&cloud, operation.method, &target, &headers).await;
            let told = format!("{} with {name}", operation.name);
            let status = answer.status.as_u16();
            assert!(
                [400, 501].contains(&status),
                "{told}: {status} {}",
                answer.text()
            );
            refused.insert(*name);
        }
        assert_eq!(state(&cloud).await, before, "{}", operation.name);
    }
    for name in [
        "x-amz-checksum-xxhash64",
        "x-amz-mfa",
        "x-amz-object-ownership",
        "x-amz-request-payer",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
        "x-amz-write-offset-bytes",
    ] {
        assert!(refused.contains(name), "{name}");
    }
}

#[tokio::test]
async fn settings_that_were_never_made_are_told_to_the_owner_alone() {
    let cloud = start().await;
    for (name, query) in [
        ("bucket", "lifecycle"),
        ("bucket", "policy"),
        ("bucket", "encryption"),
        ("bucket", "logging"),
        ("bucket", "inventory"),
        ("bucket", "metrics&id=1"),
        ("bucket", "ownershipControls"),
    ] {
        let target = format!("/{name}?{query}");
        let others = cloud.get(&cloud.bob, &target).await;
        assert_eq!(others.refusal(), (403, "AccessDenied"), "{target}");
        let nobody = cloud.request("GET", &target).send().await;
        assert_eq!(nobody.refusal(), (403, "AccessDenied"), "{target}");
        let target = format!("/nowhere?{query}");
        let nowhere = cloud.get(&cloud.alice, &target).await;
        assert_eq!(nowhere.refusal(), (404, "NoSuchBucket"), "{target}");
    }
}
