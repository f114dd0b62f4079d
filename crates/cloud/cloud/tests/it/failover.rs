//! Several front ends whose server of PostgreSQL is lost, and whose standby takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gumnut_cloud::PostgresConfig;
use gumnut_cloud_postgres::test_server::{Paused, TestServer};

use crate::common::Request;
use crate::postgres::FrontEnd;

/// Clients of each front end.
const CLIENTS: usize = 2;
/// Objects that are acknowledged before the server is lost.
const BEFORE: usize = 30;

/// Puts objects of its own at a front end until it is over, and gives the names of those that were acknowledged.
async fn put_all(
    requests: impl Fn(&str, String) -> Request,
    name: String,
    (is_over, count): (Arc<AtomicBool>, Arc<AtomicUsize>),
    sign: impl Fn(Request) -> Request,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("{name}-{number}");
        let request = requests("PUT", format!("/nursery/{key}")).body(key.as_bytes());
        let answer = sign(request).send().await;
        match answer.status.as_u16() {
            200 => {
                acknowledged.push(key);
                count.fetch_add(1, Ordering::Relaxed);
            }
            // It is to come again, or nobody knows what has become of it.
            500 | 503 => {}
            _ => panic!("{}: {}", answer.status, answer.text()),
        }
    }
    acknowledged
}

/// Loses the server in some way under three front ends.
async fn fail_over(lose: impl FnOnce(&TestServer) -> Option<Paused>) {
    let server = TestServer::start(&["synchronous_commit = on"]).unwrap();
    let standby = server.standby().unwrap();
    standby.insist().await.unwrap();
    let url = standby.url("postgres") + "?connect_timeout=1";
    let postgres = PostgresConfig::parse(&url).unwrap();
    let postgres = postgres
        .connections(4)
        .statement_time(Duration::from_secs(1));
    let first = FrontEnd::start(postgres.clone(), None).await;
    let master_key = first.dir.path().join("master.key");
    let mut front_ends = vec![first];
    for _ in 1..3 {
        let key = Some(master_key.clone());
        front_ends.push(FrontEnd::start(postgres.clone(), key).await);
    }
    let made = front_ends[0].request("PUT", "/nursery");
    assert_eq!(made.v4(&front_ends[0].admin).send().await.status, 200);

    let (is_over, count) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let mut clients = Vec::new();
    for (number, front_end) in front_ends.iter().enumerate() {
        for client in 0..CLIENTS {
            let (endpoint, admin) = (front_end.running.endpoint(), front_end.admin.clone());
            let http = crate::common::client();
            let requests = move |method: &str, target: String| {
                Request::new(&http, method, &(endpoint.clone() + &target))
            };
            let shared = (Arc::clone(&is_over), Arc::clone(&count));
            let name = format!("{number}-{client}");
            clients.push(tokio::spawn(put_all(requests, name, shared, move |it| {
                it.v4(&admin)
            })));
        }
    }
    while count.load(Ordering::Relaxed) < BEFORE {
        tokio::task::yield_now().await;
    }
    let paused = lose(&server);
    tokio::task::block_in_place(|| standby.promote()).unwrap();
    for front_end in &front_ends {
        front_end.readiness(200, "ready").await;
    }
    let before = count.load(Ordering::Relaxed);
    while count.load(Ordering::Relaxed) < before + BEFORE {
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut read = 0;
    for (number, client) in clients.into_iter().enumerate() {
        // Not from the front end that has acknowledged it.
        let other = &front_ends[(number / CLIENTS + 1) % front_ends.len()];
        for key in client.await.unwrap() {
            let get = other.request("GET", &format!("/nursery/{key}"));
            let got = get.v4(&other.admin).send().await;
            assert_eq!((got.status.as_u16(), got.text()), (200, key.as_str()));
            read += 1;
        }
    }
    assert!(read >= 2 * BEFORE, "{read}");
    for front_end in front_ends {
        front_end.running.shutdown().await.unwrap();
    }
    drop(paused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_front_ends_follow_when_the_server_crashes() {
    fail_over(|server| {
        server.control(&["-m", "immediate", "stop"]).unwrap();
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_front_ends_follow_when_the_server_says_nothing_any_more() {
    fail_over(|server| Some(server.pause().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_end_that_nobody_asks_follows_too() {
    let server = TestServer::start(&["synchronous_commit = on"]).unwrap();
    let standby = server.standby().unwrap();
    standby.insist().await.unwrap();
    // A new connection takes longer than readiness waits, as the server that says nothing has its turn first.
    let url = standby.url("postgres") + "?connect_timeout=2";
    let postgres = PostgresConfig::parse(&url).unwrap();
    let postgres = postgres
        .connections(4)
        .statement_time(Duration::from_secs(1));
    let front_end = FrontEnd::start(postgres, None).await;
    // Several connections.
    let asked = (0..4).map(|_| front_end.request("GET", "/").v4(&front_end.admin).send());
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.status, 200);
    }
    front_end.readiness(200, "ready").await;
    let paused = server.pause().unwrap();
    tokio::task::block_in_place(|| standby.promote()).unwrap();
    front_end
        .readiness(503, "database: does not answer in time")
        .await;
    front_end.readiness(200, "ready").await;
    front_end.running.shutdown().await.unwrap();
    drop(paused);
}
