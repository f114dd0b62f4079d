//! Servers that have another clock.

use std::sync::Arc;

use gumnut_transport::{Clock, Transport, TransportConfig};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::server::{Answer, Server, ok};
use crate::{Told, config, request};

/// A clock that stands.
#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now(&self) -> OffsetDateTime {
        datetime!(2026-11-30 12:00:00 UTC)
    }
}

fn refused(date: &str, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code></Error>");
    let length = body.len();
    format!("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The clock of this one is an hour ahead.
fn near(_: &[u8]) -> Vec<u8> {
    refused("Mon, 30 Nov 2026 13:00:00 GMT", "RequestTimeTooSkewed")
}

fn far(_: &[u8]) -> Vec<u8> {
    refused("Thu, 01 Jan 2099 00:00:00 GMT", "RequestTimeTooSkewed")
}

fn denied(_: &[u8]) -> Vec<u8> {
    refused("Mon, 30 Nov 2026 13:00:00 GMT", "AccessDenied")
}

/// Heads have no document.
fn near_without_code(asked: &[u8]) -> Vec<u8> {
    if asked.starts_with(b"HEAD") {
        b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ndate: Mon, 30 Nov 2026 13:00:00 GMT\r\ncontent-length: 9\r\n\r\n".to_vec()
    } else {
        near(asked)
    }
}

fn denied_without_code(asked: &[u8]) -> Vec<u8> {
    if asked.starts_with(b"HEAD") {
        near_without_code(asked)
    } else {
        denied(asked)
    }
}

fn standing(told: &Arc<Told>) -> TransportConfig {
    let mut config = config(told);
    config.clock = Arc::new(Standing);
    config
}

/// The times with which the requests to a server were signed, and what was told.
async fn times(
    method: &str,
    config: TransportConfig,
    told: &Arc<Told>,
    answers: Vec<Answer>,
) -> (Vec<String>, bool) {
    let server = Server::start(answers);
    let url = format!("http://{}/b/k", server.host);
    let transport = Transport::new(config).unwrap();
    let done = transport
        .execute(&request(method, &url), 1000)
        .await
        .is_ok();
    let told_of_clock = told.lines().iter().any(|line| line == "clock 60");
    assert_eq!(done, told_of_clock, "{:?}", told.lines());
    let times = server.asked().into_iter().map(|head| {
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("x-amz-date: "));
        line.unwrap()[9..11].to_owned()
    });
    (times.collect(), done)
}

#[tokio::test]
async fn a_clock_that_is_near_is_learnt_once_and_told() {
    let told = Arc::new(Told::default());
    let (times, done) = times("GET", standing(&told), &told, vec![near, ok]).await;
    assert_eq!(
        (times, done),
        (vec!["12".to_owned(), "13".to_owned()], true)
    );
}

#[tokio::test]
async fn a_refused_head_is_asked_for_its_code() {
    let told = Arc::new(Told::default());
    let answers = vec![near_without_code as Answer, near_without_code, ok];
    let (times, done) = times("HEAD", standing(&told), &told, answers).await;
    assert_eq!((times.len(), done), (3, true));
    assert_eq!(times[2], "13");
}

#[tokio::test]
async fn nothing_else_changes_the_time_of_signatures() {
    for answers in [vec![far as Answer], vec![denied]] {
        let told = Arc::new(Told::default());
        let (times, done) = times("GET", standing(&told), &told, answers).await;
        assert_eq!((times, done), (vec!["12".to_owned()], false));
    }
    let told = Arc::new(Told::default());
    let answers = vec![denied_without_code as Answer, denied_without_code];
    let (times, done) = times("HEAD", standing(&told), &told, answers).await;
    assert_eq!((times, done), (vec!["12".to_owned(); 2], false));
}

#[tokio::test]
async fn the_clock_is_left_alone_when_that_is_wanted() {
    let told = Arc::new(Told::default());
    let mut config = standing(&told);
    config.clock_correction = false;
    let (times, done) = times("GET", config, &told, vec![near]).await;
    assert_eq!((times, done), (vec!["12".to_owned()], false));
}
