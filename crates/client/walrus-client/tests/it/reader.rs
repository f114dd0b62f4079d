//! Reading on where a connection broke.

use gumnut_transport::TransportError;
use gumnut_types::{BucketName, ObjectKey};
use gumnut_walrus_client::{ObjectHead, ObjectReader};

use crate::server::{Answer, Server, answer};
use crate::{client, client_with, config, v4};

const WHOLE: &str = "0123456789";

fn reader(server: &Server, head: Option<&ObjectHead>) -> ObjectReader {
    let (bucket, key): (BucketName, ObjectKey) =
        ("bucket".parse().unwrap(), "key".parse().unwrap());
    client(server).read_object(&bucket, &key, head)
}

fn head(size: u64) -> ObjectHead {
    ObjectHead {
        size,
        etag: "tag".to_owned(),
        metadata: std::collections::BTreeMap::default(),
    }
}

async fn read(mut reader: ObjectReader) -> Result<String, TransportError> {
    let mut text = String::new();
    while let Some(piece) = reader.chunk().await? {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    Ok(text)
}

/// An answer whose connection ends before its body does.
fn cut(status: &str, headers: &str, length: usize, body: &str) -> Answer {
    Answer::Bytes(
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes(),
    )
}

#[tokio::test]
async fn a_broken_connection_is_gone_on_with_by_range_and_tag() {
    for known in [Some(head(10)), None] {
        let server = Server::start(vec![
            cut("200 OK", "etag: \"tag\"\r\n", 10, "0123"),
            cut("206 Partial", "content-range: bytes 4-9/10\r\n", 6, "45"),
            answer("206 Partial", "content-range: bytes 6-9/10\r\n", "6789"),
        ]);
        assert_eq!(read(reader(&server, known.as_ref())).await.unwrap(), WHOLE);
        let asked = server.asked();
        let header = |at: usize, name| asked[at].header(name);
        assert_eq!(header(0, "range"), None);
        assert_eq!(header(1, "range"), Some("bytes=4-"));
        assert_eq!(header(2, "range"), Some("bytes=6-"));
        assert_eq!(header(2, "if-match"), Some("\"tag\""));
        assert_eq!(header(0, "if-match").is_some(), known.is_some());
    }
}

#[tokio::test]
async fn a_store_without_ranges_sends_all_of_it_again() {
    let server = Server::start(vec![
        cut("200 OK", "", 10, "0123"),
        answer("200 OK", "", WHOLE),
    ]);
    assert_eq!(read(reader(&server, None)).await.unwrap(), WHOLE);
}

#[tokio::test]
async fn another_object_or_range_is_refused() {
    let cases = [
        vec![answer("200 OK", "", "01234567890")],
        vec![
            cut("200 OK", "", 10, "0123"),
            answer("206 Partial", "content-range: bytes 5-9/10\r\n", "56789"),
        ],
        vec![
            cut("200 OK", "", 10, "0123"),
            answer("206 Partial", "content-range: bytes 4-9/11\r\n", "456789"),
        ],
        vec![
            cut("200 OK", "", 10, "0123"),
            answer("206 Partial", "", "456789"),
        ],
    ];
    for answers in cases {
        let server = Server::start(answers);
        let error = read(reader(&server, Some(&head(10)))).await.unwrap_err();
        assert!(matches!(error, TransportError::Malformed { .. }), "{error}");
        let _ = server.asked();
    }
    let changed = answer("412 Precondition Failed", "", "");
    let server = Server::start(vec![cut("200 OK", "", 10, "0123"), changed]);
    let error = read(reader(&server, Some(&head(10)))).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 412);
}

#[tokio::test]
async fn connections_that_bring_nothing_are_counted() {
    let empty = || cut("200 OK", "", 10, "");
    let server = Server::start(vec![empty(), empty(), empty()]);
    let mut config = config(v4());
    config.retry.retries = 2;
    let (bucket, key): (BucketName, ObjectKey) =
        ("bucket".parse().unwrap(), "key".parse().unwrap());
    let reader = client_with(&server, config).read_object(&bucket, &key, None);
    let error = read(reader).await.unwrap_err();
    assert!(matches!(error, TransportError::Network { .. }), "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn an_empty_object_has_no_pieces() {
    let server = Server::start(vec![answer("200 OK", "", "")]);
    assert_eq!(read(reader(&server, None)).await.unwrap(), "");
    // Of one that is known to be empty nothing has to be asked.
    let known = reader(&server, Some(&head(0)));
    assert_eq!(read(known).await.unwrap(), "");
    assert_eq!(server.asked().len(), 1);
}
