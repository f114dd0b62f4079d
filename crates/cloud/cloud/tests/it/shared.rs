//! A cloud with its catalogue in PostgreSQL and its bytes in a bucket of another cloud, checked and collected while it is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use gumnut_cloud::{
    BlobsSource, CatalogueSource, Cloud, CloudError, Config, Finding, PostgresConfig, Report,
    Round, Running,
};
use gumnut_cloud_bucket::{BucketConfig, BucketKeys};
use gumnut_cloud_postgres::PostgresCatalogue;
use gumnut_cloud_postgres::test_server::TestSchema;

use crate::common::{Answer, Request, TestCloud, User, admin_of, config};
use gumnut_types::{NoProgress, Progress};

/// A front end, and the cloud that has its bytes in the bucket `blobs`.
struct Shared {
    store: TestCloud,
    front_end: Option<Running>,
    admin: User,
    config: Config,
    _dir: tempfile::TempDir,
}

/// The bucket of a store, left alone for so many seconds.
fn bucket(store: &TestCloud, orphan: u32, reader: u32) -> BlobsSource {
    let credentials = &store.alice.credentials;
    let url = format!(
        "s3://blobs?endpoint={}&orphan-grace={orphan}&reader-grace={reader}",
        store.endpoint()
    );
    BlobsSource::Bucket(Box::new(BucketConfig {
        url: url.parse().unwrap(),
        keys: BucketKeys::new(
            credentials.access_key().as_str(),
            credentials.secret().clone(),
        ),
        cluster: None,
    }))
}

impl Shared {
    async fn start(orphan: u32, reader: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let store = TestCloud::start().await.with_bucket("blobs").await;
        let schema = TestSchema::fresh().await.unwrap();
        // Other tests use the same server, and are not to be taken for front ends of this cloud.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let url = format!(
            "{}&application_name=shared_{}_{number}",
            schema.url(),
            std::process::id()
        );
        let postgres = PostgresConfig::parse(&url).unwrap();
        let postgres = postgres.connections(4).allow_unsafe_durability();
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        config.catalogue = CatalogueSource::Postgres(Box::new(postgres));
        config.blobs = bucket(&store, orphan, reader);
        config.limits.inline_bytes = 1000;
        let running = Cloud::start(config.clone()).await.unwrap();
        let users = running.users();
        let admin = tokio::task::spawn_blocking(move || admin_of(&users));
        let shared = Self {
            store,
            admin: admin.await.unwrap(),
            front_end: Some(running),
            config,
            _dir: dir,
        };
        assert_eq!(shared.send("PUT", "/bkt", b"").await.status, 200);
        shared
    }

    async fn send(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        let endpoint = self.front_end.as_ref().unwrap().endpoint();
        let request = Request::new(&self.store.client, method, &(endpoint + target));
        request.body(body).v4(&self.admin).send().await
    }

    async fn put(&self, key: &str, size: usize) {
        let body = vec![b'x'; size];
        let put = self.send("PUT", &format!("/bkt/{key}"), &body).await;
        assert_eq!(put.status, 200, "{}", put.text());
    }

    async fn stop(&mut self) {
        let front_end = self.front_end.take().unwrap();
        front_end.shutdown().await.unwrap();
    }

    async fn fsck(&self, is_deep: bool) -> Report {
        Cloud::fsck_shared(&self.config, is_deep, &NoProgress)
            .await
            .unwrap()
    }

    /// The names of the blobs in the bucket.
    async fn blobs(&self) -> Vec<String> {
        let store = &self.store;
        let listed = store.get(&store.alice, "/blobs?list-type=2").await;
        let names = listed.all("Key").into_iter();
        // What names the cloud is beside the blobs.
        let names = names.filter(|name| *name != "gumnut-owner");
        names.map(str::to_owned).collect()
    }
}

/// Counts the bytes that it hears of.
#[derive(Default)]
struct Bytes(AtomicU64);

impl Progress for Bytes {
    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The kinds of findings, in their order.
fn kinds(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(Finding::kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_finds_nothing_wrong_while_objects_change() {
    let shared = Arc::new(Shared::start(4, 1).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|client: usize| {
            let (shared, is_over) = (Arc::clone(&shared), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut changes = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let key = format!("{client}-{}", changes % 5);
                    match changes % 7 {
                        0..4 => shared.put(&key, 2000 + changes).await,
                        4 => shared.put(&key, 10).await,
                        _ => {
                            let gone = shared.send("DELETE", &format!("/bkt/{key}"), b"").await;
                            assert_eq!(gone.status, 204, "{}", gone.text());
                        }
                    }
                    changes += 1;
                }
                changes
            })
        })
        .collect();
    let begun = std::time::Instant::now();
    let mut checks = 0;
    // Long enough for the collector to delete what was given up.
    while begun.elapsed().as_secs() < 6 || checks < 6 {
        let report = shared.fsck(checks % 2 == 0).await;
        assert_eq!(report.findings, [], "check {checks}");
        checks += 1;
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 10, "the objects did not change");
    }
    let report = shared.fsck(true).await;
    assert!(report.files > 0 && report.is_clean(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_blobs_is_found() {
    let mut shared = Shared::start(86_400, 3600).await;
    for key in ["gone", "long", "other", "right"] {
        shared.put(key, 3000).await;
    }
    shared.put("small", 10).await;
    let read = Bytes::default();
    let report = Cloud::fsck_shared(&shared.config, true, &read)
        .await
        .unwrap();
    assert_eq!(
        (report.files, report.inline, report.bytes),
        (4, 1, 4 * 3000 + 10)
    );
    assert_eq!(read.0.into_inner(), 4 * 3000);
    assert!(report.is_clean() && report.findings.is_empty());

    let CatalogueSource::Postgres(postgres) = &shared.config.catalogue else {
        panic!("another catalogue");
    };
    let catalogue = PostgresCatalogue::open_existing(postgres, gumnut_cloud::Clock::system());
    let catalogue = gumnut_cloud_catalogue::Catalogue::new(catalogue.await.unwrap());
    let (store, alice) = (&shared.store, &shared.store.alice);
    for blob in catalogue.known_blobs("", 9).await.unwrap() {
        let target = format!("/blobs/{}", blob.name);
        match blob.object.as_str() {
            "bkt/gone" => drop(store.delete(alice, &target).await),
            "bkt/long" => drop(store.put(alice, &target, &[b'x'; 3001]).await),
            "bkt/other" => drop(store.put(alice, &target, &[b'y'; 3000]).await),
            _ => {}
        }
    }
    let orphan = "/blobs/400000/9f86d081884c7d659a2feaa0c55ad015";
    assert_eq!(store.put(alice, orphan, b"orphan").await.status, 200);
    // Something that is no blob.
    assert_eq!(
        store.put(alice, "/blobs/400000/readme", b"x").await.status,
        200
    );
    let report = shared.fsck(false).await;
    assert_eq!(
        (kinds(&report), report.faults()),
        (vec!["missing", "size"], 2)
    );
    assert_eq!(report.recent, 1);
    let report = shared.fsck(true).await;
    assert_eq!(kinds(&report), ["missing", "size", "digest"]);
    assert_eq!(report.faults(), 3);
    let said = report.findings[0].to_string();
    assert!(said.starts_with("bkt/gone: the blob "), "{said}");

    // With another grace the blob is old at once.
    shared.config.blobs = bucket(&shared.store, 1, 1);
    let report = loop {
        let report = shared.fsck(false).await;
        if report.recent == 0 {
            break report;
        }
    };
    let orphan = report.findings.iter().find(|it| it.kind() == "orphan");
    let Some(Finding::OrphanBlob { blob, size, age }) = orphan else {
        panic!("{report:?}");
    };
    assert_eq!(
        (blob.as_str(), *size),
        ("400000/9f86d081884c7d659a2feaa0c55ad015", 6)
    );
    assert!(age.as_secs() >= 1);
    assert_eq!(report.faults(), 2, "a blob that is nobody's is no fault");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_by_hand_deletes_what_is_old_and_on_a_stopped_cloud_all() {
    let mut shared = Shared::start(86_400, 3600).await;
    for key in ["kept", "gone", "gone too"] {
        shared.put(&key.replace(' ', "%20"), 3000).await;
    }
    let kept = shared.blobs().await.len() - 2;
    for key in ["gone", "gone%20too"] {
        assert_eq!(
            shared
                .send("DELETE", &format!("/bkt/{key}"), b"")
                .await
                .status,
            204
        );
    }
    for orphan in [
        "400000/9f86d081884c7d659a2feaa0c55ad015",
        "9f86d081884c7d659a2feaa0c55ad015",
    ] {
        let store = &shared.store;
        let target = format!("/blobs/{orphan}");
        let put = store.put(&store.alice, &target, b"orphan").await;
        assert_eq!(put.status, 200);
    }
    let before = shared.blobs().await;
    assert_eq!(before.len(), kept + 4);
    // All of it is young.
    let none = Cloud::collect(&shared.config, Round::default())
        .await
        .unwrap();
    assert_eq!(none.unwrap(), gumnut_cloud::Collected::default());
    let at_once = Round {
        grace: Some(std::time::Duration::ZERO),
        ..Round::default()
    };
    let short = Cloud::collect(&shared.config, at_once).await.unwrap_err();
    assert_eq!(
        short.to_string(),
        "a grace of 0 s is too short: front ends may need blobs for 86400 s"
    );
    let alone = Round {
        is_alone: true,
        ..at_once
    };
    let in_use = Cloud::collect(&shared.config, alone).await.unwrap_err();
    assert!(matches!(in_use, CloudError::InUse(1..)), "{in_use}");
    assert_eq!(shared.blobs().await, before);

    shared.stop().await;
    let dry = Round {
        is_dry: true,
        ..alone
    };
    for (round, left) in [(dry, kept + 4), (alone, kept)] {
        let collected = Cloud::collect(&shared.config, round)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((collected.garbage, collected.orphans), (2, 2));
        assert_eq!((collected.orphan_bytes, collected.uploads), (12, 0));
        assert_eq!(shared.blobs().await.len(), left);
    }
    let report = shared.fsck(true).await;
    assert_eq!(report.files, kept as u64);
    assert!(
        report.is_clean() && report.findings.is_empty(),
        "{report:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_make_no_tables_and_files_need_no_collector() {
    let schema = TestSchema::fresh().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.catalogue = CatalogueSource::Postgres(Box::new(schema.config().unwrap()));
    let refused = Cloud::fsck_shared(&config, false, &NoProgress)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("contains no catalogue"),
        "{refused}"
    );
    let refused = Cloud::collect(&config, Round::default()).await;
    assert!(
        matches!(refused, Err(CloudError::CollectsItself)),
        "{refused:?}"
    );
    // The catalogue is made now, and not before.
    Cloud::start(config)
        .await
        .unwrap()
        .shutdown()
        .await
        .unwrap();
}
