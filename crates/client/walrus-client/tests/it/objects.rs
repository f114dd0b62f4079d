//! What each call sends, and what it makes of the answer.

use gumnut_transport::TransportError;
use gumnut_walrus_client::{BucketState, CannedAcl, Content, ObjectHead, PutOptions};

use crate::client;
use crate::server::{Answer, Server, answer, error, ok};

fn bucket() -> gumnut_types::BucketName {
    "bucket".parse().unwrap()
}

fn key(text: &str) -> gumnut_types::ObjectKey {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_object_is_put_with_acl_and_md5_under_its_encoded_key() {
    let server = Server::start(vec![ok()]);
    let options = PutOptions {
        acl: Some(CannedAcl::AwsExecRead),
        metadata: &[("gumnut-source", "0123")],
    };
    let content = Content::bytes("hello");
    client(&server)
        .put_object(&bucket(), &key("a b/ü+?#.img"), &content, options)
        .await
        .unwrap();
    let asked = &server.asked()[0];
    assert_eq!(
        asked.line(),
        "PUT /services/Walrus/bucket/a%20b/%C3%BC%2B%3F%23.img HTTP/1.1"
    );
    assert_eq!(asked.header("x-amz-acl"), Some("aws-exec-read"));
    assert_eq!(asked.header("x-amz-meta-gumnut-source"), Some("0123"));
    assert_eq!(
        asked.header("content-md5"),
        Some("XUFAKrxLKna5cZ2REBfFkg==")
    );
    assert_eq!(asked.body, b"hello");
}

#[tokio::test]
async fn a_wrong_md5_is_noticed_and_another_kind_of_tag_is_not() {
    for (etag, good) in [
        ("\"5d41402abc4b2a76b9719d911017c592\"", true),
        ("\"5d41402abc4b2a76b9719d911017c592-2\"", true),
        ("\"opaque\"", true),
        ("\"00000000000000000000000000000000\"", false),
    ] {
        let server = Server::start(vec![answer("200 OK", &format!("etag: {etag}\r\n"), "")]);
        let content = Content::bytes("hello");
        let put = client(&server)
            .put_object(&bucket(), &key("k"), &content, PutOptions::default())
            .await;
        assert_eq!(put.is_ok(), good, "{etag}: {put:?}");
    }
}

#[tokio::test]
async fn buckets_are_made_and_probed() {
    let answers = vec![
        ok(),
        error("409 Conflict", "BucketAlreadyOwnedByYou"),
        error("409 Conflict", "BucketAlreadyExists"),
        ok(),
        error("404 Not Found", "NoSuchBucket"),
    ];
    let server = Server::start(answers);
    let client = client(&server);
    client.create_bucket(&bucket(), None).await.unwrap();
    client.create_bucket(&bucket(), None).await.unwrap();
    assert_eq!(
        client
            .create_bucket(&bucket(), None)
            .await
            .unwrap_err()
            .refusal()
            .unwrap()
            .code,
        "BucketAlreadyExists"
    );
    assert_eq!(
        client.bucket_state(&bucket()).await.unwrap(),
        BucketState::Usable
    );
    assert_eq!(
        client.bucket_state(&bucket()).await.unwrap(),
        BucketState::Missing
    );
    assert_eq!(
        server.asked()[3].line(),
        "GET /services/Walrus/bucket?max-keys=0 HTTP/1.1"
    );
}

#[tokio::test]
async fn heads_and_deletions() {
    let head =
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 7\r\netag: \"abc\"\r\nX-Amz-Meta-Gumnut-Source: 0123\r\n\r\n"
            .to_vec();
    let gone = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec();
    let answers = vec![
        Answer::Bytes(head),
        Answer::Bytes(gone),
        ok(),
        error("404 Not Found", "NoSuchKey"),
    ];
    let server = Server::start(answers);
    let client = client(&server);
    let found = client.head_object(&bucket(), &key("k")).await.unwrap();
    assert_eq!(
        found,
        Some(ObjectHead {
            metadata: [("gumnut-source".to_owned(), "0123".to_owned())].into(),
            size: 7,
            etag: "abc".to_owned()
        })
    );
    assert_eq!(
        client.head_object(&bucket(), &key("k")).await.unwrap(),
        None
    );
    client.delete_object(&bucket(), &key("k")).await.unwrap();
    client.delete_object(&bucket(), &key("k")).await.unwrap();
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let cut = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    let server = Server::start(vec![Answer::Bytes(cut.clone())]);
    let mut download = client(&server)
        .get_object(&bucket(), &key("k"))
        .await
        .unwrap();
    assert_eq!(download.length(), Some(100));
    let mut read = Vec::new();
    let error = loop {
        match download.chunk().await {
            Ok(Some(piece)) => read.extend_from_slice(&piece),
            Ok(None) => panic!("half an object passes for a whole one"),
            Err(error) => break error,
        }
    };
    assert_eq!(read, b"half");
    assert!(
        matches!(
            error,
            TransportError::Network { .. } | TransportError::Malformed { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_whole_object_is_read_and_a_longer_one_refused() {
    let server = Server::start(vec![
        answer("200 OK", "", "hello"),
        answer("200 OK", "", "hello"),
    ]);
    let client = client(&server);
    assert_eq!(
        client
            .get_object_bytes(&bucket(), &key("k"), 5)
            .await
            .unwrap(),
        "hello"
    );
    let error = client
        .get_object_bytes(&bucket(), &key("k"), 4)
        .await
        .unwrap_err();
    assert!(
        matches!(error, TransportError::Malformed { .. }),
        "{error:?}"
    );
}

fn page(keys: &[&str], truncated: bool) -> Answer {
    let entries: Vec<_> = keys
        .iter()
        .map(|key| {
            format!("<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents>")
        })
        .collect();
    let body = format!(
        "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><IsTruncated>{truncated}</IsTruncated>{}\
         </ListBucketResult>",
        entries.concat()
    );
    answer("200 OK", "", &body)
}

#[tokio::test]
async fn listings_are_followed_to_their_end() {
    let server = Server::start(vec![
        page(&["p/a", "p/b &amp; c"], true),
        page(&["p/d"], false),
    ]);
    let objects = client(&server).list_objects(&bucket(), "p/").await.unwrap();
    let keys: Vec<_> = objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["p/a", "p/b & c", "p/d"]);
    assert_eq!((objects[0].size, objects[0].etag.as_str()), (3, "e"));
    let asked = server.asked();
    assert!(
        asked[1]
            .line()
            .contains("marker=p%2Fb%20%26%20c&max-keys=1000&prefix=p%2F"),
        "{}",
        asked[1].line()
    );
}

#[tokio::test]
async fn a_listing_without_progress_is_refused() {
    for second in [page(&["a"], true), page(&[], true)] {
        let server = Server::start(vec![page(&["a"], true), second]);
        let error = client(&server)
            .list_objects(&bucket(), "")
            .await
            .unwrap_err();
        assert!(
            matches!(error, TransportError::Malformed { .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn own_buckets_come_with_their_owner() {
    let body = "<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>0a1b</ID>\
                <DisplayName>alice</DisplayName></Owner><Buckets><Bucket><Name>images</Name>\
                <CreationDate>2026-11-30T19:00:00.000Z</CreationDate></Bucket><Bucket><Name>Old_Name</Name></Bucket></Buckets>\
                </ListAllMyBucketsResult>";
    let server = Server::start(vec![answer("200 OK", "", body)]);
    let own = client(&server).list_buckets().await.unwrap();
    assert_eq!(server.asked()[0].line(), "GET /services/Walrus HTTP/1.1");
    assert_eq!(
        (own.owner_id.as_str(), own.owner_name.as_str()),
        ("0a1b", "alice")
    );
    let names: Vec<_> = own.buckets.iter().map(|bucket| &bucket.name[..]).collect();
    assert_eq!(names, ["images", "Old_Name"]);
    assert_eq!(own.buckets[0].created, "2026-11-30T19:00:00.000Z");
    assert_eq!(own.buckets[1].created, "");
}

#[tokio::test]
async fn the_right_to_write_is_found_out_without_writing() {
    for (status, code, may) in [
        ("400 Bad Request", "BadDigest", Some(true)),
        ("400 Bad Request", "InvalidDigest", Some(true)),
        ("403 Forbidden", "AccessDenied", Some(false)),
        ("404 Not Found", "NoSuchBucket", None),
    ] {
        let server = Server::start(vec![error(status, code)]);
        let found = client(&server).may_write(&bucket(), &key("probe")).await;
        assert_eq!(found.ok(), may, "{code}");
        let asked = &server.asked()[0];
        assert!(asked.line().starts_with("PUT "), "{}", asked.line());
        // The MD5 of something else.
        assert_ne!(
            asked.header("content-md5"),
            Some("ndTkYSaMgDT1yFZOFVxnpg==")
        );
    }
    // A store that does not compare has the object, which is deleted again.
    let server = Server::start(vec![ok(), ok()]);
    let may = client(&server).may_write(&bucket(), &key("probe")).await;
    assert!(may.unwrap());
    assert!(server.asked()[1].line().starts_with("DELETE "));
}
