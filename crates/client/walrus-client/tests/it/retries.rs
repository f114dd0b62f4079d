//! When requests are repeated, and when not.

use std::time::Duration;

use gumnut_transport::{SignatureVersion, TransportError};
use gumnut_walrus_client::{Content, PutOptions};

use crate::server::{Answer, Server, answer, error, ok};
use crate::{SECRET, client, client_with, config, v4};

fn bucket() -> gumnut_types::BucketName {
    "bucket".parse().unwrap()
}

fn key() -> gumnut_types::ObjectKey {
    "key".parse().unwrap()
}

#[tokio::test]
async fn a_body_is_sent_whole_again_after_a_503_and_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    fs_err::write(&path, &bytes).unwrap();
    for content in [
        Content::bytes(bytes.clone()),
        Content::file(&path).await.unwrap(),
    ] {
        let server = Server::start(vec![
            error("503 Slow Down", "SlowDown"),
            Answer::Reset,
            ok(),
        ]);
        let client = client(&server);
        client
            .put_object(&bucket(), &key(), &content, PutOptions::default())
            .await
            .unwrap();
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        assert!(
            asked[0].body == bytes && asked[2].body == bytes,
            "the body is not whole"
        );
        assert_eq!(asked[2].header("content-length"), Some("3000000"));
        let host = asked[2].header("host").unwrap();
        assert!(host.starts_with("127.0.0.1:"), "{host}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_names_code_message_and_request() {
    let server = Server::start(vec![error("403 Forbidden", "AccessDenied")]);
    let error = client(&server).bucket_state(&bucket()).await.unwrap_err();
    let text = error.to_string();
    for part in ["GET bucket", "403", "AccessDenied", "no", "R-17"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn retries_end_with_the_last_error() {
    let answers = (0..3).map(|_| error("500 Oh", "InternalError")).collect();
    let server = Server::start(answers);
    let mut config = config(v4());
    config.retry.retries = 2;
    let error = client_with(&server, config)
        .bucket_state(&bucket())
        .await
        .unwrap_err();
    assert_eq!(error.refusal().unwrap().code, "InternalError");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn the_signature_version_never_changes() {
    let versions = [
        (v4(), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        (SignatureVersion::V2, "AWS AKIDEXAMPLE:"),
    ];
    for (version, begins) in versions {
        let answers = vec![
            error("503 Slow Down", "SlowDown"),
            error("403 Forbidden", "SignatureDoesNotMatch"),
        ];
        let server = Server::start(answers);
        let client = client_with(&server, config(version));
        client.bucket_state(&bucket()).await.unwrap_err();
        for asked in server.asked() {
            assert!(asked.header("authorization").unwrap().starts_with(begins));
        }
    }
}

#[tokio::test]
async fn silence_ends_at_the_time_limit() {
    let server = Server::start(vec![Answer::Silence]);
    let mut config = config(v4());
    config.retry.retries = 0;
    config.retry.per_attempt = Duration::from_millis(100);
    let error = client_with(&server, config)
        .bucket_state(&bucket())
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::Timeout { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn another_endpoint_is_named_and_not_followed() {
    let body =
        "<Error><Code>PermanentRedirect</Code><Endpoint>s3.elsewhere.example</Endpoint></Error>";
    let server = Server::start(vec![answer("301 Moved", "", body)]);
    let error = client(&server).bucket_state(&bucket()).await.unwrap_err();
    assert!(
        error.to_string().contains("s3.elsewhere.example"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_huge_error_is_cut_off() {
    let server = Server::start(vec![answer("400 Bad", "", &"x".repeat(1 << 20))]);
    let error = client(&server).bucket_state(&bucket()).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, 400);
    assert!(error.to_string().len() < 3000);
}

#[tokio::test]
async fn secrets_are_nowhere() {
    let config = config(v4());
    assert!(!format!("{config:?}").contains(SECRET));
    let transport = gumnut_transport::Transport::new(config).unwrap();
    assert!(!format!("{transport:?}").contains(SECRET));
    let server = Server::start(vec![error("403 Forbidden", "InvalidAccessKeyId")]);
    let error = client(&server).bucket_state(&bucket()).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains(SECRET));
    assert!(!server.asked()[0].head.contains(SECRET));
}
