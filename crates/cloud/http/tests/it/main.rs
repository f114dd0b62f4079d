//! A server and its front ends, over a socket.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use gumnut_cloud_http::{
    Body, ClientBody, FrontEnd, HttpLimits, RefusalCode, RequestId, Server, ServerOptions, text,
};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

/// A front end for the paths that begin with its name.
struct Echo(&'static str);

#[async_trait::async_trait]
impl FrontEnd for Echo {
    fn name(&self) -> &'static str {
        self.0
    }

    fn wants(&self, head: &Parts) -> bool {
        head.uri.path()[1..].starts_with(self.0)
    }

    async fn answer(&self, request: Request<ClientBody>, _: &RequestId) -> Response<Body> {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut response = text(StatusCode::OK, self.0);
        if !body.is_empty() {
            response
                .extensions_mut()
                .insert(RefusalCode::of("Invented"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }

    fn overloaded(&self, _: &Parts, _: &RequestId) -> Response<Body> {
        text(StatusCode::SERVICE_UNAVAILABLE, "later")
    }
}

/// A front end whose answers wait to be let through.
struct Waiting {
    came: Arc<Notify>,
    answers: Arc<Semaphore>,
}

#[async_trait::async_trait]
impl FrontEnd for Waiting {
    fn name(&self) -> &'static str {
        "waiting"
    }

    fn wants(&self, _: &Parts) -> bool {
        true
    }

    async fn answer(&self, _: Request<ClientBody>, _: &RequestId) -> Response<Body> {
        self.came.notify_one();
        let _answer = self.answers.acquire().await.unwrap();
        text(StatusCode::OK, "at last")
    }

    fn overloaded(&self, _: &Parts, _: &RequestId) -> Response<Body> {
        text(StatusCode::SERVICE_UNAVAILABLE, "later")
    }
}

async fn start(front_ends: Vec<Box<dyn FrontEnd>>, limits: HttpLimits) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let options = ServerOptions {
        front_ends,
        limits,
        tls: None,
        grace: Duration::from_secs(10),
        free_space: Box::new(|| Ok(42)),
    };
    Server::start(listener, options).unwrap()
}

/// Sends a request and gives the whole answer.
async fn ask(server: &Server, request: &str) -> String {
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    let (first, rest) = request.split_once('\n').unwrap_or((request, ""));
    let request = format!("{first} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{rest}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

fn status(answer: &str) -> &str {
    &answer["HTTP/1.1 ".len()..][..3]
}

#[tokio::test]
async fn the_first_that_wants_a_request_answers_it() {
    let front_ends: Vec<Box<dyn FrontEnd>> = vec![Box::new(Echo("ab")), Box::new(Echo("a"))];
    let server = start(front_ends, HttpLimits::default()).await;
    assert!(ask(&server, "GET /abc").await.ends_with("ab"));
    let answer = ask(&server, "GET /acb").await;
    assert!(answer.ends_with("\r\n\r\na"), "{answer}");
    assert!(answer.contains("x-amz-request-id: ") && answer.contains("x-amzn-requestid: "));
    assert_eq!(status(&ask(&server, "GET /b").await), "404");
    let soap = "POST /a\nsoapaction: x\r\ncontent-length: 0\r\n";
    assert_eq!(status(&ask(&server, soap).await), "400");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn metrics_tell_front_ends_apart_and_invent_no_labels() {
    let front_ends: Vec<Box<dyn FrontEnd>> = vec![Box::new(Echo("ab")), Box::new(Echo("a"))];
    let server = start(front_ends, HttpLimits::default()).await;
    assert!(ask(&server, "GET /healthz").await.ends_with("ok\n"));
    assert_eq!(status(&ask(&server, "GET /ab").await), "200");
    let refused = "PUT /a\ncontent-length: 3\r\n\r\nabc";
    assert_eq!(status(&ask(&server, refused).await), "400");
    let page = ask(&server, "GET /metrics").await;
    for line in [
        "gumnut_cloud_requests_total{service=\"ab\",method=\"GET\",status=\"2xx\"} 1",
        "gumnut_cloud_requests_total{service=\"a\",method=\"PUT\",status=\"4xx\"} 1",
        "gumnut_cloud_refusals_total{service=\"a\",code=\"other\"} 1",
        "gumnut_cloud_received_bytes_total{service=\"a\"} 3",
        "gumnut_cloud_sent_bytes_total{service=\"ab\"} 2",
        "gumnut_cloud_disk_free_bytes 42",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn more_than_the_most_are_told_to_come_later() {
    let (came, answers) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let waiting = Waiting {
        came: Arc::clone(&came),
        answers: Arc::clone(&answers),
    };
    let limits = HttpLimits {
        requests: 1,
        patience: Duration::from_millis(50),
        ..HttpLimits::default()
    };
    let server = Arc::new(start(vec![Box::new(waiting)], limits).await);
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { ask(&server, "GET /").await }
    });
    came.notified().await;
    let second = ask(&server, "GET /").await;
    assert_eq!(status(&second), "503");
    assert!(second.ends_with("later"), "{second}");
    answers.add_permits(1);
    assert!(first.await.unwrap().ends_with("at last"));
}

#[tokio::test]
async fn idle_connections_make_room_for_others() {
    let limits = HttpLimits {
        connections: 3,
        connections_per_client: 3,
        // What is closed in the meantime is not closed because it has said nothing for so long.
        head_time: Duration::from_hours(1),
        ..HttpLimits::default()
    };
    let server = start(vec![Box::new(Echo("a"))], limits).await;
    // A connection that is kept open after its answer, which says that all before it have been accepted.
    let answered = async || {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let request = b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
        stream
    };
    let silent = TcpStream::connect(server.addr()).await.unwrap();
    let mut begun = TcpStream::connect(server.addr()).await.unwrap();
    begun.write_all(b"GET /a HTTP/1.1\r\nhost").await.unwrap();
    let used = answered().await;
    let mut held = Vec::new();
    for mut closed in [silent, begun, used] {
        held.push(answered().await);
        let mut rest = String::new();
        closed.read_to_string(&mut rest).await.unwrap();
        // Nothing of an answer is cut off.
        assert!(rest.is_empty() || rest.ends_with("\r\n\r\na"), "{rest:?}");
    }
}
