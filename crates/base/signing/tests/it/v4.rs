//! Worked examples of version 4 (object store, 24 May 2013).

use gumnut_signing::v4::{Claim, PayloadHash, Service, Signer};
use gumnut_signing::{RequestView, SignatureError, parse_amz_date};
use time::OffsetDateTime;

use crate::{example, headers};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn day() -> OffsetDateTime {
    parse_amz_date("20130524T000000Z").unwrap()
}

fn authorization(
    method: &str,
    path: &str,
    query: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> String {
    let credentials = example();
    let mut list = headers(&[("host", "examplebucket.s3.amazonaws.com")]);
    list.extend(headers(more));
    let view = RequestView {
        method,
        path,
        query,
        headers: &list,
    };
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        service: Service::S3,
    };
    let payload = PayloadHash::of(body);
    let added = signer.sign(&view, &payload, day()).unwrap();
    let authorization = added.last().unwrap().1.clone();
    list.extend(added);
    let view = RequestView {
        method,
        path,
        query,
        headers: &list,
    };
    let claim = Claim::of(&view).unwrap().unwrap();
    claim.check_time(day()).unwrap();
    claim
        .verify(&view, payload.as_str(), credentials.secret())
        .unwrap();
    authorization
}

#[test]
fn get_object_with_a_range() {
    let value = authorization("GET", "/test.txt", "", &[("range", "bytes=0-9")], b"");
    assert_eq!(
        value,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

#[test]
fn put_object() {
    let more = [
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    let value = authorization(
        "PUT",
        "/test%24file.text",
        "",
        &more,
        b"Welcome to Amazon S3.",
    );
    let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert!(value.ends_with(signature), "{value}");
}

#[test]
fn get_bucket_lifecycle_and_list_objects() {
    let value = authorization("GET", "/", "lifecycle", &[], b"");
    let signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    assert!(value.ends_with(signature), "{value}");
    let value = authorization("GET", "/", "max-keys=2&prefix=J", &[], b"");
    let signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    assert!(value.ends_with(signature), "{value}");
}

#[test]
fn presigned_get() {
    let credentials = example();
    let list = headers(&[("host", "examplebucket.s3.amazonaws.com")]);
    let view = RequestView {
        method: "GET",
        path: "/test.txt",
        query: "",
        headers: &list,
    };
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        service: Service::S3,
    };
    let query = signer.presign(&view, day(), 86_400).unwrap();
    let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert!(
        query.ends_with(&format!("X-Amz-Signature={signature}")),
        "{query}"
    );

    let view = RequestView {
        query: &query,
        ..view
    };
    let claim = Claim::of(&view).unwrap().unwrap();
    assert!(claim.is_presigned());
    claim
        .verify(&view, "UNSIGNED-PAYLOAD", credentials.secret())
        .unwrap();
    let later = |seconds| day() + time::Duration::seconds(seconds);
    assert_eq!(claim.check_time(later(86_400)), Ok(()));
    assert_eq!(
        claim.check_time(later(86_401)),
        Err(SignatureError::Expired)
    );
    assert_eq!(
        claim.check_time(later(-901)),
        Err(SignatureError::NotYetValid)
    );
}

#[test]
fn a_get_of_the_test_suite() {
    // `get-vanilla` of the published suite, which signs only host and date.
    let list = headers(&[
        ("host", "example.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    ]);
    let view = RequestView {
        method: "GET",
        path: "/",
        query: "",
        headers: &list,
    };
    let claim = Claim::of(&view).unwrap().unwrap();
    let secret = gumnut_types::SecretString::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    claim.verify(&view, EMPTY, &secret).unwrap();
}

#[test]
fn a_query_call_of_the_manual() {
    let list = headers(&[
        (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ]);
    let view = RequestView {
        method: "GET",
        path: "/",
        query: "Action=ListUsers&Version=2010-05-08",
        headers: &list,
    };
    let claim = Claim::of(&view).unwrap().unwrap();
    let secret = gumnut_types::SecretString::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    claim.verify(&view, EMPTY, &secret).unwrap();
}

#[test]
fn a_presigned_url_lives_a_second_to_a_week() {
    let credentials = example();
    let list = headers(&[("host", "h")]);
    let view = RequestView {
        method: "GET",
        path: "/b/k",
        query: "",
        headers: &list,
    };
    let signer = Signer {
        credentials: &credentials,
        region: "r",
        service: Service::S3,
    };
    let accepted = |expires| signer.presign(&view, day(), expires).is_ok();
    assert_eq!(
        [0, 1, 604_800, 604_801, u32::MAX].map(accepted),
        [false, true, true, false, false]
    );
}

/// Seconds before the end of the calendar, in a zone in which the end is past.
#[test]
fn a_date_beyond_the_calendar_is_malformed() {
    let list = headers(&[
        ("host", "h"),
        ("date", "Fri, 31 Dec 9999 23:59:59 -2359"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AK/99991231/r/s/aws4_request,SignedHeaders=host,Signature=00",
        ),
    ]);
    let claim = Claim::of(&RequestView {
        method: "GET",
        path: "/",
        query: "",
        headers: &list,
    });
    assert_eq!(claim, Err(SignatureError::Malformed("the request date")));
}

fn claim_with(credential: &str, signed: &str) -> Result<Option<Claim>, SignatureError> {
    let value =
        format!("AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature=00");
    let list = headers(&[
        ("host", "h"),
        ("x-amz-date", "20130524T000000Z"),
        ("authorization", &value),
    ]);
    Claim::of(&RequestView {
        method: "GET",
        path: "/",
        query: "",
        headers: &list,
    })
}

#[test]
fn the_scope_must_fit_the_date_and_nothing_else() {
    for scope in [
        "20130524/0/127/aws4_request",
        "20130524/undefined-4711/ec2/aws4_request",
    ] {
        assert!(
            claim_with(&format!("AK/{scope}"), "host").is_ok(),
            "{scope}"
        );
    }
    for scope in [
        "20130525/r/s/aws4_request",
        "20130524/r/s/aws5_request",
        "20130524/r/s",
        "",
        "2013/r/s/aws4_request",
    ] {
        assert!(
            claim_with(&format!("AK/{scope}"), "host").is_err(),
            "{scope}"
        );
    }
    assert!(
        claim_with("AK/20130524/r/s/aws4_request", "x-amz-date").is_err(),
        "host must be signed"
    );
    let slashes = claim_with("A/K/20130524/r/s/aws4_request", "host")
        .unwrap()
        .unwrap();
    assert_eq!(slashes.access_key().as_str(), "A/K");
}

#[test]
fn a_header_that_somebody_added_is_refused() {
    let credentials = example();
    let mut list = headers(&[("host", "h")]);
    let view = RequestView {
        method: "PUT",
        path: "/b/k",
        query: "",
        headers: &list,
    };
    let signer = Signer {
        credentials: &credentials,
        region: "r",
        service: Service::S3,
    };
    let payload = PayloadHash::of(b"");
    let added = signer.sign(&view, &payload, day()).unwrap();
    list.extend(added);
    let check = |list: &[(String, String)]| {
        let view = RequestView {
            method: "PUT",
            path: "/b/k",
            query: "",
            headers: list,
        };
        let claim = Claim::of(&view).unwrap().unwrap();
        claim
            .verify(&view, payload.as_str(), credentials.secret())
            .map(drop)
    };
    list.push(("cache-control".to_owned(), "none".to_owned()));
    assert_eq!(check(&list), Ok(()), "what proxies add does no harm");
    list.push(("x-amz-acl".to_owned(), "public-read".to_owned()));
    assert_eq!(
        check(&list),
        Err(SignatureError::UnsignedHeader("x-amz-acl".to_owned()))
    );
}
