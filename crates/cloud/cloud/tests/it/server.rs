//! What is below the protocols: connections, bounds, start and stop.

use std::net::SocketAddr;

use gumnut_cloud::{Cloud, CloudError, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{TestCloud, config, fresh_data_dir};

pub(crate) async fn connect(cloud: &TestCloud) -> TcpStream {
    let (_, authority) = cloud.endpoint().split_once("://").unwrap();
    let addr: SocketAddr = authority.parse().unwrap();
    TcpStream::connect(addr).await.unwrap()
}

/// Sends a text as it is and reads until the other side closes.
pub(crate) async fn talk(cloud: &TestCloud, text: &str) -> String {
    let mut stream = connect(cloud).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The lines of a signed PUT but for the one with the length.
pub(crate) fn put_head(cloud: &TestCloud, target: &str) -> String {
    let resource = target.split('?').next().unwrap();
    let request = cloud.request("PUT", target).v2(&cloud.alice, resource);
    let lines = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    format!(
        "PUT {target} HTTP/1.1\r\n{}connection: close\r\n",
        lines.collect::<String>()
    )
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let mut stream = connect(&cloud).await;
    let head = put_head(&cloud, "/bucket/k") + "expect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(interim, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"text").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.text(), "text");
}

#[tokio::test]
async fn a_client_that_asks_first_is_spared_a_body_that_is_refused() {
    let cloud = TestCloud::start().await;
    let head =
        put_head(&cloud, "/nobucket/k") + "expect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    let answer = talk(&cloud, &head).await;
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
    // What it sends anyway is not a request, so it is redirected.
    let head = head.replace("connection: close\r\n", "");
    let answer = talk(&cloud, &format!("{head}GET ")).await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn an_expectation_of_something_else_is_none() {
    let cloud = TestCloud::start().await;
    let head = put_head(&cloud, "/nobucket/k").replace("connection: close\r\n", "");
    let refused = format!("{head}expect: 200\r\ncontent-length: 4\r\n\r\ntext");
    let last = put_head(&cloud, "/nobucket/k") + "content-length: 0\r\n\r\n";
    let answers = talk(&cloud, &(refused + &last)).await;
    assert_eq!(answers.matches("HTTP/1.1 404 ").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_client_that_is_still_sending_gets_to_hear_the_refusal() {
    let cloud = TestCloud::start().await;
    let body = vec![0; 8 << 20];
    let refused = cloud
        .put(&cloud.bob.with_secret("wrong"), "/bucket/k", &body)
        .await;
    assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"));
    let refused = cloud.put(&cloud.alice, "/nobucket/k", &body).await;
    assert_eq!(refused.refusal(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn a_body_needs_a_length_or_an_end() {
    let cloud = TestCloud::start_with(|config| config.limits.put_bytes = 4);
    let cloud = cloud.await.with_bucket("bucket").await;
    let put = |rest: &str| put_head(&cloud, "/bucket/k") + rest;
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    for (rest, status, code) in [
        ("\r\n".to_owned(), "411", "MissingContentLength"),
        (
            format!("{chunked}5\r\nabcde\r\n0\r\n\r\n"),
            "400",
            "EntityTooLarge",
        ),
    ] {
        let answer = talk(&cloud, &put(&rest)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
        let get = cloud.get(&cloud.alice, "/bucket/k").await;
        assert_eq!(get.refusal(), (404, "NoSuchKey"), "{rest}");
    }
    let whole = put(&format!("{chunked}1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n"));
    let answer = talk(&cloud, &whole).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.text(), "abcd");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/k", b"old").await;
    for begun in [
        "content-length: 100\r\n\r\nonly this",
        "transfer-encoding: chunked\r\n\r\n4\r\nonly\r\n",
    ] {
        let mut stream = connect(&cloud).await;
        let head = put_head(&cloud, "/bucket/k") + begun;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    }
    let temporary = || {
        fs_err::read_dir(cloud.dir.path().join("tmp"))
            .unwrap()
            .count()
    };
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.text(), "old");
    assert_eq!(temporary(), 0);
}

#[tokio::test]
async fn bounds_and_things_that_are_not_served() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.head_bytes = 16 << 10;
        config.limits.document_bytes = 1000;
    })
    .await;
    assert_eq!(cloud.request("GET", "/healthz").send().await.text(), "ok\n");
    let soap = cloud
        .request("POST", "/services/Walrus")
        .header("soapaction", "x")
        .send()
        .await;
    assert_eq!(soap.status, 400);
    let long = format!(
        "GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n",
        "x".repeat(20 << 10)
    );
    let answer = talk(&cloud, &long).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let form = vec![b'x'; 1001];
    let request = cloud.request("POST", "/services/compute").body(&form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.status, 413);
    let document = cloud
        .request("POST", "/bucket?delete")
        .body(&form)
        .v4(&cloud.alice);
    assert_eq!(
        document.send().await.refusal(),
        (400, "MaxMessageLengthExceeded")
    );
}

#[tokio::test]
async fn request_ids_differ() {
    let cloud = TestCloud::start().await;
    let one = cloud.get(&cloud.alice, "/").await;
    let other = cloud.get(&cloud.alice, "/").await;
    assert_eq!(one.header("x-amz-request-id").len(), 36);
    assert_ne!(
        one.header("x-amz-request-id"),
        other.header("x-amz-request-id")
    );
}

#[tokio::test]
async fn one_cloud_uses_a_folder_and_only_on_this_machine() {
    let cloud = TestCloud::start().await;
    let second = Cloud::start(config(cloud.dir.path())).await;
    assert!(matches!(second, Err(CloudError::Locked(_))), "{second:?}");
    let dir = fresh_data_dir();
    let mut open = config(dir.path());
    open.listen = "0.0.0.0:0".parse().unwrap();
    let refused = Cloud::start(open.clone()).await;
    assert!(
        matches!(refused, Err(CloudError::NotLoopback(_))),
        "{refused:?}"
    );
    open.allow_remote = true;
    let refused = Cloud::start(open.clone()).await;
    assert!(
        matches!(refused, Err(CloudError::NotEncrypted(_))),
        "{refused:?}"
    );
    open.tls = Some(Tls::Made);
    open.allow_remote = false;
    let refused = Cloud::start(open.clone()).await;
    assert!(
        matches!(refused, Err(CloudError::NotLoopback(_))),
        "{refused:?}"
    );
    open.allow_remote = true;
    Cloud::start(open).await.unwrap().shutdown().await.unwrap();

    let again = config(cloud.dir.path());
    cloud.running.shutdown().await.unwrap();
    Cloud::start(again).await.unwrap().shutdown().await.unwrap();
}

#[tokio::test]
async fn a_running_request_may_finish_when_the_cloud_ends() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let mut stream = connect(&cloud).await;
    let head = put_head(&cloud, "/bucket/k") + "expect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The interim answer says that the request is being worked on.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    let finish = async {
        stream.write_all(b"text").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (ended, answer) = tokio::join!(cloud.running.shutdown(), finish);
    ended.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
