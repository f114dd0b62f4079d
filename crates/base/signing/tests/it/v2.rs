//! Worked examples of version 2.

use gumnut_signing::v2::{QueryClaim, S3Claim, sign_query, sign_s3};
use gumnut_signing::{AccessKeyId, Credentials, RequestView, SignatureError, parse_http_date};
use gumnut_types::SecretString;
use hmac::{KeyInit as _, Mac as _};
use time::macros::datetime;

use crate::{example, headers};

/// Signs, compares with the published signature, and checks it the other way round.
fn published(method: &str, path: &str, query: &str, list: &[(&str, &str)], signature: &str) {
    let mut list = headers(list);
    let view = RequestView {
        method,
        path,
        query,
        headers: &list,
    };
    let value = sign_s3(&view, &example());
    assert_eq!(value, format!("AWS AKIAIOSFODNN7EXAMPLE:{signature}"));
    list.push(("authorization".to_owned(), value));
    let view = RequestView {
        method,
        path,
        query,
        headers: &list,
    };
    let claim = S3Claim::of(&view).unwrap().unwrap();
    claim
        .verify(&view, &["/elsewhere", path], example().secret())
        .unwrap();
    let error = claim
        .verify(&view, &["/elsewhere"], example().secret())
        .unwrap_err();
    assert!(matches!(error, SignatureError::Mismatch(_)));
}

#[test]
fn object_get_put_list_and_acl() {
    let date = ("date", "Tue, 27 Mar 2007 19:36:42 +0000");
    published(
        "GET",
        "/johnsmith/photos/puppy.jpg",
        "",
        &[date],
        "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
    );
    published(
        "PUT",
        "/johnsmith/photos/puppy.jpg",
        "",
        &[
            ("content-type", "image/jpeg"),
            ("content-length", "94328"),
            ("date", "Tue, 27 Mar 2007 21:15:45 +0000"),
        ],
        "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
    );
    published(
        "GET",
        "/johnsmith/",
        "prefix=photos&max-keys=50&marker=puppy",
        &[("date", "Tue, 27 Mar 2007 19:42:41 +0000")],
        "htDYFYduRNen8P9ZfE/s9SuKy0U=",
    );
    published(
        "GET",
        "/johnsmith/",
        "acl",
        &[("date", "Tue, 27 Mar 2007 19:44:46 +0000")],
        "c2WLPFtWHVgbEmeEG93a4cG37dM=",
    );
}

#[test]
fn buckets_a_key_beyond_ascii_and_a_deletion() {
    published(
        "GET",
        "/",
        "",
        &[("date", "Wed, 28 Mar 2007 01:29:59 +0000")],
        "qGdzdERIC03wnaRNKh6OqZehG9s=",
    );
    published(
        "GET",
        "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
        "",
        &[("date", "Wed, 28 Mar 2007 01:49:49 +0000")],
        "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
    );
    published(
        "DELETE",
        "/johnsmith/photos/puppy.jpg",
        "",
        &[("date", "Tue, 27 Mar 2007 21:20:26 +0000")],
        "lx3byBScXR6KzyMaifNkardMwNk=",
    );
}

/// What a client signed that decodes the value of a sub-resource first.
#[test]
fn a_sub_resource_is_signed_as_sent_or_decoded() {
    fn view<'a>(query: &'a str, headers: &'a [(String, String)]) -> RequestView<'a> {
        RequestView {
            method: "GET",
            path: "/b/k",
            query,
            headers,
        }
    }
    let date = ("date", "Tue, 27 Mar 2007 21:20:26 +0000");
    for signed in ["uploadId=a%2Fb", "uploadId=a/b"] {
        let mut list = headers(&[date]);
        let value = sign_s3(&view(signed, &list), &example());
        list.push(("authorization".to_owned(), value));
        let sent = view("uploadId=a%2Fb", &list);
        let claim = S3Claim::of(&sent).unwrap().unwrap();
        claim.verify(&sent, &["/b/k"], example().secret()).unwrap();
        let other = view("uploadId=a%2Fc", &list);
        claim
            .verify(&other, &["/b/k"], example().secret())
            .unwrap_err();
    }
}

/// What is left of such a request would have a signature that is good for another.
#[test]
fn a_request_that_no_server_accepts_gets_no_signature() {
    let list = headers(&[("date", "Tue, 27 Mar 2007 21:20:26 +0000")]);
    let sign = |query| {
        let view = RequestView {
            method: "PUT",
            path: "/b/k",
            query,
            headers: &list,
        };
        sign_s3(&view, &example())
    };
    for query in ["x-amz-acl=a%0Ab", "x-amz-+acl=a", "prefix=%FF"] {
        assert_eq!(sign(query), "AWS AKIAIOSFODNN7EXAMPLE:", "{query}");
    }
    assert_ne!(sign("x-amz-acl=a"), sign(""));
}

#[test]
fn upload_with_many_headers() {
    published(
        "PUT",
        "/static.johnsmith.net/db-backup.dat.gz",
        "",
        &[
            ("date", "Tue, 27 Mar 2007 21:06:08 +0000"),
            ("x-amz-acl", "public-read"),
            ("content-type", "application/x-download"),
            ("content-md5", "4gJE4saaMU4BqNR0kLY+lw=="),
            ("x-amz-meta-reviewedby", "joe@johnsmith.net"),
            ("x-amz-meta-reviewedby", "jane@johnsmith.net"),
            ("x-amz-meta-filechecksum", "0x02661779"),
            ("x-amz-meta-checksumalgorithm", "crc32"),
        ],
        "ilyl83RwaSoYIEdixDQcA4OnAnc=",
    );
}

#[test]
fn presigned_object() {
    let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D";
    let view = RequestView {
        method: "GET",
        path: "/johnsmith/photos/puppy.jpg",
        query,
        headers: &[],
    };
    let claim = S3Claim::of(&view).unwrap().unwrap();
    claim
        .verify(&view, &[view.path], example().secret())
        .unwrap();
    let at = |unix| time::OffsetDateTime::from_unix_timestamp(unix).unwrap();
    assert_eq!(claim.check_time(&view, at(1_175_139_620)), Ok(()));
    assert_eq!(
        claim.check_time(&view, at(1_175_139_621)),
        Err(SignatureError::Expired)
    );
}

#[test]
fn a_date_must_be_there_and_near() {
    let now = parse_http_date("Tue, 27 Mar 2007 19:36:42 +0000").unwrap();
    let check = |list: &[(&str, &str)]| {
        let mut list = headers(list);
        list.push(("authorization".to_owned(), "AWS AK:sig".to_owned()));
        let view = RequestView {
            method: "GET",
            path: "/",
            query: "",
            headers: &list,
        };
        S3Claim::of(&view).unwrap().unwrap().check_time(&view, now)
    };
    assert_eq!(check(&[]), Err(SignatureError::Missing("the request date")));
    assert_eq!(
        check(&[("date", "soon")]),
        Err(SignatureError::Malformed("the request date"))
    );
    assert_eq!(
        check(&[("date", "Tue, 27 Mar 2007 19:21:41 GMT")]),
        Err(SignatureError::Skewed)
    );
    assert_eq!(check(&[("date", "Tue, 27 Mar 2007 19:21:42 GMT")]), Ok(()));
}

/// The example of the Query API: `DescribeJobFlows` of 3 October 2011.
fn job_flows() -> Vec<(String, String)> {
    headers(&[
        ("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE"),
        ("Action", "DescribeJobFlows"),
        ("SignatureMethod", "HmacSHA256"),
        ("SignatureVersion", "2"),
        ("Timestamp", "2011-10-03T15:19:30"),
        ("Version", "2009-03-31"),
        ("Signature", "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs="),
    ])
}

const HOST: &str = "elasticmapreduce.amazonaws.com";

#[test]
fn query_of_the_manual() {
    let parameters = job_flows();
    let claim = QueryClaim::of(&parameters).unwrap().unwrap();
    claim
        .check_time(datetime!(2011-10-03 15:30:00 UTC))
        .unwrap();
    claim
        .verify(
            "GET",
            &["other", HOST],
            &["/x", "/"],
            &parameters,
            example().secret(),
        )
        .unwrap();
    assert!(
        claim
            .verify("POST", &[HOST], &["/"], &parameters, example().secret())
            .is_err()
    );
    assert_eq!(
        claim.check_time(datetime!(2011-10-03 15:34:51 UTC)),
        Err(SignatureError::Expired)
    );
}

#[test]
fn tolerances_of_old_clients() {
    let secret = example();
    for signature in [
        "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs",
        "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf%2FMj6vPxyYIs%3D",
    ] {
        let mut parameters = job_flows();
        parameters.last_mut().unwrap().1 = signature.to_owned();
        let claim = QueryClaim::of(&parameters).unwrap().unwrap();
        claim
            .verify(
                "GET",
                &["ElasticMapReduce.amazonaws.com"],
                &["/"],
                &parameters,
                secret.secret(),
            )
            .unwrap();
    }
}

/// Texts that clients sign which leave `*` as it is, encode as HTML forms do, or do not lower the host's case.
#[test]
fn clients_that_encode_differently_are_understood() {
    let text = |host: &str, name: &str| {
        format!(
            "GET\n{host}\n/\nAWSAccessKeyId=AK&Action=RegisterImage&Name={name}&SignatureMethod=HmacSHA256\
             &SignatureVersion=2&Timestamp=2011-10-03T15%3A19%3A30"
        )
    };
    let verify = |text: &str| {
        let key = example();
        let key = key.secret().expose().as_bytes();
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        let signature = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
        let parameters = headers(&[
            ("AWSAccessKeyId", "AK"),
            ("Action", "RegisterImage"),
            ("Name", "a *+b"),
            ("SignatureMethod", "HmacSHA256"),
            ("SignatureVersion", "2"),
            ("Timestamp", "2011-10-03T15:19:30"),
            ("Signature", &signature),
        ]);
        let claim = QueryClaim::of(&parameters).unwrap().unwrap();
        claim.verify("GET", &["Cloud"], &["/"], &parameters, example().secret())
    };
    for name in ["a%20%2A%2Bb", "a%20*%2Bb", "a+*%2Bb"] {
        verify(&text("cloud", name)).unwrap();
        verify(&text("Cloud", name)).unwrap();
    }
    verify(&text("cloud", "a%20%2A%2Bc")).unwrap_err();
}

#[test]
fn unknown_methods_and_versions_are_refused() {
    for (name, value) in [("SignatureMethod", "HmacMD5"), ("SignatureVersion", "1")] {
        let mut parameters = job_flows();
        parameters.retain(|(parameter, _)| parameter != name);
        parameters.extend(headers(&[(name, value)]));
        assert!(QueryClaim::of(&parameters).is_err(), "{name}");
    }
    assert_eq!(QueryClaim::of(&[]), Ok(None));
}

#[test]
fn what_is_signed_is_accepted() {
    let credentials = Credentials::new(AccessKeyId::new("AK"), SecretString::new("SK"));
    let mut parameters = headers(&[
        ("Action", "DescribeImages"),
        ("Filter.1.Value.1", "a b*+é/~"),
        ("Flag", ""),
    ]);
    let now = datetime!(2026-01-02 03:04:05 UTC);
    sign_query(
        "POST",
        "127.0.0.1:8773",
        "/services/Eucalyptus",
        &mut parameters,
        &credentials,
        now,
    );
    let claim = QueryClaim::of(&parameters).unwrap().unwrap();
    claim.check_time(now).unwrap();
    let paths = ["/services/Eucalyptus"];
    claim
        .verify(
            "POST",
            &["127.0.0.1:8773"],
            &paths,
            &parameters,
            credentials.secret(),
        )
        .unwrap();
    parameters[1].1.push('x');
    assert!(
        claim
            .verify(
                "POST",
                &["127.0.0.1:8773"],
                &paths,
                &parameters,
                credentials.secret()
            )
            .is_err()
    );
}
