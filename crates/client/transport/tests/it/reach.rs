//! Servers that are not reached, and what is said of them at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gumnut_transport::{TransportError, Unreachable};

use crate::server::{Answer, Server, alert, busy, closed, half, nowhere, ok, only_tls};
use crate::{Told, request, transport};

async fn error(url: &str) -> (TransportError, Vec<String>) {
    let told = Arc::new(Told::default());
    let error = transport(&told)
        .execute(&request("GET", url), 1000)
        .await
        .unwrap_err();
    (error, told.lines())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    for url in [
        format!("http://{}/", nowhere()),
        format!("https://{}/", nowhere()),
        format!("http://{}/services/Walrus", nowhere()),
    ] {
        let start = Instant::now();
        let (error, told) = error(&url).await;
        assert!(start.elapsed() < Duration::from_secs(1));
        assert!(
            matches!(
                error,
                TransportError::Unreachable {
                    reason: Unreachable::Refused,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(
            std::error::Error::source(&error).is_none(),
            "one line says it"
        );
        assert_eq!(told.len(), 1, "one attempt: {told:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_known_is_told_and_not_asked_for_again() {
    let (error, told) = error("http://nosuch.invalid/").await;
    assert!(
        matches!(
            error,
            TransportError::Unreachable {
                reason: Unreachable::UnknownHost,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("nosuch.invalid"), "{error}");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn http_to_a_server_of_tls_is_said_in_words() {
    // The answer is no HTTP, or no answer at all; then the server is asked for TLS.
    for answers in [vec![alert as Answer, only_tls], vec![only_tls; 7]] {
        let server = Server::start(answers);
        let (error, _) = error(&format!("http://{}/", server.host)).await;
        assert!(
            matches!(error, TransportError::WrongScheme { https: false, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("must be https://"), "{error}");
        let asked = server.asked();
        assert!(
            !asked.last().unwrap().contains("Signature"),
            "nothing is signed for it"
        );
    }
    for says in [
        "<html>400 The plain HTTP request was sent to HTTPS port</html>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
    ] {
        let answers: [Answer; 3] = [nginx, go, apache];
        let at = ["<html>", "Client", "Reason"]
            .iter()
            .position(|start| says.starts_with(start));
        let server = Server::start(vec![answers[at.unwrap()]]);
        let (error, told) = error(&format!("http://{}/", server.host)).await;
        assert!(
            matches!(error, TransportError::WrongScheme { https: false, .. }),
            "{says} {error:?}"
        );
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

fn bad(says: &str) -> Vec<u8> {
    let length = says.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{says}"
    )
    .into_bytes()
}

fn nginx(_: &[u8]) -> Vec<u8> {
    bad("<html>400 The plain HTTP request was sent to HTTPS port</html>")
}

fn go(_: &[u8]) -> Vec<u8> {
    bad("Client sent an HTTP request to an HTTPS server.\n")
}

fn apache(_: &[u8]) -> Vec<u8> {
    bad("Reason: You're speaking plain HTTP to an SSL-enabled server port.")
}

#[tokio::test]
async fn tls_to_a_plain_server_is_said_in_words_at_once() {
    let server = Server::start(vec![nginx]);
    let (error, told) = error(&format!("https://{}/", server.host)).await;
    assert!(
        matches!(error, TransportError::WrongScheme { https: true, .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("may have to be http://"),
        "{error}"
    );
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn what_breaks_in_the_middle_is_tried_again_and_announced() {
    for first in [busy as Answer, closed, half] {
        let server = Server::start(vec![first, ok]);
        let told = Arc::new(Told::default());
        let url = format!("http://{}/", server.host);
        transport(&told)
            .execute(&request("GET", &url), 1000)
            .await
            .unwrap();
        let lines = told.lines();
        assert!(lines.contains(&"again 1 of 5".to_owned()), "{lines:?}");
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_server_that_has_answered_may_be_starting_again() {
    let server = Server::start(vec![ok]);
    let told = Arc::new(Told::default());
    let transport = transport(&told);
    let url = format!("http://{}/", server.host);
    transport
        .execute(&request("GET", &url), 1000)
        .await
        .unwrap();
    server.asked();
    let error = transport
        .execute(&request("GET", &url), 1000)
        .await
        .unwrap_err();
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error:?}"
    );
    let again = told
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("again"));
    assert_eq!(again.count(), 5);
}
