//! Servers that say nothing.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use fs_err as fs;
use gumnut_cloud_catalogue::{CatalogueError, Database as _};
use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::test_server::TestServer;
use crate::{PostgresConfig, PostgresError};

/// Far more than any of the limits of a test.
const LONG: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_leaves_its_turn_to_the_next() -> contract::Outcome {
    let server = TestServer::start(&["fsync = off"])?;
    // The system accepts connections to it, and nobody ever reads what they bring.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = silent.local_addr()?.port();
    let alone = format!("postgres://gumnut@127.0.0.1:{port}/postgres?connect_timeout=1");
    let begun = Instant::now();
    let opened = PostgresCatalogue::open(&PostgresConfig::parse(&alone)?, Clock::system()).await;
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    match opened {
        Err(PostgresError::Unreachable { server, source }) => {
            assert_eq!(server, format!("127.0.0.1:{port}"));
            assert_eq!(source.to_string(), "it did not answer in time");
        }
        other => panic!("{other:?}"),
    }
    let socket = server.socket();
    let directory = socket.parent().unwrap().display();
    let both = format!(
        "postgres://gumnut@/postgres?host=127.0.0.1,{directory}&port={port},5432&connect_timeout=1"
    );
    let both = PostgresConfig::parse(&both)?.allow_unsafe_durability();
    let catalogue = PostgresCatalogue::open(&both, Clock::system()).await?;
    catalogue.ready().await?;
    Ok(())
}

/// Processes that do nothing until this is dropped.
struct Stopped(Vec<Pid>);

impl Stopped {
    /// All processes of a server.
    fn server(server: &TestServer) -> Result<Self, Failed> {
        let file = fs::read_to_string(server.data().join("postmaster.pid"))?;
        let first = file.lines().next().unwrap_or_default().trim();
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"))?;
        let mut stopped = Self(Vec::new());
        for id in [first].into_iter().chain(children.split_whitespace()) {
            let id = Pid::from_raw(id.parse()?).ok_or("no process has the number 0")?;
            kill_process(id, Signal::STOP)?;
            stopped.0.push(id);
        }
        Ok(stopped)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for id in &self.0 {
            // It may have ended.
            let _ = kill_process(*id, Signal::CONT);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_of_a_server_that_hangs_fails_in_time() -> contract::Outcome {
    let server = TestServer::start(&["fsync = off"])?;
    let url = server.url("postgres", "&connect_timeout=1");
    let config = PostgresConfig::parse(&url)?
        .allow_unsafe_durability()
        .connections(2)
        .statement_time(Duration::from_millis(100));
    let catalogue = PostgresCatalogue::open(&config, Clock::system()).await?;
    catalogue.ready().await?;
    let stopped = Stopped::server(&server)?;
    let begun = Instant::now();
    let answer = catalogue.bucket("b".to_owned()).await;
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    assert!(
        matches!(answer, Err(CatalogueError::Unavailable(_))),
        "{answer:?}"
    );
    drop(stopped);
    assert_eq!(catalogue.bucket("b".to_owned()).await?, None);
    Ok(())
}
