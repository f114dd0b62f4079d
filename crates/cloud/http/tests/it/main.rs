//! A server and its front ends, over a socket.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gumnut_cloud_http::{
    AlwaysReady, Body, ClientBody, Condition, FrontEnd, HttpLimits, Instruments, Probe,
    RefusalCode, RequestId, Server, ServerOptions, text,
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

fn options(front_ends: Vec<Box<dyn FrontEnd>>, limits: HttpLimits) -> ServerOptions {
    ServerOptions {
        front_ends,
        limits,
        tls: None,
        grace: Duration::from_secs(10),
        free_space: Box::new(|| Ok(42)),
        name: "fe\"1".to_owned(),
        probe: Box::new(AlwaysReady),
        instruments: Instruments::default(),
    }
}

async fn start_with(options: ServerOptions) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    Server::start(listener, options).unwrap()
}

async fn start(front_ends: Vec<Box<dyn FrontEnd>>, limits: HttpLimits) -> Server {
    start_with(options(front_ends, limits)).await
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
        "gumnut_cloud_ready 1",
        "gumnut_cloud_ready_condition{condition=\"serving\"} 1",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let build = page
        .lines()
        .find(|line| line.starts_with("gumnut_cloud_build_info{"));
    assert!(
        build.unwrap().ends_with(",name=\"fe\\\"1\"} 1"),
        "{build:?}"
    );
    server.shutdown().await.unwrap();
}

/// Finds the database as it is said, and counts how often it is asked.
struct Database {
    fault: Arc<Mutex<Option<&'static str>>>,
    looks: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Probe for Database {
    async fn look(&self) -> Vec<Condition> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let fault = *self.fault.lock().unwrap();
        let name = "database";
        vec![Condition { name, fault }]
    }
}

#[tokio::test]
async fn a_server_says_whether_it_should_get_requests() {
    let (fault, looks) = (Arc::default(), Arc::default());
    let database = Database {
        fault: Arc::clone(&fault),
        looks: Arc::clone(&looks),
    };
    let mut options = options(vec![Box::new(Echo("a"))], HttpLimits::default());
    options.probe = Box::new(database);
    let server = start_with(options).await;
    let ready = ask(&server, "GET /readyz").await;
    assert_eq!(status(&ready), "200");
    assert!(ready.contains("\r\ncache-control: no-store\r\n"), "{ready}");
    assert!(
        ready.ends_with("\r\n\r\nready\nserving: ok\ndatabase: ok\n"),
        "{ready}"
    );
    let head = ask(&server, "HEAD /readyz").await;
    assert_eq!(status(&head), "200");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    for method in ["PUT", "POST", "DELETE"] {
        let refused = ask(&server, &format!("{method} /readyz")).await;
        assert_eq!(status(&refused), "405");
        assert!(refused.contains("\r\nallow: GET, HEAD\r\n"), "{refused}");
    }
    *fault.lock().unwrap() = Some("not reachable");
    let not_ready = loop {
        let answer = ask(&server, "GET /readyz").await;
        if status(&answer) == "503" {
            break answer;
        }
    };
    assert!(not_ready.contains("\r\nretry-after: 1\r\n"), "{not_ready}");
    assert!(not_ready.ends_with("not ready\nserving: ok\ndatabase: not reachable\n"));
    // Requests are answered anyway.
    assert_eq!(status(&ask(&server, "GET /a").await), "200");
    let page = ask(&server, "GET /metrics").await;
    for line in [
        "gumnut_cloud_ready 0\n",
        "gumnut_cloud_ready_condition{condition=\"database\"} 0\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    // The loop has asked far more often than once a second.
    assert!(looks.load(Ordering::SeqCst) < 4, "{looks:?}");
}

#[tokio::test]
async fn a_server_that_drains_answers_and_sends_its_clients_away() {
    let (came, answers) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let waiting = Waiting {
        came: Arc::clone(&came),
        answers: Arc::clone(&answers),
    };
    let server = start(vec![Box::new(waiting)], HttpLimits::default()).await;
    let get = b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n";
    // One that is worked on, and one that is idle, from before.
    let mut running = TcpStream::connect(server.addr()).await.unwrap();
    running.write_all(get).await.unwrap();
    came.notified().await;
    let mut idle = TcpStream::connect(server.addr()).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    let mut begin = [0; 12];
    idle.read_exact(&mut begin).await.unwrap();
    server.drain();
    let draining = ask(&server, "GET /readyz").await;
    assert_eq!(status(&draining), "503");
    assert!(
        draining.ends_with("not ready\nserving: draining\n"),
        "{draining}"
    );
    assert!(ask(&server, "GET /healthz").await.ends_with("ok\n"));
    answers.add_permits(3);
    idle.write_all(get).await.unwrap();
    let mut new = TcpStream::connect(server.addr()).await.unwrap();
    new.write_all(get).await.unwrap();
    for mut client in [running, idle, new] {
        // Ends, though this side never closes.
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("at last"), "{answer}");
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn other_things_are_on_the_page_of_metrics() {
    let mut options = options(Vec::new(), HttpLimits::default());
    let reads = options.instruments.operations("catalogue", "Calls");
    options.instruments.counter("trips", "Round trips", || 7);
    options
        .instruments
        .gauge("clock_seconds", "Difference", || -0.5);
    let server = start_with(options).await;
    reads.observe("bucket", Duration::from_millis(2), false);
    reads.observe("bucket", Duration::from_secs(2), true);
    let page = ask(&server, "GET /metrics").await;
    for line in [
        "gumnut_cloud_catalogue_duration_seconds_count{operation=\"bucket\"} 2\n",
        "gumnut_cloud_catalogue_duration_seconds_bucket{le=\"0.004\",operation=\"bucket\"} 1\n",
        "gumnut_cloud_catalogue_errors_total{operation=\"bucket\"} 1\n",
        "# TYPE gumnut_cloud_trips counter\n",
        "gumnut_cloud_trips_total 7\n",
        "gumnut_cloud_clock_seconds -0.5\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
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
