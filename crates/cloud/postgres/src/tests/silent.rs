//! Servers that say nothing.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use gumnut_cloud_catalogue::{CatalogueError, Database as _};

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
    let paused = server.pause()?;
    let begun = Instant::now();
    let answer = catalogue.bucket("b".to_owned()).await;
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    assert!(
        matches!(answer, Err(CatalogueError::Unavailable(_))),
        "{answer:?}"
    );
    drop(paused);
    assert_eq!(catalogue.bucket("b".to_owned()).await?, None);
    Ok(())
}
