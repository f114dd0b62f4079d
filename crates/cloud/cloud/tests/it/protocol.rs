//! What clients of S3 expect beyond storing and fetching: the manners that the public suite asks for.

use crate::common::{Answer, Request, TestCloud, User};

async fn ask(request: Request, user: &User, headers: &[(&str, &str)]) -> Answer {
    let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    headers.iter().fold(request, add).v4(user).send().await
}

#[tokio::test]
async fn an_unchanged_object_is_named_by_its_tag() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let etag = cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    let etag = etag.header("etag").to_owned();
    for (name, value) in [
        ("if-none-match", etag.as_str()),
        ("if-none-match", "*"),
        ("if-modified-since", "Sat, 29 Oct 2095 19:43:31 GMT"),
    ] {
        let get = cloud.request("GET", "/bucket/k");
        let answer = ask(get, &cloud.alice, &[(name, value)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
        assert_eq!(answer.header("etag"), etag, "{name}: {value}");
    }
}

#[tokio::test]
async fn ones_own_bucket_may_be_made_again_with_the_same_rights() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    for (acl, status) in [
        (None, 200),
        (Some("private"), 200),
        (Some("public-read"), 409),
    ] {
        let headers: Vec<_> = acl.iter().map(|acl| ("x-amz-acl", *acl)).collect();
        let again = ask(cloud.request("PUT", "/bucket"), &cloud.alice, &headers).await;
        assert_eq!(again.status, status, "{acl:?}");
        if status == 409 {
            assert_eq!(again.element("Code"), "BucketAlreadyExists");
        }
    }
    assert_eq!(cloud.get(&cloud.alice, "/bucket").await.all("Key"), ["k"]);
}

#[tokio::test]
async fn clouds_of_eucalyptus_refuse_a_bucket_that_one_has() {
    let cloud = TestCloud::start_with(|config| {
        config.images = gumnut_cloud::ImageRules::of(gumnut_cloud::Profile::Euca20);
    });
    let cloud = cloud.await.with_bucket("bucket").await;
    let again = cloud.put(&cloud.alice, "/bucket", b"").await;
    assert_eq!(again.refusal(), (409, "BucketAlreadyOwnedByYou"));
}

#[tokio::test]
async fn buckets_are_listed_by_pages() {
    let cloud = TestCloud::start().await.with_bucket("bucket-a").await;
    let cloud = cloud
        .with_bucket("bucket-b")
        .await
        .with_bucket("other")
        .await;
    let list = |query: &str| {
        let request = cloud.request("GET", &format!("/?{query}"));
        request.v4(&cloud.alice).send()
    };
    let first = list("max-buckets=1").await;
    assert_eq!(first.all("Name"), ["bucket-a"]);
    let token = first.element("ContinuationToken");
    let rest = list(&format!("max-buckets=2&continuation-token={token}")).await;
    assert_eq!(rest.all("Name"), ["bucket-b", "other"]);
    assert_eq!(rest.element("ContinuationToken"), "");
    let begun = list("prefix=bucket-").await;
    assert_eq!(begun.all("Name"), ["bucket-a", "bucket-b"]);
    for bad in [
        "max-buckets=0",
        "max-buckets=10001",
        "continuation-token=%20",
    ] {
        assert_eq!(list(bad).await.refusal(), (400, "InvalidArgument"), "{bad}");
    }
}

#[tokio::test]
async fn a_bucket_keeps_the_name_of_its_place() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let document = "<CreateBucketConfiguration><LocationConstraint>attic</LocationConstraint>\
        </CreateBucketConfiguration>";
    let made = cloud
        .put(&cloud.alice, "/placed", document.as_bytes())
        .await;
    assert_eq!(made.status, 200, "{}", made.text());
    let place = cloud.get(&cloud.alice, "/placed?location").await;
    assert!(place.text().contains(">attic</LocationConstraint>"));
    let none = cloud.get(&cloud.alice, "/bucket?location").await;
    assert!(!none.text().contains("attic"), "{}", none.text());
}

#[tokio::test]
async fn the_encoding_of_the_way_is_not_that_of_the_content() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for (sent, kept) in [
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate, gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("aws-chunked, gzip", "gzip"),
        ("aws-chunked", ""),
        ("aws-chunked, aws-chunked", ""),
    ] {
        let put = cloud.request("PUT", "/bucket/k");
        let put = ask(put, &cloud.alice, &[("content-encoding", sent)]).await;
        assert_eq!(put.status, 200, "{sent}: {}", put.text());
        let head = cloud.request("HEAD", "/bucket/k").v4(&cloud.alice);
        let head = head.send().await;
        assert_eq!(head.header("content-encoding"), kept, "{sent}");
    }
}

#[tokio::test]
async fn lists_of_rights_begin_with_the_groups() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let open = cloud.request("PUT", "/bucket?acl");
    ask(open, &cloud.alice, &[("x-amz-acl", "public-read-write")]).await;
    let list = cloud.get(&cloud.alice, "/bucket?acl").await;
    let permissions = list.all("Permission");
    assert_eq!(permissions, ["READ", "WRITE", "FULL_CONTROL"]);
}

#[tokio::test]
async fn a_host_may_name_the_bucket() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let port = cloud.endpoint().rsplit(':').next().unwrap().to_owned();
    let at = |host: &str, method: &str, target: &str| {
        let mut request = cloud.request(method, target);
        request.headers[0].1 = format!("{host}:{port}");
        request
    };
    let put = at("bucket.localhost", "PUT", "/a/k").body(b"text");
    assert_eq!(put.v4(&cloud.alice).send().await.status, 200);
    let get = |host: &str| at(host, "GET", "/a/k").v4(&cloud.alice).send();
    for host in [
        "bucket.localhost",
        "bucket.walrus.cloud",
        "bucket.s3.localhost",
    ] {
        assert_eq!(get(host).await.text(), "text", "{host}");
    }
    let list = at("bucket.localhost", "GET", "/").v4(&cloud.alice);
    assert_eq!(list.send().await.all("Key"), ["a/k"]);
    let old = at("bucket.walrus", "GET", "/a/k").v2(&cloud.alice, "/bucket/a/k");
    assert_eq!(old.send().await.text(), "text");
    // Version 2 does not sign the host: what is signed for bucket `a` is good for bucket `a` alone.
    let moved = at("bucket.walrus", "GET", "/a/k").v2(&cloud.alice, "/a/k");
    assert_eq!(moved.send().await.refusal(), (403, "SignatureDoesNotMatch"));
    assert_eq!(
        get("walrus.localhost").await.refusal(),
        (400, "InvalidBucketName")
    );
}

#[tokio::test]
async fn a_prefix_comes_back_as_it_was_sent() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let list = |query: &str| {
        let request = cloud.request(
            "GET",
            &format!("/bucket?encoding-type=url&prefix=a%0Ab&{query}"),
        );
        request.v4(&cloud.alice).send()
    };
    let old = list("").await;
    assert!(
        old.text().contains("<Prefix>a\nb</Prefix>"),
        "{}",
        old.text()
    );
    assert_eq!(list("list-type=2").await.element("Prefix"), "a%0Ab");
}

#[tokio::test]
async fn an_empty_digest_is_none() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud.request("PUT", "/bucket/k");
    let put = ask(put, &cloud.alice, &[("content-md5", "")]).await;
    assert_eq!(put.refusal(), (400, "InvalidDigest"));
}

#[tokio::test]
async fn dates_before_1970_are_mistakes() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for (year, code) in [(1950, "AccessDenied"), (2010, "RequestTimeTooSkewed")] {
        let time = time::macros::datetime!(2000-07-07 21:53:04 UTC);
        let time = time.replace_year(year).unwrap();
        let get = cloud.request("GET", "/bucket").at(time);
        let answer = get.v2(&cloud.alice, "/bucket").send().await;
        assert_eq!(answer.refusal(), (403, code), "{year}");
    }
}

#[tokio::test]
async fn a_bucket_may_be_signed_with_a_slash_behind_it() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for (resource, status) in [("/bucket/", 200), ("/bucket", 200), ("/bucket//", 403)] {
        let list = cloud.request("GET", "/bucket");
        let list = list.v2(&cloud.alice, resource).send().await;
        assert_eq!(list.status, status, "{resource}");
    }
}

#[tokio::test]
async fn a_client_may_insist_on_the_owner_of_a_bucket() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let owner = cloud.alice.owner_id.clone();
    for (expected, status) in [(owner.as_str(), 200), ("222222222222", 403), ("", 403)] {
        for (method, target) in [("PUT", "/bucket/k"), ("GET", "/bucket")] {
            let request = cloud.request(method, target);
            let headers = [("x-amz-expected-bucket-owner", expected)];
            let answer = ask(request, &cloud.alice, &headers).await;
            assert_eq!(answer.status, status, "{method} {expected:?}");
        }
    }
}
