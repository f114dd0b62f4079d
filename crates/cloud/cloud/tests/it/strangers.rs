//! What strangers try in buckets that are open to them, and what clients ask that must not be half done.

use std::time::SystemTime;

use gumnut_cloud::{ImageRules, Profile};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::common::{Answer, Request, TestCloud, User};

/// Signs for a user; `None` for nobody.
async fn send(request: Request, user: Option<&User>) -> Answer {
    match user {
        Some(user) => request.v4(user).send().await,
        None => request.send().await,
    }
}

fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    headers.iter().fold(request, add)
}

/// A bucket into which everybody may write, with versions and locks.
async fn open_bucket() -> TestCloud {
    let cloud = TestCloud::start().await;
    let make = with(
        cloud.request("PUT", "/bucket"),
        &[
            ("x-amz-bucket-object-lock-enabled", "true"),
            ("x-amz-acl", "public-read-write"),
        ],
    );
    assert_eq!(make.v4(&cloud.alice).send().await.status, 200);
    cloud
}

/// Gives Bob full control of the bucket.
async fn trust_bob(cloud: &TestCloud) {
    let grants = format!(
        "id=\"{}\", id=\"{}\"",
        cloud.alice.owner_id, cloud.bob.owner_id
    );
    let acl = cloud
        .request("PUT", "/bucket?acl")
        .header("x-amz-grant-full-control", &grants);
    assert_eq!(acl.v4(&cloud.alice).send().await.status, 200);
}

/// So many days from now, as locks have it.
fn in_days(days: i64) -> String {
    let now = OffsetDateTime::from(SystemTime::now())
        .replace_nanosecond(0)
        .unwrap();
    (now + time::Duration::days(days)).format(&Rfc3339).unwrap()
}

async fn begin(cloud: &TestCloud, user: Option<&User>) -> String {
    let begun = send(cloud.request("POST", "/bucket/k?uploads"), user).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    begun.element("UploadId").to_owned()
}

async fn put_part(cloud: &TestCloud, user: Option<&User>, id: &str, body: &[u8]) -> Answer {
    let target = format!("/bucket/k?partNumber=1&uploadId={id}");
    send(cloud.request("PUT", &target).body(body), user).await
}

async fn complete(cloud: &TestCloud, user: Option<&User>, id: &str, etag: &str) -> Answer {
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let request = cloud.request("POST", &format!("/bucket/k?uploadId={id}"));
    send(request.body(list.as_bytes()), user).await
}

#[tokio::test]
async fn an_upload_is_the_initiators_and_the_bucket_owners() {
    let cloud = open_bucket().await;
    let (alice, bob) = (Some(&cloud.alice), Some(&cloud.bob));
    for (initiator, strangers) in [
        (alice, vec![bob, None]),
        (bob, vec![None]),
        (None, vec![bob, None]),
    ] {
        let id = begin(&cloud, initiator).await;
        // Only the owner can continue what nobody has signed for.
        let entitled = initiator.or(alice);
        let part = put_part(&cloud, entitled, &id, b"genuine").await;
        assert_eq!(part.status, 200, "{}", part.text());
        let etag = part.header("etag").to_owned();
        let target = format!("/bucket/k?uploadId={id}");
        for stranger in strangers {
            for answer in [
                put_part(&cloud, stranger, &id, b"forged!").await,
                send(cloud.request("GET", &target), stranger).await,
                send(cloud.request("DELETE", &target), stranger).await,
                complete(&cloud, stranger, &id, &etag).await,
            ] {
                assert_eq!(answer.refusal(), (403, "AccessDenied"));
            }
        }
        // Users who may list see who has begun it.
        let list = cloud.get(&cloud.alice, "/bucket?uploads").await;
        let shown = initiator.map_or("65a011a29cdf8ec533ec3d1ccaae921c", |user| &user.owner_id);
        let initiator_of = list.text().split("<Initiator>").nth(1).unwrap();
        assert!(initiator_of.contains(shown), "{}", list.text());
        let listed = cloud.get(&cloud.alice, &target).await;
        assert_eq!(listed.all("PartNumber"), ["1"]);
        let done = complete(&cloud, entitled, &id, &etag).await;
        assert_eq!(done.status, 200, "{}", done.text());
        let is_bobs = initiator.is_some_and(|user| user.owner_id == cloud.bob.owner_id);
        let read = if is_bobs { &cloud.bob } else { &cloud.alice };
        assert_eq!(cloud.get(read, "/bucket/k").await.text(), "genuine");
    }
    let id = begin(&cloud, bob).await;
    let abort = cloud
        .delete(&cloud.alice, &format!("/bucket/k?uploadId={id}"))
        .await;
    assert_eq!(abort.status, 204);
}

#[tokio::test]
async fn who_may_only_write_removes_no_version_for_good() {
    let cloud = open_bucket().await;
    let put = cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    let version = put.header("x-amz-version-id").to_owned();
    let target = format!("/bucket/k?versionId={version}");
    let list =
        format!("<Delete><Object><Key>k</Key><VersionId>{version}</VersionId></Object></Delete>");
    for stranger in [Some(&cloud.bob), None] {
        let deleted = send(cloud.request("DELETE", &target), stranger).await;
        assert_eq!(deleted.refusal(), (403, "AccessDenied"));
        let many = cloud
            .request("POST", "/bucket?delete")
            .body(list.as_bytes());
        let many = send(many, stranger).await;
        assert_eq!(
            (many.status.as_u16(), many.element("Code")),
            (200, "AccessDenied")
        );
        let bypass = [("x-amz-bypass-governance-retention", "true")];
        let passed = send(
            with(cloud.request("DELETE", "/bucket/k"), &bypass),
            stranger,
        )
        .await;
        assert_eq!(passed.refusal(), (403, "AccessDenied"));
    }
    assert_eq!(cloud.get(&cloud.alice, &target).await.text(), "text");
    // Without a version id the object is hidden, and can be had again.
    let hidden = cloud.request("DELETE", "/bucket/k").send().await;
    assert_eq!(hidden.header("x-amz-delete-marker"), "true");
    trust_bob(&cloud).await;
    assert_eq!(cloud.delete(&cloud.bob, &target).await.status, 204);
}

#[tokio::test]
async fn who_may_only_write_locks_nothing_and_nobody_for_ever() {
    let cloud = open_bucket().await;
    let tomorrow = in_days(1);
    let locked = [
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-object-lock-retain-until-date", &tomorrow),
    ];
    let held = [("x-amz-object-lock-legal-hold", "ON")];
    let copied = [("x-amz-copy-source", "/bucket/mine"), held[0]];
    cloud.put(&cloud.alice, "/bucket/mine", b"text").await;
    let public = cloud
        .request("PUT", "/bucket/mine?acl")
        .header("x-amz-acl", "public-read");
    assert_eq!(public.v4(&cloud.alice).send().await.status, 200);
    for stranger in [Some(&cloud.bob), None] {
        for (method, target, headers) in [
            ("PUT", "/bucket/k", &locked[..]),
            ("PUT", "/bucket/k", &held),
            ("PUT", "/bucket/k", &copied),
            ("POST", "/bucket/k?uploads", &locked),
            ("POST", "/bucket/k?uploads", &held),
        ] {
            let request = with(cloud.request(method, target), headers);
            let refused = send(request, stranger).await;
            assert_eq!(
                refused.refusal(),
                (403, "AccessDenied"),
                "{method} {headers:?}"
            );
        }
    }
    // Nor does the owner of an object lock it into the bucket of somebody else.
    assert_eq!(
        cloud.put(&cloud.bob, "/bucket/bobs", b"text").await.status,
        200
    );
    let document = "<LegalHold><Status>ON</Status></LegalHold>";
    let retention = format!(
        "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>{tomorrow}</RetainUntilDate></Retention>"
    );
    for (target, document) in [("legal-hold", document), ("retention", retention.as_str())] {
        let target = format!("/bucket/bobs?{target}");
        let refused = cloud.put(&cloud.bob, &target, document.as_bytes()).await;
        assert_eq!(refused.refusal(), (403, "AccessDenied"), "{target}");
    }
    trust_bob(&cloud).await;
    let allowed = with(cloud.request("PUT", "/bucket/k"), &locked);
    assert_eq!(allowed.v4(&cloud.bob).send().await.status, 200);
}

#[tokio::test]
async fn locks_end_within_a_hundred_years_and_do_not_begin_in_the_past() {
    let cloud = open_bucket().await;
    cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    for (until, status) in [
        (in_days(36_500), 200),
        (in_days(36_600), 400),
        ("9999-01-01T00:00:00Z".to_owned(), 400),
        (in_days(-1), 400),
        ("1970-01-01T00:00:00Z".to_owned(), 400),
    ] {
        let headers = [
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-object-lock-retain-until-date", until.as_str()),
        ];
        for (method, target) in [("PUT", "/bucket/new"), ("POST", "/bucket/new?uploads")] {
            let answer = with(cloud.request(method, target), &headers).v4(&cloud.alice);
            let answer = answer.send().await;
            assert_eq!(answer.status, status, "{method} {until}: {}", answer.text());
        }
        let document = format!(
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        let set = cloud
            .request("PUT", "/bucket/k?retention")
            .header("x-amz-bypass-governance-retention", "true");
        let set = set.body(document.as_bytes()).v4(&cloud.alice).send().await;
        assert_eq!(set.status, status, "{until}: {}", set.text());
    }
    for (rule, code) in [
        ("<Days>36501</Days>", "InvalidRetentionPeriod"),
        ("<Years>101</Years>", "InvalidRetentionPeriod"),
        ("<Years>2147483647</Years>", "InvalidRetentionPeriod"),
        ("<Years>100</Years>", ""),
    ] {
        let document = format!(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
             <Mode>GOVERNANCE</Mode>{rule}</DefaultRetention></Rule></ObjectLockConfiguration>"
        );
        let set = cloud
            .put(&cloud.alice, "/bucket?object-lock", document.as_bytes())
            .await;
        assert_eq!(set.element("Code"), code, "{rule}");
    }
}

#[tokio::test]
async fn no_key_is_longer_than_a_key_can_be() {
    let cloud = open_bucket().await;
    let (longest, long) = ("k".repeat(1024), "k".repeat(1025));
    let list = |key: &str| format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
    let delete = |key: &str| {
        cloud
            .request("POST", "/bucket?delete")
            .body(list(key).as_bytes())
            .send()
    };
    assert_eq!(delete(&longest).await.all("DeleteMarker"), ["true"]);
    for key in [long.clone(), "k".repeat(1_900_000)] {
        assert_eq!(delete(&key).await.refusal(), (400, "KeyTooLongError"));
    }
    assert_eq!(delete("").await.refusal(), (400, "MalformedXML"));
    let versions = cloud.get(&cloud.alice, "/bucket?versions").await;
    assert_eq!(versions.all("Key"), [longest.as_str()]);
    for name in ["prefix", "marker", "delimiter"] {
        let target = format!("/bucket?{name}={long}");
        let listed = cloud.get(&cloud.alice, &target).await;
        assert_eq!(listed.refusal(), (400, "KeyTooLongError"), "{name}");
    }
    for name in ["prefix", "key-marker", "delimiter"] {
        for of in ["versions", "uploads"] {
            let target = format!("/bucket?{of}&{name}={long}");
            let listed = cloud.get(&cloud.alice, &target).await;
            assert_eq!(listed.refusal(), (400, "KeyTooLongError"), "{of} {name}");
        }
    }
    let after = cloud
        .get(
            &cloud.alice,
            &format!("/bucket?list-type=2&start-after={long}"),
        )
        .await;
    assert_eq!(after.refusal(), (400, "KeyTooLongError"));
    let source = cloud
        .request("PUT", "/bucket/copy")
        .header("x-amz-copy-source", &format!("/bucket/{long}"));
    let source = source.v4(&cloud.alice).send().await;
    assert_eq!(source.status, 400, "{}", source.text());
}

#[tokio::test]
async fn a_page_of_the_longest_keys_is_bounded() {
    let cloud = open_bucket().await;
    let keys: Vec<_> = (0..1000).map(|number| format!("{number:01024}")).collect();
    // 1000 keys of the longest do not fit into one document, in which they are deleted, markers and all.
    for keys in keys.chunks(500) {
        let objects = keys
            .iter()
            .map(|key| format!("<Object><Key>{key}</Key></Object>"));
        let list = format!("<Delete>{}</Delete>", objects.collect::<String>());
        let many = cloud
            .request("POST", "/bucket?delete")
            .body(list.as_bytes());
        assert_eq!(many.send().await.all("DeleteMarker").len(), keys.len());
    }
    let (mut found, mut marker) = (Vec::new(), String::new());
    loop {
        let target = format!("/bucket?versions&max-keys=1000{marker}");
        let page = cloud.get(&cloud.alice, &target).await;
        assert!(page.body.len() < 1 << 20, "{} bytes", page.body.len());
        found.extend(page.all("Key").into_iter().map(str::to_owned));
        if page.element("IsTruncated") == "false" {
            break;
        }
        let (key, version) = (
            page.element("NextKeyMarker"),
            page.element("NextVersionIdMarker"),
        );
        marker = format!("&key-marker={key}&version-id-marker={version}");
    }
    assert_eq!(found, keys);
}

#[tokio::test]
async fn deletions_depend_on_what_is_there() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    let etag = put.header("etag").to_owned();
    let head = cloud
        .request("HEAD", "/bucket/k")
        .v4(&cloud.alice)
        .send()
        .await;
    let modified = head.header("last-modified").to_owned();
    let delete = |name: &'static str, value: String| {
        let request = cloud.request("DELETE", "/bucket/k").header(name, &value);
        request.v4(&cloud.alice).send()
    };
    for (name, value) in [
        ("if-match", "\"other\""),
        ("x-amz-if-match-size", "5"),
        (
            "x-amz-if-match-last-modified-time",
            "Mon, 01 Jan 2001 00:00:00 GMT",
        ),
    ] {
        let refused = delete(name, value.to_owned()).await;
        assert_eq!(refused.refusal(), (412, "PreconditionFailed"), "{name}");
    }
    let list = |conditions: &str| {
        let list = format!("<Delete><Object><Key>k</Key>{conditions}</Object></Delete>");
        let request = cloud
            .request("POST", "/bucket?delete")
            .body(list.as_bytes());
        request.v4(&cloud.alice).send()
    };
    for conditions in [
        "<ETag>\"other\"</ETag>",
        "<Size>5</Size>",
        "<LastModifiedTime>Mon, 01 Jan 2001 00:00:00 GMT</LastModifiedTime>",
    ] {
        let refused = list(conditions).await;
        assert_eq!(
            refused.element("Code"),
            "PreconditionFailed",
            "{conditions}"
        );
    }
    // An empty version id is not the newest version, and no element of the list is passed by.
    for broken in ["<VersionId></VersionId>", "<Version>x</Version>"] {
        assert_eq!(
            list(broken).await.refusal(),
            (400, "MalformedXML"),
            "{broken}"
        );
    }
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.text(), "text");
    let good =
        format!("<ETag>{etag}</ETag><Size>4</Size><LastModifiedTime>{modified}</LastModifiedTime>");
    assert_eq!(list(&good).await.all("Key"), ["k"]);
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.status, 404);
    assert_eq!(delete("if-match", "*".to_owned()).await.status, 412);
    cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    assert_eq!(delete("if-match", etag).await.status, 204);
}

#[tokio::test]
async fn copies_depend_on_their_target_and_on_the_owner_of_the_source() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/from", b"new").await;
    let old = cloud.put(&cloud.alice, "/bucket/to", b"old").await;
    let etag = old.header("etag").to_owned();
    let copy = |headers: &[(&str, &str)]| {
        let request = cloud
            .request("PUT", "/bucket/to")
            .header("x-amz-copy-source", "/bucket/from");
        with(request, headers).v4(&cloud.alice).send()
    };
    let bob = cloud.bob.owner_id.clone();
    for (headers, status) in [
        (&[("if-none-match", "*")][..], 412),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-match", "a, b")], 400),
        (&[("x-amz-tagging", "a=b")], 400),
        (&[("x-amz-source-expected-bucket-owner", bob.as_str())], 403),
        (
            &[("x-amz-source-expected-bucket-owner", "222222222222")],
            403,
        ),
    ] {
        assert_eq!(copy(headers).await.status, status, "{headers:?}");
        assert_eq!(cloud.get(&cloud.alice, "/bucket/to").await.text(), "old");
    }
    let alice = cloud.alice.owner_id.clone();
    let good = [
        ("if-match", etag.as_str()),
        ("x-amz-source-expected-bucket-owner", &alice),
    ];
    assert_eq!(copy(&good).await.status, 200);
    assert_eq!(cloud.get(&cloud.alice, "/bucket/to").await.text(), "new");
    // Clients send the metadata that the copy has anyway: without REPLACE it is that of the source.
    let kept = copy(&[("x-amz-meta-a", "b")]).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    let to = cloud.get(&cloud.alice, "/bucket/to").await;
    assert_eq!(to.header("x-amz-meta-a"), "");
    let id = {
        let begun = cloud
            .request("POST", "/bucket/k?uploads")
            .v4(&cloud.alice)
            .send()
            .await;
        begun.element("UploadId").to_owned()
    };
    let part = cloud.request("PUT", &format!("/bucket/k?partNumber=1&uploadId={id}"));
    let headers = [
        ("x-amz-copy-source", "/bucket/from"),
        ("x-amz-source-expected-bucket-owner", &bob),
    ];
    let part = with(part, &headers).v4(&cloud.alice).send().await;
    assert_eq!(part.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn settings_are_bounded() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let rule = |origins: usize| {
        let origins = "<AllowedOrigin>http://a.example</AllowedOrigin>".repeat(origins);
        format!("<CORSRule><AllowedMethod>GET</AllowedMethod>{origins}</CORSRule>")
    };
    let cors = |rules: &str| format!("<CORSConfiguration>{rules}</CORSConfiguration>");
    let long_id = rule(1).replace(
        "<CORSRule>",
        &format!("<CORSRule><ID>{}</ID>", "i".repeat(256)),
    );
    for (target, document, status, code) in [
        ("cors", cors(&rule(1).repeat(100)), 200, ""),
        ("cors", cors(&rule(1).repeat(101)), 400, "MalformedXML"),
        ("cors", cors(&rule(20_000)), 400, "MaxMessageLengthExceeded"),
        ("cors", cors(&long_id), 400, "MalformedXML"),
        ("cors", cors(&(rule(1) + "<Other/>")), 400, "MalformedXML"),
        ("tagging", format!("<Tagging>{}</Tagging>", " ".repeat(200 << 10)), 400, "MaxMessageLengthExceeded"),
        ("versioning", format!("<VersioningConfiguration>{}</VersioningConfiguration>", " ".repeat(9 << 10)), 400, "MaxMessageLengthExceeded"),
        ("acl", format!("<AccessControlPolicy>{}</AccessControlPolicy>", " ".repeat(200 << 10)), 400, "MaxMessageLengthExceeded"),
        ("versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>junk".to_owned(), 400, "MalformedXML"),
        ("acl", "<AccessControlPolicy/>".to_owned(), 400, "MalformedACLError"),
        ("versioning", "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>".to_owned(), 501, "NotImplemented"),
    ] {
        let target = format!("/bucket?{target}");
        let set = cloud.put(&cloud.alice, &target, document.as_bytes()).await;
        assert_eq!((set.status.as_u16(), set.element("Code")), (status, code), "{target}");
    }
    let create = |inside: &str| {
        let document = format!("<CreateBucketConfiguration>{inside}</CreateBucketConfiguration>");
        cloud
            .request("PUT", "/another")
            .body(document.as_bytes())
            .v4(&cloud.alice)
            .send()
    };
    for (inside, status, code) in [
        (
            "<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>".to_owned(),
            501,
            "NotImplemented",
        ),
        (
            "<Location><Name>x</Name><Type>AvailabilityZone</Type></Location>".to_owned(),
            501,
            "NotImplemented",
        ),
        (
            "<Bucket><Type>Directory</Type></Bucket>".to_owned(),
            501,
            "NotImplemented",
        ),
        (
            format!(
                "<LocationConstraint>{}</LocationConstraint>",
                "a".repeat(64)
            ),
            400,
            "InvalidLocationConstraint",
        ),
        (
            "<LocationConstraint>a&lt;b</LocationConstraint>".to_owned(),
            400,
            "InvalidLocationConstraint",
        ),
    ] {
        let made = create(&inside).await;
        assert_eq!(made.refusal(), (status, code), "{inside}");
    }
    assert_eq!(
        cloud.get(&cloud.alice, "/another").await.refusal(),
        (404, "NoSuchBucket")
    );
}

#[tokio::test]
async fn ranges_are_served_as_s3_serves_them() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/k", b"0123456789").await;
    cloud.put(&cloud.alice, "/bucket/empty", b"").await;
    let whole = "0123456789";
    for (range, status, text, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("Bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=-99", 206, whole, "bytes 0-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=-0", 416, "", "bytes */10"),
        ("bytes=4-2", 200, whole, ""),
        ("bytes=0-1,4-5", 200, whole, ""),
        ("bytes=0 - 1", 200, whole, ""),
        ("items=0-1", 200, whole, ""),
    ] {
        for method in ["GET", "HEAD"] {
            let request = cloud.request(method, "/bucket/k").header("range", range);
            let answer = request.v4(&cloud.alice).send().await;
            assert_eq!(answer.status, status, "{method} {range}: {}", answer.text());
            assert_eq!(
                answer.header("content-range"),
                content_range,
                "{method} {range}"
            );
            if status != 416 {
                assert_eq!(answer.header("content-length"), text.len().to_string());
                let body = if method == "GET" { text } else { "" };
                assert_eq!(answer.text(), body, "{method} {range}");
            }
        }
    }
    for (range, status, content_range) in [
        ("bytes=0--1", 200, ""),
        ("bytes=-5", 200, ""),
        ("bytes=0-0", 416, "bytes */0"),
        ("bytes=0-", 416, "bytes */0"),
    ] {
        let request = cloud.request("GET", "/bucket/empty").header("range", range);
        let answer = request.v4(&cloud.alice).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-range")),
            (status, content_range),
            "{range}"
        );
    }
    let changed = cloud
        .request("GET", "/bucket/k")
        .header("range", "bytes=0-1")
        .header("if-range", "\"other\"");
    assert_eq!(changed.v4(&cloud.alice).send().await.text(), whole);
}

#[tokio::test]
async fn checksums_that_cannot_be_compared_are_refused() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = |headers: &[(&str, &str)]| {
        let request = with(cloud.request("PUT", "/bucket/k"), headers);
        request.body(b"123456789").v4(&cloud.alice).send()
    };
    for (headers, status) in [
        (&[("x-amz-checksum-sha512", "AAAA")][..], 501),
        (&[("x-amz-checksum-xxhash64", "AAAA")], 501),
        (&[("x-amz-checksum-md5", "AAAA")], 501),
        (&[("x-amz-sdk-checksum-algorithm", "SHA512")], 400),
        (&[("x-amz-sdk-checksum-algorithm", "CRC32")], 400),
        (&[("x-amz-trailer", "x-amz-checksum-sha512")], 400),
        (&[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")], 400),
        (
            &[
                ("x-amz-checksum-type", "COMPOSITE"),
                ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ],
            400,
        ),
    ] {
        assert_eq!(put(headers).await.status, status, "{headers:?}");
        assert_eq!(
            cloud.get(&cloud.alice, "/bucket/k").await.status,
            404,
            "{headers:?}"
        );
    }
    let good = [
        ("x-amz-sdk-checksum-algorithm", "CRC64NVME"),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
    ];
    assert_eq!(put(&good).await.status, 200);
}

#[tokio::test]
async fn a_name_that_a_path_of_the_cloud_hides_is_no_buckets() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for name in ["services", "healthz", "metrics", "readyz"] {
        for target in [
            format!("/services/Walrus/{name}"),
            format!("/services/objectstorage/{name}"),
        ] {
            let made = cloud.put(&cloud.alice, &target, b"").await;
            assert_eq!(made.refusal(), (400, "InvalidBucketName"), "{target}");
        }
        let made = cloud.put(&cloud.alice, &format!("/{name}"), b"").await;
        let status = made.status.as_u16();
        assert!([400, 405].contains(&status), "{name}: {status}");
        let put = cloud
            .put(&cloud.alice, &format!("/{name}/k"), b"text")
            .await;
        let code = if name == "services" {
            "InvalidBucketName"
        } else {
            "NoSuchBucket"
        };
        assert_eq!(put.element("Code"), code, "{name}");
    }
    for page in ["/healthz", "/metrics", "/readyz"] {
        for method in ["PUT", "POST", "DELETE", "PATCH"] {
            let refused = cloud.request(method, page).body(b"text").send().await;
            assert_eq!(refused.status, 405, "{method} {page}");
            assert_eq!(refused.header("allow"), "GET, HEAD");
        }
        for method in ["GET", "HEAD"] {
            assert_eq!(
                cloud.request(method, page).send().await.status,
                200,
                "{method} {page}"
            );
        }
    }
    assert_eq!(cloud.get(&cloud.alice, "/").await.all("Name"), ["bucket"]);
}

#[tokio::test]
async fn clouds_of_eucalyptus_take_the_names_that_walrus_took() {
    for profile in [Profile::Euca16, Profile::Euca20, Profile::Euca44] {
        let cloud = TestCloud::start_with(|config| config.images = ImageRules::of(profile)).await;
        let long = "B".repeat(255);
        for name in ["Image_Bucket", "Upper.Case-1", "a..b", long.as_str()] {
            let made = cloud
                .put(&cloud.alice, &format!("/services/Walrus/{name}"), b"")
                .await;
            assert_eq!(made.status, 200, "{profile} {name}: {}", made.text());
            let put = cloud
                .put(&cloud.alice, &format!("/services/Walrus/{name}/k"), b"text")
                .await;
            assert_eq!(put.status, 200, "{profile} {name}");
        }
        let too_long = "B".repeat(256);
        for name in ["192.168.0.1", "ab", "a%20b", "services", too_long.as_str()] {
            let refused = cloud
                .put(&cloud.alice, &format!("/services/Walrus/{name}"), b"")
                .await;
            assert_eq!(
                refused.refusal(),
                (400, "InvalidBucketName"),
                "{profile} {name}"
            );
        }
    }
}

#[tokio::test]
async fn a_host_and_a_path_that_name_two_buckets_write_to_neither() {
    let cloud = TestCloud::start()
        .await
        .with_bucket("bucket")
        .await
        .with_bucket("other")
        .await;
    let port = cloud.endpoint().rsplit(':').next().unwrap().to_owned();
    let put = |host: String, target: &str| {
        let mut request = cloud.request("PUT", target).body(b"text");
        request.headers.retain(|(name, _)| name != "host");
        request.header("host", &host).v4(&cloud.alice).send()
    };
    let refused = put(
        format!("bucket.localhost:{port}"),
        "/services/Walrus/other/k",
    )
    .await;
    assert_eq!(refused.refusal(), (400, "InvalidRequest"));
    // A host that names no bucket of this cloud is the name of a machine.
    let machine = put(
        format!("cloud.localhost:{port}"),
        "/services/Walrus/other/k",
    )
    .await;
    assert_eq!(machine.status, 200, "{}", machine.text());
    // As Walrus has it: the host names the bucket, the path the service and the key.
    let walrus = put(
        format!("bucket.walrus.localhost:{port}"),
        "/services/Walrus/other/key",
    )
    .await;
    assert_eq!(walrus.status, 200, "{}", walrus.text());
    assert_eq!(
        cloud.get(&cloud.alice, "/bucket").await.all("Key"),
        ["other/key"]
    );
    assert_eq!(cloud.get(&cloud.alice, "/other").await.all("Key"), ["k"]);
}

#[tokio::test]
async fn what_a_header_in_a_query_says_counts() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for (query, status) in [
        ("x-amz-checksum-crc32=AAAAAA%3D%3D", 400),
        ("x-amz-expected-bucket-owner=222222222222", 403),
        ("x-amz-server-side-encryption=AES256", 501),
    ] {
        let put = cloud
            .request("PUT", &format!("/bucket/k?{query}"))
            .body(b"123456789");
        let put = put.v4_query(&cloud.alice, 60).send().await;
        assert_eq!(put.status, status, "{query}: {}", put.text());
    }
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.status, 404);
}
