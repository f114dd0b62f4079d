//! Objects and buckets.

use crate::common::{TestCloud, User};

#[tokio::test]
async fn an_object_comes_back_with_all_that_was_said_of_it() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud
        .request("PUT", "/bucket/a/b%20c+d")
        .header("content-type", "text/x-test")
        .header("cache-control", "no-store")
        .header("x-amz-meta-colour", "green")
        .body(b"hello world")
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(put.status, 200, "{}", put.text());
    let etag = "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"";
    assert_eq!(put.header("etag"), etag);

    let get = cloud.get(&cloud.alice, "/bucket/a/b%20c+d").await;
    assert_eq!(get.status, 200);
    assert_eq!(get.text(), "hello world");
    let head = cloud
        .request("HEAD", "/bucket/a/b%20c+d")
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    for answer in [get, head] {
        assert_eq!(answer.header("etag"), etag);
        assert_eq!(answer.header("content-length"), "11");
        assert_eq!(answer.header("content-type"), "text/x-test");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-amz-meta-colour"), "green");
        assert_eq!(answer.header("accept-ranges"), "bytes");
    }
}

#[tokio::test]
async fn ranges_and_conditions() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/k", b"0123456789").await;
    let with = |name: &'static str, value: &'static str| {
        let request = cloud.request("GET", "/bucket/k").header(name, value);
        request.v4(&cloud.alice).send()
    };
    for (range, text, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
    ] {
        let answer = with("range", range).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.text(), text);
        assert_eq!(answer.header("content-range"), content_range);
    }
    assert_eq!(
        with("range", "bytes=10-").await.refusal(),
        (416, "InvalidRange")
    );

    let etag = "\"781e5e245d69b566979b86e28d23f2c7\"";
    let past = "Mon, 01 Jan 2001 00:00:00 GMT";
    assert_eq!(with("if-match", etag).await.status, 200);
    assert_eq!(
        with("if-match", "\"other\"").await.refusal(),
        (412, "PreconditionFailed")
    );
    assert_eq!(with("if-modified-since", past).await.status, 200);
    assert_eq!(with("if-unmodified-since", past).await.status, 412);
    let unchanged = with("if-none-match", etag).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
}

#[tokio::test]
async fn writing_can_depend_on_what_is_there() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = |name: &'static str, value: String, body: &'static [u8]| {
        let request = cloud.request("PUT", "/bucket/k").header(name, &value);
        request.body(body).v4(&cloud.alice).send()
    };
    let any = || "*".to_owned();
    assert_eq!(put("if-match", any(), b"zero").await.status, 404);
    let first = put("if-none-match", any(), b"one").await;
    assert_eq!(first.status, 200);
    assert_eq!(put("if-none-match", any(), b"two").await.status, 412);
    let etag = first.header("etag").to_owned();
    assert_eq!(put("if-match", etag.clone(), b"three").await.status, 200);
    assert_eq!(put("if-match", etag, b"four").await.status, 412);
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.text(), "three");
}

#[tokio::test]
async fn what_is_said_of_a_body_is_compared_with_it() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = |name: &'static str, value: &'static str| {
        let request = cloud.request("PUT", "/bucket/k").header(name, value);
        request.body(b"123456789").v4(&cloud.alice).send()
    };
    assert_eq!(
        put("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==").await.status,
        200
    );
    assert_eq!(put("x-amz-checksum-crc32", "y/Q5Jg==").await.status, 200);
    cloud.delete(&cloud.alice, "/bucket/k").await;
    for (name, value, code) in [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("content-md5", "not base64", "InvalidDigest"),
        ("content-md5", "AAAA", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-sha256", "AAAAAA==", "BadDigest"),
    ] {
        assert_eq!(
            put(name, value).await.refusal(),
            (400, code),
            "{name}: {value}"
        );
    }
    assert_eq!(
        cloud.get(&cloud.alice, "/bucket/k").await.refusal(),
        (404, "NoSuchKey")
    );
}

#[tokio::test]
async fn a_checksum_is_kept_and_told_on_request_and_never_with_a_range() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud
        .request("PUT", "/bucket/k")
        .header("x-amz-checksum-crc32", "y/Q5Jg==");
    let put = put.body(b"123456789").v4(&cloud.alice).send().await;
    assert_eq!(put.header("x-amz-checksum-crc32"), "y/Q5Jg==");
    let get = |headers: &[(&str, &str)]| {
        let mut request = cloud.request("GET", "/bucket/k");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.v4(&cloud.alice).send()
    };
    let mode = ("x-amz-checksum-mode", "ENABLED");
    assert_eq!(
        get(&[mode]).await.header("x-amz-checksum-crc32"),
        "y/Q5Jg=="
    );
    assert_eq!(get(&[]).await.header("x-amz-checksum-crc32"), "");
    let ranged = get(&[mode, ("range", "bytes=0-1")]).await;
    assert_eq!(ranged.header("x-amz-checksum-crc32"), "");
}

#[tokio::test]
async fn listings_fold_and_go_on() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for key in ["a/1", "a/2", "b", "c/1", "d%20e"] {
        cloud
            .put(&cloud.alice, &format!("/bucket/{key}"), b"x")
            .await;
    }
    let list = |query: &str| {
        let target = format!("/bucket?{query}");
        let request = cloud.request("GET", &target);
        request.v4(&cloud.alice).send()
    };
    let all = list("").await;
    assert_eq!(all.all("Key"), ["a/1", "a/2", "b", "c/1", "d e"]);
    assert_eq!(all.element("ETag"), "\"9dd4e461268c8034f5c8564e155c67a6\"");
    assert!(
        all.text()
            .contains("http://s3.amazonaws.com/doc/2006-03-01/"),
        "{}",
        all.text()
    );
    assert_eq!(
        list("encoding-type=url&prefix=d").await.all("Key"),
        ["d%20e"]
    );

    let page = list("delimiter=/&max-keys=2").await;
    assert_eq!(
        (page.all("Key"), page.element("IsTruncated")),
        (vec!["b"], "true")
    );
    assert_eq!(page.element("NextMarker"), "b");
    let rest = list("delimiter=/&marker=b").await;
    assert_eq!(rest.all("Key"), ["d e"]);
    assert!(
        rest.text()
            .contains("<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>")
    );

    let page = list("list-type=2&max-keys=3").await;
    assert_eq!(page.element("KeyCount"), "3");
    let token = page.element("NextContinuationToken");
    let rest = list(&format!("list-type=2&continuation-token={token}")).await;
    assert_eq!(rest.all("Key"), ["c/1", "d e"]);
    assert_eq!(rest.element("IsTruncated"), "false");

    let none = list("max-keys=0").await;
    assert_eq!((none.status.as_u16(), none.all("Key").len()), (200, 0));
    assert_eq!(
        list("max-keys=-1").await.refusal(),
        (400, "InvalidArgument")
    );
    let versions = list("versions").await;
    assert_eq!(versions.all("VersionId").len(), 5);
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for key in ["a", "b", "c"] {
        cloud
            .put(&cloud.alice, &format!("/bucket/{key}"), b"x")
            .await;
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object>\
                <Object><Key>never</Key></Object></Delete>";
    let delete = cloud
        .request("POST", "/bucket?delete")
        .body(body.as_bytes());
    let answer = delete.v4(&cloud.alice).send().await;
    assert_eq!(answer.all("Key"), ["a", "b", "never"]);
    assert_eq!(cloud.get(&cloud.alice, "/bucket").await.all("Key"), ["c"]);
    let broken = cloud
        .request("POST", "/bucket?delete")
        .body(b"<Delete><Obj");
    assert_eq!(
        broken.v4(&cloud.alice).send().await.refusal(),
        (400, "MalformedXML")
    );
}

#[tokio::test]
async fn copies_are_new_objects() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud
        .request("PUT", "/bucket/from%20here")
        .header("x-amz-meta-a", "1");
    put.body(b"text").v4(&cloud.alice).send().await;
    let copy = |target: &str, headers: &[(&str, &str)]| {
        let mut request = cloud.request("PUT", target);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.v4(&cloud.alice).send()
    };
    let source = ("x-amz-copy-source", "/bucket/from%20here");
    let replace = ("x-amz-metadata-directive", "REPLACE");
    let done = copy("/bucket/to", &[source]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.element("ETag"), "\"1cb251ec0d568de6a929b520c4aed8d1\"");
    cloud.delete(&cloud.alice, "/bucket/from%20here").await;
    let get = cloud.get(&cloud.alice, "/bucket/to").await;
    assert_eq!((get.text(), get.header("x-amz-meta-a")), ("text", "1"));

    let onto_itself = ("x-amz-copy-source", "bucket/to");
    assert_eq!(
        copy("/bucket/to", &[onto_itself]).await.refusal(),
        (400, "InvalidRequest")
    );
    let new = ("x-amz-meta-b", "2");
    assert_eq!(
        copy("/bucket/to", &[onto_itself, replace, new])
            .await
            .status,
        200
    );
    let get = cloud.get(&cloud.alice, "/bucket/to").await;
    assert_eq!(
        (get.header("x-amz-meta-a"), get.header("x-amz-meta-b")),
        ("", "2")
    );
    assert_eq!(
        copy("/bucket/x", &[source]).await.refusal(),
        (404, "NoSuchKey")
    );
}

#[tokio::test]
async fn buckets_have_rules() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let (alice, bob) = (&cloud.alice, &cloud.bob);
    assert_eq!(cloud.put(alice, "/bucket", b"").await.status, 200);
    assert_eq!(
        cloud.put(bob, "/bucket", b"").await.refusal(),
        (409, "BucketAlreadyExists")
    );
    for name in ["ab", "Upper", "192.168.0.1", "a..b", "under_score"] {
        let answer = cloud.put(alice, &format!("/{name}"), b"").await;
        assert_eq!(answer.refusal(), (400, "InvalidBucketName"), "{name}");
    }
    assert_eq!(
        cloud.put(alice, "/", b"").await.refusal(),
        (405, "MethodNotAllowed")
    );
    assert_eq!(
        cloud.get(alice, "/nobucket?max-keys=0").await.refusal(),
        (404, "NoSuchBucket")
    );
    assert_eq!(cloud.get(bob, "/").await.all("Name").len(), 0);
    assert_eq!(cloud.get(alice, "/").await.all("Name"), ["bucket"]);

    cloud.put(alice, "/bucket/k", b"").await;
    assert_eq!(
        cloud.delete(alice, "/bucket").await.refusal(),
        (409, "BucketNotEmpty")
    );
    assert_eq!(cloud.delete(alice, "/bucket/k").await.status, 204);
    assert_eq!(cloud.delete(alice, "/bucket/k").await.status, 204);
    assert_eq!(
        cloud.delete(bob, "/bucket").await.refusal(),
        (403, "AccessDenied")
    );
    assert_eq!(cloud.delete(alice, "/bucket").await.status, 204);
    assert_eq!(
        cloud.get(alice, "/bucket").await.refusal(),
        (404, "NoSuchBucket")
    );
}

#[tokio::test]
async fn settings_bound_buckets_and_names() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.buckets = 1;
        config.limits.put_bytes = 10;
        config.extended_bucket_names = true;
    });
    let cloud = cloud.await.with_bucket("Under_Score").await;
    let second = cloud.put(&cloud.alice, "/second", b"").await;
    assert_eq!(second.refusal(), (400, "TooManyBuckets"));
    let large = cloud
        .put(&cloud.alice, "/Under_Score/k", b"12345678901")
        .await;
    assert_eq!(large.refusal(), (400, "EntityTooLarge"));
}

#[tokio::test]
async fn refusals_name_what_was_asked() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let answer = cloud
        .get(&cloud.alice, "/services/Walrus/bucket/a%26b")
        .await;
    assert_eq!(answer.refusal(), (404, "NoSuchKey"));
    assert_eq!(
        answer.element("Message"),
        "The specified key does not exist."
    );
    assert_eq!(answer.element("Resource"), "/bucket/a%26b");
    assert_eq!(
        answer.element("RequestId"),
        answer.header("x-amz-request-id")
    );
    assert_eq!(answer.header("content-type"), "application/xml");
    let head = cloud
        .request("HEAD", "/bucket/none")
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!((head.status.as_u16(), head.body.len()), (404, 0));
    for query in ["policy", "website", "notification", "requestPayment"] {
        let target = format!("/bucket?{query}");
        let answer = cloud.put(&cloud.alice, &target, b"<x/>").await;
        assert_eq!(answer.refusal(), (501, "NotImplemented"), "{query}");
    }
    let encrypted = cloud
        .request("PUT", "/bucket/k")
        .header("x-amz-server-side-encryption", "AES256");
    assert_eq!(
        encrypted.v4(&cloud.alice).send().await.refusal(),
        (501, "NotImplemented")
    );
    let long = format!("/bucket/{}", "k".repeat(1025));
    assert_eq!(
        cloud.put(&cloud.alice, &long, b"").await.refusal(),
        (400, "KeyTooLongError")
    );
}

#[tokio::test]
async fn attributes_are_those_that_are_asked_for() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let sum = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
    let put = cloud.request("PUT", "/bucket/k").body(b"hello world");
    let put = put.header("x-amz-checksum-sha256", sum);
    let put = put.v4(&cloud.alice).send().await;
    assert_eq!(put.status, 200, "{}", put.text());

    let ask = |target: &str, names: &str, user: &User| {
        let request = cloud.request("GET", target);
        let request = request.header("x-amz-object-attributes", names);
        request.v4(user).send()
    };
    let names = "ETag,Checksum,ObjectParts";
    let told = ask("/bucket/k?attributes", names, &cloud.alice).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.element("ETag"), put.header("etag").trim_matches('"'));
    assert_eq!(told.element("ChecksumSHA256"), sum);
    assert_eq!(told.element("ChecksumType"), "FULL_OBJECT");
    for absent in ["ObjectParts", "ObjectSize", "StorageClass"] {
        assert!(!told.text().contains(absent), "{}", told.text());
    }
    assert!(!told.header("last-modified").is_empty());
    assert_eq!(told.header("x-amz-version-id"), "");

    let foreign = ask("/bucket/k?attributes", names, &cloud.bob).await;
    assert_eq!(foreign.refusal(), (403, "AccessDenied"));
    let missing = ask("/bucket/no?attributes", names, &cloud.alice).await;
    assert_eq!(missing.refusal(), (404, "NoSuchKey"));
    let nothing = cloud.get(&cloud.alice, "/bucket/k?attributes").await;
    assert_eq!(nothing.status, 400);
}

#[tokio::test]
async fn there_are_no_torrents() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    let torrent = cloud.get(&cloud.alice, "/bucket/k?torrent").await;
    assert_eq!(torrent.refusal(), (404, "NoSuchKey"));
    assert!(torrent.element("Message").contains("torrent"));
    let foreign = cloud.get(&cloud.bob, "/bucket/k?torrent").await;
    assert_eq!(foreign.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn keys_are_utf_8() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let broken = cloud.get(&cloud.alice, "/bucket/%AE%8A-").await;
    assert_eq!(broken.refusal(), (400, "InvalidURI"));
    assert_eq!(
        broken.element("Message"),
        "Couldn't parse the specified URI."
    );
    let control = "/bucket/%C2%AE%C2%8A-";
    let missing = cloud.get(&cloud.alice, control).await;
    assert_eq!(missing.refusal(), (404, "NoSuchKey"));
    assert_eq!(cloud.put(&cloud.alice, control, b"x").await.status, 200);
    assert_eq!(cloud.get(&cloud.alice, control).await.text(), "x");
}
