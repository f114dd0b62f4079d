//! Who has one signed request, or none, tries to make another of it.

use data_encoding::HEXLOWER;
use gumnut_cloud::Clock;
use gumnut_signing::v4::{PayloadHash, SigningKey};
use gumnut_signing::{RESPONSE_OVERRIDES, RequestView, SUB_RESOURCES, percent_encode, v2};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::{Answer, Request, TestCloud, User};

const NOW: OffsetDateTime = datetime!(2026-11-24 01:00 UTC);
/// Gives everybody everything.
const OPEN: &str = "<AccessControlPolicy xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><AccessControlList><Grant>\
    <Grantee xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>\
    <Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>";

/// A cloud at a fixed time with an object of Alice.
async fn cloud() -> TestCloud {
    cloud_of(|_| {}).await
}

async fn cloud_of(change: impl FnOnce(&mut gumnut_cloud::Config)) -> TestCloud {
    let cloud = TestCloud::start_with(|config| {
        config.clock = Clock::fixed(NOW);
        change(config);
    });
    let cloud = cloud.await;
    for (target, body) in [("/bucket", ""), ("/bucket/k", "ALICE-PRIVATE")] {
        let request = cloud.request("PUT", target).body(body.as_bytes());
        let answer = request.at(NOW).v4(&cloud.alice).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    cloud
}

/// A link of version 2 by Alice for this method, path and query.
fn link(cloud: &TestCloud, method: &str, path: &str, query: &str) -> String {
    let expires = NOW.unix_timestamp() + 60;
    // The text that is signed has the time of expiry in the place of the date.
    let headers = [("date".to_owned(), expires.to_string())];
    let view = RequestView {
        method,
        path,
        query,
        headers: &headers,
    };
    let authorization = v2::sign_s3(&view, &cloud.alice.credentials);
    let (key, signature) = authorization.split_once(':').unwrap();
    let key = key.strip_prefix("AWS ").unwrap();
    let signature = percent_encode(signature);
    format!("{path}?{query}&AWSAccessKeyId={key}&Expires={expires}&Signature={signature}")
}

/// Every way to write a name that comes to mind.
fn spellings(name: &str) -> Vec<String> {
    let encoded = |byte: u8| format!("%{byte:02X}");
    let (first, rest) = (name.as_bytes()[0], &name[1..]);
    let (last, start) = (name.as_bytes()[name.len() - 1], &name[..name.len() - 1]);
    vec![
        name.to_owned(),
        format!("{}{rest}", encoded(first)),
        format!("{start}{}", encoded(last).to_lowercase()),
        name.bytes().map(encoded).collect(),
    ]
}

#[tokio::test]
async fn a_link_of_version_2_is_good_for_nothing_else() {
    let cloud = cloud().await;
    for (method, path) in [
        ("GET", "/bucket/k"),
        ("PUT", "/bucket/new"),
        ("DELETE", "/bucket/old"),
        ("GET", "/bucket"),
        ("PUT", "/bucket"),
    ] {
        let link = link(&cloud, method, path, "");
        for name in SUB_RESOURCES.iter().chain(&RESPONSE_OVERRIDES) {
            for spelling in spellings(name) {
                let target = format!("{link}&{spelling}=1");
                let request = cloud.request(method, &target);
                let request = if method == "PUT" {
                    request.body(OPEN.as_bytes())
                } else {
                    request
                };
                let refused = request.send().await;
                assert_eq!(
                    refused.refusal(),
                    (403, "SignatureDoesNotMatch"),
                    "{method} {path}&{spelling}"
                );
            }
        }
        let answer = cloud.request(method, &link).send().await;
        assert!(answer.status.is_success(), "{method}: {}", answer.text());
    }
    let stranger = cloud.request("GET", "/bucket/k").send().await;
    assert_eq!(stranger.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn what_is_signed_under_any_spelling_is_done() {
    let cloud = cloud().await;
    // A client that writes the name of a sub-resource in its own way and signs what it means.
    let acl = link(&cloud, "GET", "/bucket/k", "acl").replace("?acl&", "?%61cl&");
    let read = cloud.request("GET", &acl).send().await;
    assert!(
        read.text().contains("AccessControlPolicy"),
        "{}",
        read.text()
    );
    let meta = link(&cloud, "PUT", "/bucket/new", "x-amz-meta-a=b");
    let meta = meta.replace("?x-amz-", "?%78-amz-");
    let put = cloud.request("PUT", &meta).body(b"text").send().await;
    assert_eq!(put.status, 200, "{}", put.text());
    let get = cloud.request("GET", "/bucket/new").at(NOW).v4(&cloud.alice);
    assert_eq!(get.send().await.header("x-amz-meta-a"), "b");
    // Old links have overrides of the answer, and versions.
    let named = "response-content-type=text%2Fplain&response-content-disposition=attachment%3B%20filename%3D%22Q%26A%22";
    let decoded = "response-content-type=text/plain";
    let simple = link(&cloud, "GET", "/bucket/k", decoded);
    let get = cloud.request("GET", &simple).send().await;
    assert_eq!(get.header("content-type"), "text/plain", "{}", get.text());
    let named = link(&cloud, "GET", "/bucket/k", named);
    let get = cloud.request("GET", &named).send().await;
    assert_eq!(
        get.header("content-disposition"),
        "attachment; filename=\"Q&A\""
    );
}

#[tokio::test]
async fn parameters_that_no_header_can_be_or_that_come_twice_are_refused() {
    let cloud = cloud().await;
    for query in [
        "x-amz-meta-a=b%0Ax-amz-acl:public-read",
        "x-amz-meta-a=%00",
        "x-amz-meta-a=b&X-Amz-Meta-A=c",
        "x-amz-meta-a=b&%78-amz-meta-a=b",
        "versionId=1&version%49d=null",
        "acl&acl",
    ] {
        let target = link(&cloud, "PUT", "/bucket/k", query);
        let put = cloud.request("PUT", &target).body(b"text").send().await;
        assert_eq!(put.refusal(), (400, "InvalidArgument"), "{query}");
        let v4 = cloud
            .request("PUT", &format!("/bucket/k?{query}"))
            .body(b"text");
        let v4 = v4.at(NOW).v4_query(&cloud.alice, 60).send().await;
        assert_eq!(v4.refusal(), (400, "InvalidArgument"), "{query}");
    }
    let differs = cloud.request("PUT", "/bucket/k?x-amz-acl=public-read");
    let differs = differs.header("x-amz-acl", "private").body(b"text").at(NOW);
    assert_eq!(
        differs.v4(&cloud.alice).send().await.refusal(),
        (400, "InvalidArgument")
    );
    for query in ["prefix=%FF", "%FF=a"] {
        let list = cloud.request("GET", &format!("/bucket?{query}"));
        assert_eq!(list.send().await.refusal(), (400, "InvalidURI"));
    }
    let control = cloud
        .request("GET", "/bucket/k?response-content-type=a%0Ab")
        .at(NOW);
    assert_eq!(
        control.v4(&cloud.alice).send().await.refusal(),
        (400, "InvalidArgument")
    );
}

#[tokio::test]
async fn a_plus_is_a_blank_for_who_checks_and_for_who_lists() {
    let cloud = cloud().await;
    for key in ["a%20b", "a%2Bb"] {
        let put = cloud.request("PUT", &format!("/bucket/{key}")).at(NOW);
        assert_eq!(put.v4(&cloud.alice).send().await.status, 200);
    }
    let list = |signed: &str, sent: &str| {
        let mut request = cloud
            .request("GET", &format!("/bucket?prefix={signed}"))
            .at(NOW);
        request = request.v4(&cloud.alice);
        request.url.set_query(Some(&format!("prefix={sent}")));
        request.send()
    };
    assert_eq!(list("a%2Bb", "a%2Bb").await.all("Key"), ["a+b"]);
    assert_eq!(list("a%20b", "a%20b").await.all("Key"), ["a b"]);
    assert_eq!(list("a%20b", "a+b").await.all("Key"), ["a b"]);
    for (signed, sent) in [("a%2Bb", "a+b"), ("a%20b", "a%2Bb")] {
        let refused = list(signed, sent).await;
        assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"), "{sent}");
    }
}

#[tokio::test]
async fn a_path_is_signed_as_sent_or_encoded_in_one_way() {
    let cloud = cloud().await;
    for key in ["plain", "year=2026/x", "a(b)!*", "a+b", "%7e"] {
        let sent = format!("/bucket/{key}");
        let again = gumnut_signing::encode_path(&gumnut_signing::decode_path(&sent).unwrap());
        let put = cloud.request("PUT", &sent).body(key.as_bytes()).at(NOW);
        assert_eq!(put.v4(&cloud.alice).send().await.status, 200, "{key}");
        let mut get = cloud.request("GET", &again).at(NOW).v4(&cloud.alice);
        get.url.set_path(&sent);
        assert_eq!(get.send().await.text(), key);
    }
    // Encoded once more, it is the path of another object.
    let mut twice = cloud
        .request("GET", "/bucket/a%252Bb")
        .at(NOW)
        .v4(&cloud.alice);
    twice.url.set_path("/bucket/a%2Bb");
    assert_eq!(twice.send().await.refusal(), (403, "SignatureDoesNotMatch"));
    // A slash is one however it is written.
    let get = cloud.request("GET", "/bucket%2Fk").at(NOW).v4(&cloud.alice);
    assert_eq!(get.send().await.text(), "ALICE-PRIVATE");
    let bad = cloud.request("GET", "/bucket/%FF").at(NOW).v4(&cloud.alice);
    assert_eq!(bad.send().await.refusal(), (400, "InvalidURI"));
}

#[tokio::test]
async fn no_bucket_is_called_as_a_path_of_the_cloud() {
    let cloud = cloud().await;
    let port = cloud.endpoint().rsplit(':').next().unwrap();
    let at = |host: &str, path: &str| {
        let mut request = cloud.request("GET", path).at(NOW);
        request.headers[0].1 = format!("{host}:{port}");
        request.v2(&cloud.alice, "/services/Walrus/bucket/k").send()
    };
    let right = at("127.0.0.1", "/services/Walrus/bucket/k").await;
    assert_eq!(right.text(), "ALICE-PRIVATE");
    for (host, path) in [
        ("services.localhost", "/Walrus/bucket/k"),
        ("services.walrus", "/Walrus/bucket/k"),
        ("127.0.0.1", "/services%2FWalrus/bucket/k"),
        ("127.0.0.1", "/services/Walrus%2Fbucket/k"),
    ] {
        let other = at(host, path).await;
        assert_eq!(other.refusal(), (400, "InvalidBucketName"), "{host}{path}");
    }
}

#[tokio::test]
async fn a_request_is_signed_once() {
    let cloud = cloud().await;
    let link = link(&cloud, "GET", "/bucket/k", "");
    let both = cloud
        .request("GET", &link)
        .at(NOW)
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(both.refusal(), (400, "InvalidArgument"));
    let both = cloud
        .request("GET", &link)
        .at(NOW)
        .v4_query(&cloud.alice, 60)
        .send()
        .await;
    assert_eq!(both.refusal(), (400, "InvalidArgument"));
    let query = cloud
        .request("GET", "/bucket/k")
        .at(NOW)
        .v4_query(&cloud.alice, 60);
    let both = query.v2(&cloud.alice, "/bucket/k").send().await;
    assert_eq!(both.refusal(), (400, "InvalidArgument"));
}

/// Signs a reading of the object for this scope.
async fn scoped(cloud: &TestCloud, user: &User, region: &str, service: &str) -> Answer {
    let request = cloud.request("GET", "/bucket/k");
    let hash = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
    let (empty, host) = (hash(b""), request.headers[0].1.clone());
    let canonical = format!(
        "GET\n/bucket/k\n\nhost:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:20261124T010000Z\n\n\
         host;x-amz-content-sha256;x-amz-date\n{empty}"
    );
    let scope = format!("20261124/{region}/{service}/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n20261124T010000Z\n{scope}\n{}",
        hash(canonical.as_bytes())
    );
    let key = SigningKey::derive(user.credentials.secret(), "20261124", region, service);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={}",
        user.credentials.access_key(),
        key.sign(&text)
    );
    let request = request
        .header("x-amz-content-sha256", &empty)
        .header("x-amz-date", "20261124T010000Z");
    request.header("authorization", &authorization).send().await
}

#[tokio::test]
async fn a_scope_is_for_the_object_store_and_for_this_cloud() {
    let any = cloud().await;
    for region in ["us-east-1", "lab", "undefined-17"] {
        let read = scoped(&any, &any.alice, region, "s3").await;
        assert_eq!(read.text(), "ALICE-PRIVATE", "{region}");
    }
    for service in ["ec2", "iam", "S3", ""] {
        let refused = scoped(&any, &any.alice, "us-east-1", service).await;
        assert_eq!(
            refused.refusal(),
            (400, "AuthorizationHeaderMalformed"),
            "{service}"
        );
    }
    let named = cloud_of(|config| {
        config.regions = ["us-east-1", "lab", "anywhere"].map(str::to_owned).into();
    });
    let named = named.await;
    for region in ["us-east-1", "lab", "eucalyptus", "", "undefined-17"] {
        assert_eq!(
            scoped(&named, &named.alice, region, "s3").await.status,
            200,
            "{region}"
        );
    }
    let refused = scoped(&named, &named.alice, "eu-west-1", "s3").await;
    assert_eq!(refused.refusal(), (400, "AuthorizationHeaderMalformed"));
    // Clients read it and sign again.
    assert_eq!(refused.element("Region"), "us-east-1");
    let described = named
        .request("GET", "/?Action=DescribeRegions")
        .send()
        .await;
    assert_eq!(described.refusal(), (403, "AuthFailure"));
}

#[tokio::test]
async fn strangers_choose_no_headers_of_answers() {
    let cloud = cloud().await;
    let open = cloud
        .request("PUT", "/bucket/page")
        .body(b"<script>")
        .at(NOW);
    let open = open.header("x-amz-acl", "public-read").v4(&cloud.alice);
    assert_eq!(open.send().await.status, 200);
    assert_eq!(
        cloud.request("GET", "/bucket/page").send().await.status,
        200
    );
    for name in RESPONSE_OVERRIDES {
        for spelling in spellings(name) {
            let target = format!("/bucket/page?{spelling}=text/html");
            let refused = cloud.request("GET", &target).send().await;
            assert_eq!(refused.refusal(), (400, "InvalidRequest"), "{spelling}");
        }
    }
    let signed = cloud
        .request("GET", "/bucket/page?response-content-type=text%2Fhtml")
        .at(NOW);
    let signed = signed.v4(&cloud.bob).send().await;
    assert_eq!(signed.header("content-type"), "text/html");
}

/// The status line of the answer to these bytes.
async fn raw(cloud: &TestCloud, request: &str) -> String {
    let address = cloud.endpoint().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn heads_with_two_readings_are_refused() {
    let cloud = cloud().await;
    let ask = |line: &str, headers: &str| {
        let request = format!("{line} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        let cloud = &cloud;
        async move { raw(cloud, &request).await }
    };
    assert_eq!(ask("GET /healthz", "host: h\r\n").await, "HTTP/1.1 200 OK");
    for headers in [
        "host: bucket.localhost\r\nhost: h\r\n",
        "host: h\r\nhost: h\r\n",
        "",
        "host: h\r\ncontent-type: a\r\ncontent-type: b\r\n",
        "host: h\r\nauthorization: a\r\nauthorization: b\r\n",
        "host: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n",
        "host: h\r\ntransfer-encoding: gzip\r\n",
        "host: a?b\r\n",
    ] {
        let status = ask("GET /bucket/k", headers).await;
        assert!(status.starts_with("HTTP/1.1 400"), "{headers:?}: {status}");
    }
    let other = ask("GET http://other/bucket/k", "host: h\r\n").await;
    assert!(other.starts_with("HTTP/1.1 400"), "{other}");
    // Two of one header of S3 are refused behind the listener, in S3's words.
    let twice = cloud.request("PUT", "/bucket/k").body(b"x").at(NOW);
    let twice = twice
        .header("x-amz-acl", "private")
        .header("x-amz-acl", "public-read");
    let twice = twice
        .v4_with(&cloud.alice, &PayloadHash::Unsigned)
        .send()
        .await;
    assert_eq!(twice.refusal(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn the_ec2_side_reads_each_parameter_once() {
    let cloud = cloud().await;
    let host = cloud.endpoint().strip_prefix("http://").unwrap();
    let signed = |more: &[(&str, &str)]| {
        let mut parameters = vec![("Action".to_owned(), "DescribeImages".to_owned())];
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        parameters.extend(more);
        v2::sign_query(
            "POST",
            host,
            "/",
            &mut parameters,
            &cloud.alice.credentials,
            NOW,
        );
        let pairs = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
        pairs.collect::<Vec<_>>()
    };
    let send = |target: &str, body: &str| {
        let request = cloud.request("POST", target).body(body.as_bytes());
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
    };
    let good = signed(&[("ImageId.1", "emi-00000001")]).join("&");
    let answer = send("/", &good).await;
    assert_ne!(
        answer.element("Code"),
        "SignatureDoesNotMatch",
        "{}",
        answer.text()
    );
    // In the query and in the form, in any spelling.
    for (target, body) in [
        (
            "/services/compute?ImageId.1=emi-00000002".to_owned(),
            good.clone(),
        ),
        (
            "/services/compute?%49mageId.1=emi-00000002".to_owned(),
            good.clone(),
        ),
        ("/".to_owned(), format!("{good}&Action=DeregisterImage")),
        (format!("/?{good}"), "%41ction=DeregisterImage".to_owned()),
    ] {
        let refused = send(&target, &body).await;
        assert_eq!(refused.refusal(), (400, "MalformedQueryString"), "{target}");
    }
    let added = send("/services/compute?DryRun=false", &good).await;
    assert_eq!(added.refusal(), (403, "SignatureDoesNotMatch"));
    // What is signed for the store is not good here.
    let mut request = Request::new(&cloud.client, "POST", &format!("{}/", cloud.endpoint()));
    request = request.body(b"Action=DescribeImages").at(NOW);
    request = request.header("content-type", "application/x-www-form-urlencoded");
    let refused = request.v4(&cloud.alice).send().await;
    assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"));
}
