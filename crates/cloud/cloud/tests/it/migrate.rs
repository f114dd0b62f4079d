//! A catalogue that moves to PostgreSQL and back.

use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use gumnut_cloud::{CatalogueSource, Cloud, CloudError, Config, Move, PostgresConfig};
use gumnut_cloud_catalogue::{Clock, Digest, Table, digest};
use gumnut_cloud_postgres::test_server::TestSchema;
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::Fault;

use crate::common::{Request, TestCloud, User, config};

/// Times that the move is cut off, each a bit later than the time before.
const CUTS: u64 = 20;

/// Which objects there are: some in the catalogue, some in files.
fn content(number: usize) -> Vec<u8> {
    vec![b'a'; number * 2000]
}

async fn check_objects(config: Config, client: &reqwest::Client, user: &User) {
    let running = Cloud::start(config).await.unwrap();
    for number in 0..20 {
        let url = format!("{}/bucket/{number}", running.endpoint());
        let got = Request::new(client, "GET", &url).v4(user).send().await;
        assert_eq!((got.status.as_u16(), &got.body), (200, &content(number)));
    }
    running.shutdown().await.unwrap();
}

/// The digests of all tables in a data directory.
pub(crate) async fn digests(data: &Path) -> Vec<(Table, Digest)> {
    let path = data.join("catalogue.sqlite");
    let catalogue = SqliteCatalogue::open(&path, Clock::system()).unwrap();
    let mut digests = Vec::new();
    for table in Table::ALL {
        digests.push((table, digest(&catalogue, table, |_| {}).await.unwrap()));
    }
    digests
}

/// Moves a catalogue, cut off again and again, and gives the number of rows.
async fn moved(data: &Path, postgres: &PostgresConfig, direction: Move) -> u64 {
    for cut in 0..CUTS {
        let time = Duration::from_millis(cut * 5);
        let cut_off = Cloud::migrate(data, postgres, direction);
        if let Ok(moved) = tokio::time::timeout(time, cut_off).await {
            return moved.unwrap();
        }
    }
    Cloud::migrate(data, postgres, direction).await.unwrap()
}

fn said<T: std::fmt::Debug>(result: Result<T, CloudError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.fault(), Fault::Input);
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_moves_to_postgres_and_back() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for number in 0..20 {
        let target = format!("/bucket/{number}");
        let put = cloud.put(&cloud.alice, &target, &content(number)).await;
        assert_eq!(put.status, 200);
    }
    let postgres = TestSchema::fresh().await.unwrap().config().unwrap();
    let postgres = postgres.connections(4);
    let running = Cloud::migrate(cloud.dir.path(), &postgres, Move::ToPostgres).await;
    assert!(matches!(running, Err(CloudError::Locked(_))), "{running:?}");
    let TestCloud {
        running,
        dir,
        alice,
        client,
        ..
    } = cloud;
    running.shutdown().await.unwrap();
    let before = digests(dir.path()).await;
    let rows: u64 = before.iter().map(|(_, digest)| digest.rows).sum();
    assert_eq!(moved(dir.path(), &postgres, Move::ToPostgres).await, rows);
    let left = Cloud::start(config(dir.path())).await;
    assert!(said(left.map(drop)).contains("it was moved to PostgreSQL"));
    let again = Cloud::migrate(dir.path(), &postgres, Move::ToPostgres).await;
    assert!(said(again).contains("it was moved to PostgreSQL"));
    let mut over = config(dir.path());
    over.catalogue = CatalogueSource::Postgres(Box::new(postgres.clone()));
    check_objects(over.clone(), &client, &alice).await;

    let back = Cloud::migrate(dir.path(), &postgres, Move::FromPostgres).await;
    assert!(said(back).contains("is not empty"));
    for name in ["catalogue.sqlite", "catalogue.id"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert_eq!(moved(dir.path(), &postgres, Move::FromPostgres).await, rows);
    assert_eq!(digests(dir.path()).await, before);
    let report = Cloud::fsck(dir.path()).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    check_objects(config(dir.path()), &client, &alice).await;
    let left = Cloud::start(over.clone()).await;
    assert!(said(left.map(drop)).contains("moved to the data directory"));
    Cloud::undo_migrate(dir.path(), Some(&postgres))
        .await
        .unwrap();
    check_objects(over, &client, &alice).await;
}
