//! A server for one stream that is no connection of this server: a guest that asks for its metadata.

use std::convert::Infallible;
use std::future;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// Largest head of a request in bytes.
const HEAD: usize = 16 << 10;
/// Most headers of a request.
const HEADERS: usize = 64;
/// How long a client may take for the head of a request, and be idle between requests.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers the requests that come over a stream, one after the other, until it ends. For answers that are made at once, and requests whose
/// bodies mean nothing: these are not read. A head may have 16 KiB and take 30 seconds.
pub async fn serve_stream<S>(stream: S, answer: impl Fn(&Parts) -> Response<Vec<u8>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (head, _) = request.into_parts();
        let response = answer(&head).map(|body| Full::new(Bytes::from(body)));
        future::ready(Ok::<_, Infallible>(response))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        // Simple clients send all they have and then only read.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a stream ended early");
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What a client gets for what it sends, until the stream ends.
    async fn answer(sent: &[u8]) -> String {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let serve = serve_stream(server, |head| {
            let mut response = Response::new(head.uri.path().as_bytes().to_vec());
            if head.method != http::Method::GET {
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
            response
        });
        let talk = async {
            client.write_all(sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        tokio::join!(talk, serve).0
    }

    #[tokio::test]
    async fn requests_are_answered_one_after_the_other() {
        let two = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nPOST /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = answer(two).await;
        let (first, second) = answer.split_once("/a").unwrap();
        assert!(first.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(second.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(second.ends_with("/b"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused() {
        let mut long = b"GET / HTTP/1.1\r\nx: ".to_vec();
        long.resize(1 << 20, b'a');
        let answer = answer(&long[..200 << 10]).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}
