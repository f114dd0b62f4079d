//! Signatures, made by the signer that the published examples judge.

use data_encoding::{BASE64, HEXLOWER};
use gumnut_cloud::Clock;
use gumnut_signing::v4::{PayloadHash, Service, Signer, SigningKey};
use gumnut_signing::{RequestView, v2};
use sha2::{Digest as _, Sha256};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::common::{Answer, Request, TestCloud, User};

const NOW: OffsetDateTime = datetime!(2026-11-24 01:00 UTC);
/// Every place that the object store is at.
const PREFIXES: [&str; 3] = ["", "/services/Walrus", "/services/objectstorage"];

/// A cloud at a fixed time with an object.
async fn cloud() -> TestCloud {
    let cloud = TestCloud::start_at(Clock::fixed(NOW)).await;
    for (target, body) in [("/bucket", ""), ("/bucket/k", "text")] {
        let request = cloud.request("PUT", target).body(body.as_bytes());
        let answer = request.at(NOW).v4(&cloud.alice).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    cloud
}

#[tokio::test]
async fn version_4_in_header_and_query_below_every_prefix() {
    let cloud = cloud().await;
    for prefix in PREFIXES {
        let target = format!("{prefix}/bucket/k?response-content-type=a%2Fb");
        let request = || cloud.request("GET", &target).at(NOW);
        let header = request().v4(&cloud.alice).send().await;
        let query = request().v4_query(&cloud.alice, 60).send().await;
        for answer in [header, query] {
            assert_eq!(
                (answer.status.as_u16(), answer.text()),
                (200, "text"),
                "{prefix}"
            );
            assert_eq!(answer.header("content-type"), "a/b");
        }
        let root = cloud
            .request("GET", &format!("{prefix}/"))
            .at(NOW)
            .v4(&cloud.alice);
        assert_eq!(root.send().await.all("Name"), ["bucket"]);
    }
}

#[tokio::test]
async fn version_2_with_and_without_the_prefix_in_the_resource() {
    let cloud = cloud().await;
    for (prefix, resource, status) in [
        ("", "/bucket/k", 200),
        ("/services/Walrus", "/bucket/k", 200),
        ("/services/Walrus", "/services/Walrus/bucket/k", 200),
        (
            "/services/objectstorage",
            "/services/objectstorage/bucket/k",
            200,
        ),
        ("/services/objectstorage", "/services/Walrus/bucket/k", 403),
        ("", "/services/Walrus/bucket/k", 403),
    ] {
        let request = cloud.request("GET", &format!("{prefix}/bucket/k")).at(NOW);
        let answer = request.v2(&cloud.alice, resource).send().await;
        assert_eq!(answer.status, status, "{prefix} {resource}");
    }
    // A reader who sends a content type and does not sign it is forgiven, a writer is not.
    for (method, status) in [("GET", 200), ("PUT", 403)] {
        let request = cloud
            .request(method, "/bucket/k")
            .at(NOW)
            .v2(&cloud.alice, "/bucket/k");
        let answer = request.header("content-type", "text/plain").send().await;
        assert_eq!(answer.status, status, "{method}");
    }
}

#[tokio::test]
async fn version_2_in_the_query() {
    let cloud = cloud().await;
    let get = |expires: String| {
        let headers = [("date".to_owned(), expires.clone())];
        // The text that is signed has the time of expiry in the place of the date.
        let view = RequestView {
            method: "GET",
            path: "/bucket/k",
            query: "",
            headers: &headers,
        };
        let authorization = v2::sign_s3(&view, &cloud.alice.credentials);
        let (key, signature) = authorization
            .strip_prefix("AWS ")
            .unwrap()
            .split_once(':')
            .unwrap();
        let signature = gumnut_signing::percent_encode(signature);
        let query = format!("AWSAccessKeyId={key}&Expires={expires}&Signature={signature}");
        cloud
            .request("GET", &format!("/services/Walrus/bucket/k?{query}"))
            .send()
    };
    assert_eq!(
        get((NOW.unix_timestamp() + 5).to_string()).await.text(),
        "text"
    );
    let past = get((NOW.unix_timestamp() - 5).to_string()).await;
    assert_eq!(past.element("Message"), "Cannot process request. Expired.");
    let soon = get("soon".to_owned()).await;
    assert_eq!(soon.refusal(), (403, "AccessDenied"));
    assert_eq!(soon.element("Message"), "Invalid Expires parameter.");
    let none = cloud
        .request("GET", "/bucket/k?AWSAccessKeyId=a&Signature=b")
        .send()
        .await;
    assert_eq!(none.refusal(), (403, "InvalidSecurity"));
    assert_eq!(
        none.element("Message"),
        "Expires parameter must be specified."
    );
}

#[tokio::test]
async fn who_is_not_who_they_say_is_told_why() {
    let cloud = cloud().await;
    let request = || cloud.request("GET", "/bucket/k").at(NOW);
    let wrong = cloud.alice.with_secret("wrong");
    let v4 = request().v4(&wrong).send().await;
    assert_eq!(v4.refusal(), (403, "SignatureDoesNotMatch"));
    let access_key = cloud.alice.credentials.access_key().as_str();
    assert_eq!(v4.element("AWSAccessKeyId"), access_key);
    assert!(
        v4.element("StringToSign")
            .starts_with("AWS4-HMAC-SHA256\n20261124T010000Z\n")
    );
    assert!(
        v4.element("StringToSignBytes")
            .starts_with("41 57 53 34 2d")
    );
    assert!(
        v4.element("CanonicalRequest")
            .starts_with("GET\n/bucket/k\n")
    );
    assert_eq!(v4.element("SignatureProvided").len(), 64);
    let v2 = request().v2(&wrong, "/bucket/k").send().await;
    assert_eq!(v2.refusal(), (403, "SignatureDoesNotMatch"));
    assert_eq!(v2.element("CanonicalRequest"), "");

    let unknown = request().header("authorization", "AWS nobody:AAAA");
    let unknown = unknown
        .header("date", "Tue, 24 Nov 2026 01:00:00 GMT")
        .send()
        .await;
    assert_eq!(unknown.refusal(), (403, "InvalidAccessKeyId"));
    let scheme = request().header("authorization", "Basic AAAA").send().await;
    assert_eq!(scheme.refusal(), (400, "MissingSecurityHeader"));
    let malformed = request()
        .header("authorization", "AWS4-HMAC-SHA256 Credential=a")
        .send()
        .await;
    assert_eq!(malformed.status, 403);
    assert_eq!(request().send().await.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn clocks_may_be_fifteen_minutes_apart() {
    let cloud = cloud().await;
    for (seconds, status) in [(-900, 200), (900, 200), (-901, 403), (901, 403)] {
        let time = NOW + Duration::seconds(seconds);
        let request = || cloud.request("GET", "/bucket/k").at(time);
        for answer in [
            request().v4(&cloud.alice).send().await,
            request().v2(&cloud.alice, "/bucket/k").send().await,
        ] {
            assert_eq!(answer.status, status, "{seconds}");
            let code = if status == 403 {
                "RequestTimeTooSkewed"
            } else {
                ""
            };
            assert_eq!(answer.element("Code"), code);
        }
    }
    for (age, message) in [
        (61, "Cannot process request. Expired."),
        (-901, "Cannot process request. X-Amz-Date is not yet valid."),
    ] {
        let request = cloud
            .request("GET", "/bucket/k")
            .at(NOW - Duration::seconds(age));
        let answer = request.v4_query(&cloud.alice, 60).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.element("Message")),
            (403, message)
        );
    }
    for (query, message) in [
        ("", "X-Amz-Date parameter must be specified."),
        (
            "&X-Amz-Date=20261124T010000Z",
            "X-Amz-Expires parameter must be specified.",
        ),
        (
            "&X-Amz-Date=20261124T010000Z&X-Amz-Expires=x",
            "Invalid X-Amz-Expires parameter.",
        ),
        (
            "&X-Amz-Date=20261124T010000Z&X-Amz-Expires=604801",
            "Invalid Expires parameter.",
        ),
    ] {
        let target = format!("/bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256{query}");
        let answer = cloud.request("GET", &target).send().await;
        assert_eq!(answer.refusal(), (403, "AccessDenied"));
        assert_eq!(answer.element("Message"), message);
    }
}

#[tokio::test]
async fn a_body_must_be_the_one_that_was_signed() {
    let cloud = cloud().await;
    let put = |hash: PayloadHash| {
        let request = cloud.request("PUT", "/bucket/new").body(b"other").at(NOW);
        request.v4_with(&cloud.alice, &hash).send()
    };
    let wrong = put(PayloadHash::of(b"text")).await;
    assert_eq!(wrong.refusal(), (400, "XAmzContentSHA256Mismatch"));
    let nonsense = put(PayloadHash::Sha256("nonsense".to_owned())).await;
    assert_eq!(nonsense.refusal(), (403, "AccessDenied"));
    assert_eq!(
        nonsense.element("Message"),
        "x-amz-content-sha256 header is invalid."
    );
    let get = cloud
        .request("GET", "/bucket/new")
        .at(NOW)
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(get.refusal(), (404, "NoSuchKey"));
    assert_eq!(put(PayloadHash::Unsigned).await.status, 200);
    let absent = cloud.request("GET", "/bucket/new").at(NOW);
    let absent = absent.v4_with(&cloud.alice, &PayloadHash::of(b"text"));
    assert_eq!(
        absent.send().await.refusal(),
        (400, "XAmzContentSHA256Mismatch")
    );
    // Documents are compared before they are read.
    let delete = cloud
        .request("POST", "/bucket?delete")
        .body(b"<Delete/>")
        .at(NOW);
    let delete = delete
        .v4_with(&cloud.alice, &PayloadHash::of(b"text"))
        .send()
        .await;
    assert_eq!(delete.refusal(), (400, "XAmzContentSHA256Mismatch"));
}

/// Signs a body in chunks of two sizes; `spoil` changes it after that.
async fn put_chunked(cloud: &TestCloud, user: &User, spoil: impl Fn(String) -> String) -> Answer {
    const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let request = cloud.request("PUT", "/services/Walrus/bucket/chunked");
    let request = request
        .header("content-encoding", "aws-chunked,gzip")
        .header("x-amz-decoded-content-length", "10")
        .at(NOW)
        .v4_with(user, &PayloadHash::Sha256(STREAMING.to_owned()));
    let authorization = &request.headers.last().unwrap().1;
    let mut previous = authorization.rsplit_once('=').unwrap().1.to_owned();
    let secret = user.credentials.secret();
    let key = SigningKey::derive(secret, "20261124", "anywhere", "s3");
    let hash = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
    let mut body = String::new();
    for chunk in ["0123456", "789", ""] {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n20261124T010000Z\n20261124/anywhere/s3/aws4_request\n{previous}\n{}\n{}",
            hash(b""),
            hash(chunk.as_bytes())
        );
        previous = key.sign(&text);
        let size = chunk.len();
        let head = format!("{size:x};chunk-signature={previous}\r\n");
        body.extend([head.as_str(), chunk, "\r\n"]);
    }
    request.body(spoil(body).as_bytes()).send().await
}

#[tokio::test]
async fn chunks_are_checked_and_taken_apart() {
    let cloud = cloud().await;
    let put = put_chunked(&cloud, &cloud.alice, |body| body).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let get = cloud
        .request("GET", "/bucket/chunked")
        .at(NOW)
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(
        (get.text(), get.header("content-encoding")),
        ("0123456789", "gzip")
    );

    let spoilt = put_chunked(&cloud, &cloud.alice, |body| body.replace("789", "780")).await;
    assert_eq!(spoilt.refusal(), (403, "SignatureDoesNotMatch"));
    let cut = |body: String| body[..body.rfind("0;chunk").unwrap()].to_owned();
    let cut = put_chunked(&cloud, &cloud.alice, cut).await;
    assert_eq!(cut.refusal(), (400, "IncompleteBody"));
    let get = cloud
        .request("GET", "/bucket/chunked")
        .at(NOW)
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(get.text(), "0123456789");
}

#[tokio::test]
async fn unsigned_chunks_carry_a_checksum_behind_them() {
    let cloud = cloud().await;
    let put = |length: Option<&'static str>, sum: &'static str| {
        let hash = PayloadHash::Sha256("STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned());
        let mut request = cloud
            .request("PUT", "/bucket/t")
            .header("x-amz-trailer", "x-amz-checksum-crc32");
        if let Some(length) = length {
            request = request.header("x-amz-decoded-content-length", length);
        }
        let body = format!("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
        request
            .body(body.as_bytes())
            .at(NOW)
            .v4_with(&cloud.alice, &hash)
            .send()
    };
    let right = put(Some("9"), "y/Q5Jg==").await;
    assert_eq!(right.status, 200, "{}", right.text());
    assert_eq!(right.header("x-amz-checksum-crc32"), "y/Q5Jg==");
    assert_eq!(
        put(Some("9"), "AAAAAA==").await.refusal(),
        (400, "BadDigest")
    );
    assert_eq!(
        put(Some("8"), "y/Q5Jg==").await.refusal(),
        (400, "IncompleteBody")
    );
    assert_eq!(
        put(None, "y/Q5Jg==").await.refusal(),
        (411, "MissingContentLength")
    );
}

#[tokio::test]
async fn headers_may_be_parameters_of_a_signed_query() {
    let cloud = cloud().await;
    let target = "/bucket/public?x-amz-acl=public-read&x-amz-meta-a=b%20c";
    let put = cloud
        .request("PUT", target)
        .body(b"text")
        .at(NOW)
        .v4_query(&cloud.alice, 60);
    assert_eq!(put.send().await.status, 200);
    let get = cloud.request("GET", "/bucket/public").send().await;
    assert_eq!((get.text(), get.header("x-amz-meta-a")), ("text", "b c"));
}

#[tokio::test]
async fn forms_are_signed_in_their_fields() {
    let cloud = cloud().await;
    let post = |signer: &User, bucket: &str| {
        let policy = format!(
            "{{\"expiration\": \"2126-01-01T00:00:00Z\", \"conditions\": [{{\"bucket\": \"{bucket}\"}}, \
             {{\"key\": \"posted\"}}, {{\"acl\": \"public-read\"}}, [\"content-length-range\", 1, 10]]}}"
        );
        let policy = BASE64.encode(policy.as_bytes());
        let fields = [
            ("key", "posted".to_owned()),
            ("acl", "public-read".to_owned()),
            (
                "AWSAccessKeyId",
                signer.credentials.access_key().to_string(),
            ),
            ("Signature", hmac_sha1(signer, &policy)),
            ("Policy", policy),
        ];
        let field = |(name, value): &(&str, String)| {
            format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let fields: String = fields.iter().map(field).collect();
        let file = "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\ntext\r\n--xx--\r\n";
        let request = cloud.request("POST", "/services/Walrus/bucket");
        let request = request.header("content-type", "multipart/form-data; boundary=xx");
        request.body((fields + file).as_bytes()).send()
    };
    let wrong = post(&cloud.alice.with_secret("wrong"), "bucket").await;
    assert_eq!(wrong.refusal(), (403, "SignatureDoesNotMatch"));
    assert_eq!(
        post(&cloud.bob, "bucket").await.refusal(),
        (403, "AccessDenied")
    );
    assert_eq!(
        post(&cloud.alice, "another").await.refusal(),
        (403, "AccessDenied")
    );
    assert_eq!(
        cloud.request("GET", "/bucket/posted").send().await.status,
        403
    );
    let posted = post(&cloud.alice, "bucket").await;
    assert_eq!(posted.status, 204, "{}", posted.text());
    assert_eq!(
        cloud.request("GET", "/bucket/posted").send().await.text(),
        "text"
    );
}

/// Base64 of the HMAC-SHA1 of a text.
pub(crate) fn hmac_sha1(user: &User, text: &str) -> String {
    let output = std::process::Command::new("openssl")
        .args([
            "dgst",
            "-sha1",
            "-binary",
            "-hmac",
            user.credentials.secret().expose(),
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes())?;
            child.wait_with_output()
        });
    BASE64.encode(&output.expect("the program openssl is needed").stdout)
}

/// `DescribeImages` with a signature of version 2 in its query.
fn describe_images(cloud: &TestCloud, user: &User, path: &str) -> Request {
    let host = cloud.endpoint().strip_prefix("http://").unwrap();
    let mut parameters = vec![
        ("Action".to_owned(), "DescribeImages".to_owned()),
        ("Version".to_owned(), "2016-11-15".to_owned()),
    ];
    v2::sign_query("GET", host, path, &mut parameters, &user.credentials, NOW);
    let encode = gumnut_signing::percent_encode;
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    cloud.request("GET", &format!("{path}?{query}"))
}

#[tokio::test]
async fn on_the_ec2_side_a_signature_in_the_query_decides_over_a_header_of_version_2() {
    let cloud = cloud().await;
    let path = "/services/Eucalyptus";
    // boto 1.9 sends both.
    for header in ["AWS BOBKEY:c2lnbmF0dXJl", "AWS nobody:", "Basic eDp5"] {
        let both = |user: &User| {
            let request = describe_images(&cloud, user, path);
            request.header("authorization", header).send()
        };
        let described = both(&cloud.alice).await;
        assert_eq!(described.status, 200, "{header}: {}", described.text());
        let wrong = both(&cloud.alice.with_secret("wrong")).await;
        assert_eq!(wrong.refusal(), (403, "SignatureDoesNotMatch"));
        let target = format!("{path}?Action=DescribeImages&Version=2016-11-15");
        let header_alone = cloud
            .request("GET", &target)
            .header("authorization", header);
        assert_eq!(header_alone.send().await.refusal(), (403, "AuthFailure"));
    }
    // One of version 4 decides itself.
    let signed = describe_images(&cloud, &cloud.alice, path).at(NOW);
    let both = signed.v4(&cloud.bob.with_secret("wrong"));
    assert_eq!(both.send().await.status, 403);
}

#[tokio::test]
async fn the_ec2_side_takes_both_versions_on_any_path() {
    let cloud = cloud().await;
    for path in [
        "/",
        "/services/Eucalyptus",
        "/services/Eucalyptus/",
        "/services/compute",
        "/services/bootstrap",
    ] {
        let get = |user: &User| describe_images(&cloud, user, path).send();
        let described = get(&cloud.alice).await;
        assert_eq!(described.status, 200, "{path}: {}", described.text());
        assert!(
            described
                .text()
                .contains("http://ec2.amazonaws.com/doc/2016-11-15/")
        );
        assert_eq!(
            described.element("requestId"),
            described.header("x-amzn-requestid")
        );
        let wrong = get(&cloud.alice.with_secret("wrong")).await;
        assert_eq!(wrong.refusal(), (403, "SignatureDoesNotMatch"));

        let body = b"Action=DescribeImages&Version=2014-10-01";
        let post = |user: &User, body: &[u8], signed: &[u8]| {
            let mut request = cloud.request("POST", path);
            let form = (
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            );
            request.headers.push(form);
            let signer = Signer {
                credentials: &user.credentials,
                region: "undefined-17",
                service: Service::Ec2,
            };
            let view = RequestView {
                method: "POST",
                path,
                query: "",
                headers: &request.headers,
            };
            let added = signer.sign(&view, &PayloadHash::of(signed), NOW).unwrap();
            request.headers.extend(added);
            request.body(body).send()
        };
        let described = post(&cloud.alice, body, body).await;
        assert_eq!(described.status, 200, "{path}: {}", described.text());
        let changed = post(&cloud.alice, b"Action=DeregisterImage", body).await;
        assert_eq!(changed.refusal(), (403, "SignatureDoesNotMatch"));
    }
    let unsigned = cloud.request("GET", "/?Action=DescribeImages").send().await;
    assert_eq!(unsigned.refusal(), (403, "AuthFailure"));
}
