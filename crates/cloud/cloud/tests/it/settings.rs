//! Tags, rules for pages of other origins, and what is kept from the public.

use crate::common::{Answer, TestCloud};

async fn set(cloud: &TestCloud, target: &str, document: &str) -> Answer {
    cloud.put(&cloud.alice, target, document.as_bytes()).await
}

#[tokio::test]
async fn tags_of_buckets_and_objects() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud
        .request("PUT", "/bucket/k")
        .header("x-amz-tagging", "a=1&b%20c=d%2Fe");
    assert_eq!(put.body(b"text").v4(&cloud.alice).send().await.status, 200);
    let tags = cloud.get(&cloud.alice, "/bucket/k?tagging").await;
    assert_eq!(tags.all("Key"), ["a", "b c"]);
    assert_eq!(tags.all("Value"), ["1", "d/e"]);
    let object = cloud.get(&cloud.alice, "/bucket/k").await;
    assert_eq!(object.header("x-amz-tagging-count"), "2");

    let none = cloud.get(&cloud.alice, "/bucket?tagging").await;
    assert_eq!(none.refusal(), (404, "NoSuchTagSet"));
    let tagging = |count: usize| {
        let tag = |n| format!("<Tag><Key>{n}</Key><Value>v</Value></Tag>");
        let tags: String = (0..count).map(tag).collect();
        format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
    };
    for (target, count, status) in [
        ("/bucket/k?tagging", 10, 200),
        ("/bucket/k?tagging", 11, 400),
        ("/bucket?tagging", 50, 200),
        ("/bucket?tagging", 51, 400),
    ] {
        let answer = set(&cloud, target, &tagging(count)).await;
        assert_eq!(answer.status, status, "{target} {count}");
    }
    for target in ["/bucket/k?tagging", "/bucket?tagging"] {
        let strangers = cloud.get(&cloud.bob, target).await;
        assert_eq!(strangers.refusal(), (403, "AccessDenied"));
        assert_eq!(cloud.delete(&cloud.alice, target).await.status, 204);
    }
    let tags = cloud.get(&cloud.alice, "/bucket/k?tagging").await;
    assert_eq!(tags.all("Key"), Vec::<&str>::new());
}

#[tokio::test]
async fn pages_of_other_origins_hear_what_they_may() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let none = cloud.get(&cloud.alice, "/bucket?cors").await;
    assert_eq!(none.refusal(), (404, "NoSuchCORSConfiguration"));
    let rules = "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>\
        <AllowedOrigin>*suffix</AllowedOrigin></CORSRule><CORSRule><AllowedMethod>PUT</AllowedMethod>\
        <AllowedOrigin>*.put</AllowedOrigin><AllowedHeader>x-amz-*</AllowedHeader>\
        <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>";
    let answer = set(&cloud, "/bucket?cors", rules).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kept = cloud.get(&cloud.alice, "/bucket?cors").await;
    assert_eq!(kept.all("AllowedOrigin"), ["*suffix", "*.put"]);

    for (origin, method, headers, status) in [
        ("foo.suffix", "GET", "", 200),
        ("foo.suffix.get", "GET", "", 403),
        ("foo.suffix", "PUT", "", 403),
        ("foo.put", "PUT", "x-amz-acl", 200),
        ("foo.put", "PUT", "x-amz-acl, content-type", 403),
    ] {
        let mut ask = cloud
            .request("OPTIONS", "/bucket/k")
            .header("origin", origin)
            .header("access-control-request-method", method);
        if !headers.is_empty() {
            ask = ask.header("access-control-request-headers", headers);
        }
        let answer = ask.send().await;
        assert_eq!(answer.status, status, "{origin} {method} {headers}");
        let allowed = if status == 200 { origin } else { "" };
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
    let silent = cloud.request("OPTIONS", "/bucket/k").send().await;
    assert_eq!(silent.refusal(), (400, "BadRequest"));
    let vague = cloud.request("OPTIONS", "/bucket/k");
    let vague = vague.header("origin", "foo.suffix").send().await;
    assert_eq!(vague.refusal(), (400, "BadRequest"));
    // The method that is asked about counts even where the request itself has another.
    let mixed = cloud
        .request("PUT", "/bucket/k")
        .header("origin", "foo.suffix")
        .header("access-control-request-method", "GET");
    let mixed = mixed.send().await;
    assert_eq!(mixed.status, 403);
    assert_eq!(mixed.header("access-control-allow-methods"), "GET");
    let put = cloud
        .request("PUT", "/bucket/k")
        .header("origin", "a.put")
        .v4(&cloud.alice);
    let put = put.send().await;
    assert_eq!(put.header("access-control-allow-methods"), "PUT");
    assert_eq!(put.header("access-control-expose-headers"), "ETag");
    assert_eq!(put.header("access-control-max-age"), "60");
    assert_eq!(cloud.delete(&cloud.alice, "/bucket?cors").await.status, 204);
}

#[tokio::test]
async fn what_is_blocked_is_not_public() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let open = || {
        let request = cloud.request("PUT", "/bucket?acl");
        request.header("x-amz-acl", "public-read").v4(&cloud.alice)
    };
    assert_eq!(open().send().await.status, 200);
    let status = cloud.get(&cloud.alice, "/bucket?policyStatus").await;
    assert_eq!(status.text().to_lowercase().matches("true").count(), 1);
    let none = cloud.get(&cloud.alice, "/bucket?publicAccessBlock").await;
    assert_eq!(
        none.refusal(),
        (404, "NoSuchPublicAccessBlockConfiguration")
    );
    let block = |what: &str| {
        format!(
            "<PublicAccessBlockConfiguration><{what}>true</{what}></PublicAccessBlockConfiguration>"
        )
    };
    let anonymous = || cloud.request("GET", "/bucket").send();
    let target = "/bucket?publicAccessBlock";
    set(&cloud, target, &block("BlockPublicAcls")).await;
    assert_eq!(open().send().await.refusal(), (403, "AccessDenied"));
    assert_eq!(anonymous().await.status, 200);
    set(&cloud, target, &block("IgnorePublicAcls")).await;
    assert_eq!(open().send().await.status, 200);
    assert_eq!(anonymous().await.refusal(), (403, "AccessDenied"));
    assert_eq!(cloud.delete(&cloud.alice, target).await.status, 204);
    assert_eq!(anonymous().await.status, 200);
}
