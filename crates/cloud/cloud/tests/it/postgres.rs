//! A cloud with its catalogue in PostgreSQL.

use std::path::PathBuf;
use std::time::Duration;

use gumnut_cloud::{CatalogueSource, Cloud, CloudError, Config, PostgresConfig, Running};
use gumnut_cloud_postgres::test_server::{TestSchema, TestServer};
use gumnut_types::Fault;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use crate::common::{Request, User, admin_of, client, config};

/// A front end with a directory of its own.
pub(crate) struct FrontEnd {
    pub(crate) running: Running,
    pub(crate) admin: User,
    pub(crate) dir: tempfile::TempDir,
}

impl FrontEnd {
    pub(crate) async fn start(postgres: PostgresConfig, master_key: Option<PathBuf>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        config.master_key = master_key;
        let running = Cloud::start(over(postgres, config)).await.unwrap();
        let users = running.users();
        let admin = tokio::task::spawn_blocking(move || admin_of(&users))
            .await
            .unwrap();
        Self {
            running,
            admin,
            dir,
        }
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(&client(), method, &(self.running.endpoint() + target))
    }

    /// Asks whether it is ready until the answer has this line.
    pub(crate) async fn readiness(&self, status: u16, line: &str) {
        loop {
            let page = self.request("GET", "/readyz").send().await;
            if page.status == status && page.text().lines().any(|it| it.starts_with(line)) {
                break;
            }
        }
    }
}

fn over(postgres: PostgresConfig, mut config: Config) -> Config {
    config.catalogue = CatalogueSource::Postgres(Box::new(postgres));
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_in_postgres_is_one_for_all_front_ends() {
    let postgres = TestSchema::fresh().await.unwrap().config().unwrap();
    let one = FrontEnd::start(postgres.clone().connections(4), None).await;
    let put = async |target: &str, body: &[u8]| {
        let request = one.request("PUT", target).body(body).v4(&one.admin);
        request.send().await
    };
    assert_eq!(put("/nursery", b"").await.status, 200);
    let key = "/nursery/a%00b";
    assert_eq!(put(key, b"gum nut").await.status, 200);
    let got = one.request("GET", key).v4(&one.admin).send().await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "gum nut"));
    let gone = one
        .request("DELETE", "/nursery")
        .v4(&one.admin)
        .send()
        .await;
    assert_eq!(gone.refusal(), (409, "BucketNotEmpty"));

    // Another directory and the key of the first: the same users and objects.
    let master_key = one.dir.path().join("master.key");
    let other = FrontEnd::start(postgres.connections(4), Some(master_key)).await;
    assert_eq!(other.admin.owner_id, one.admin.owner_id);
    let got = other.request("GET", key).v4(&one.admin).send().await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "gum nut"));
    let gone = other.request("DELETE", key).v4(&one.admin).send().await;
    assert_eq!(gone.status, 204);
    let got = one.request("GET", key).v4(&one.admin).send().await;
    assert_eq!(got.refusal(), (404, "NoSuchKey"));
    for front_end in [one, other] {
        front_end.running.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_away_requests_are_to_come_again() {
    let server = TestServer::start(&["fsync = off"]).unwrap();
    let url = server.url("postgres", "");
    let postgres = PostgresConfig::parse(&url).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let refused = Cloud::start(over(postgres.clone(), config(dir.path()))).await;
    let error = refused.err().unwrap();
    assert!(error.to_string().contains("fsync=off"), "{error}");
    assert_eq!(error.fault(), Fault::Refused);

    let cloud = FrontEnd::start(postgres.allow_unsafe_durability(), None).await;
    let put = async || {
        let request = cloud.request("PUT", "/nursery").v4(&cloud.admin);
        request.send().await
    };
    assert_eq!(put().await.status, 200);
    cloud.readiness(200, "database: ok").await;
    server.control(&["-m", "fast", "stop"]).unwrap();
    cloud.readiness(503, "database: ").await;
    let away = put().await;
    assert_eq!(away.refusal(), (503, "ServiceUnavailable"));
    assert_eq!(away.header("retry-after"), "1");
    assert!(!away.text().contains("PostgreSQL"), "{}", away.text());
    let images = cloud.request("GET", "/services/Eucalyptus?Action=DescribeImages&AWSAccessKeyId=x&Signature=x&SignatureVersion=2&Version=2014-10-01&Timestamp=2010-01-01T00:00:00");
    let images = images.send().await;
    assert_eq!(images.status, 503, "{}", images.text());
    assert!(
        images.text().contains("<Error><Code>Unavailable</Code>"),
        "{}",
        images.text()
    );
    assert_eq!(images.header("retry-after"), "1");

    server.control(&["start"]).unwrap();
    let back = put().await;
    assert_eq!(back.status, 200, "{}", back.text());
    cloud.readiness(200, "ready").await;
    cloud.running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_or_a_schema_that_does_not_fit_is_not_ready() {
    let mut schema = TestSchema::fresh().await.unwrap();
    let time = schema.with_clock().await.unwrap();
    let cloud = FrontEnd::start(schema.config().unwrap(), None).await;
    cloud.readiness(200, "clock: ok").await;
    let set = async |by: &str| {
        let sql = format!("UPDATE {time}.skew SET by = '{by}'");
        schema.run(&sql).await.unwrap();
    };
    for by in ["10 s", "-10 s"] {
        set(by).await;
        cloud.readiness(503, "clock: differs").await;
    }
    set("1 s").await;
    cloud.readiness(200, "clock: ok").await;
    let page = cloud.request("GET", "/metrics").send().await;
    let difference = page.text().lines().find_map(|line| {
        let value = line.strip_prefix("gumnut_cloud_clock_difference_seconds ")?;
        value.parse::<f64>().ok()
    });
    assert!((0.5..1.5).contains(&difference.unwrap()), "{difference:?}");
    set("0 s").await;

    let newer = "UPDATE schema SET version = 9, oldest_program = 9";
    schema.run(newer).await.unwrap();
    cloud.readiness(503, "schema: needs").await;
    cloud.running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_of_objects_are_those_of_the_database_whatever_front_ends_think() {
    let mut schema = TestSchema::fresh().await.unwrap();
    let time = schema.with_clock().await.unwrap();
    let postgres = schema.config().unwrap().connections(4);
    let one = FrontEnd::start(postgres.clone(), None).await;
    let master_key = one.dir.path().join("master.key");
    let other = FrontEnd::start(postgres, Some(master_key)).await;
    // The clocks of both front ends are ten seconds behind.
    let skew = format!("UPDATE {time}.skew SET by = '10 s'");
    schema.run(&skew).await.unwrap();
    let make = one.request("PUT", "/locked");
    let make = make.header("x-amz-bucket-object-lock-enabled", "true");
    assert_eq!(make.v4(&one.admin).send().await.status, 200);
    let put = async |front_end: &FrontEnd, key: &str, until: OffsetDateTime| {
        let until = until.format(&Rfc3339).unwrap();
        let request = front_end.request("PUT", &format!("/locked/{key}"));
        let request = request.header("x-amz-object-lock-mode", "COMPLIANCE");
        let request = request.header("x-amz-object-lock-retain-until-date", &until);
        request.body(b"gum nut").v4(&front_end.admin).send().await
    };
    let now = OffsetDateTime::now_utc();
    // It is over by the clock of the database.
    let late = put(&one, "late", now + Duration::from_secs(5)).await;
    assert_eq!(late.refusal(), (400, "InvalidArgument"), "{}", late.text());
    let kept = put(&one, "kept", now + Duration::from_mins(10)).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    let head = other.request("HEAD", "/locked/kept").v4(&one.admin);
    let head = head.send().await;
    let modified = head.header("last-modified").replace("GMT", "+0000");
    let modified = OffsetDateTime::parse(&modified, &Rfc2822).unwrap();
    let ahead = (modified - now).whole_seconds();
    assert!((8..60).contains(&ahead), "{ahead}");
    let version = head.header("x-amz-version-id").to_owned();
    let target = format!("/locked/kept?versionId={version}");
    let refused = other.request("DELETE", &target).v4(&one.admin).send().await;
    assert_eq!(refused.refusal(), (403, "AccessDenied"));
    for front_end in [one, other] {
        front_end.readiness(503, "clock: differs").await;
        front_end.running.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_request_costs_the_database_is_counted() {
    let postgres = TestSchema::fresh().await.unwrap().config().unwrap();
    let cloud = FrontEnd::start(postgres, None).await;
    let count = async |name: &str| {
        let page = cloud.request("GET", "/metrics").send().await;
        let prefix = format!("gumnut_cloud_{name} ");
        let found = page
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(&prefix)?.parse().ok());
        found.unwrap_or(0_u64)
    };
    let call = |name: &str| format!("catalogue_duration_seconds_count{{operation=\"{name}\"}}");
    let put = async |target: &str, body: &[u8]| {
        let request = cloud.request("PUT", target).body(body).v4(&cloud.admin);
        assert_eq!(request.send().await.status, 200);
    };
    put("/nursery", b"").await;
    // Larger than what the catalogue itself keeps.
    let body = vec![7; 20_000];
    let (trips, statements) = ("postgres_round_trips_total", "postgres_statements_total");
    let before = (count(trips).await, count(statements).await);
    let (changes, puts) = (
        call("change_key"),
        "blob_duration_seconds_count{operation=\"put\"}",
    );
    assert_eq!((count(&changes).await, count(puts).await), (0, 0));
    for number in 0..10 {
        put(&format!("/nursery/{number}"), &body).await;
    }
    assert_eq!((count(&changes).await, count(puts).await), (10, 10));
    let after = (count(trips).await, count(statements).await);
    // A few are those of the pages themselves. What is sent behind one another is one round trip, or more when the machine is so busy
    // that the first is answered before the last is sent.
    let (made, sent) = (after.0 - before.0, after.1 - before.1);
    assert!((20..=sent).contains(&made), "{before:?} {after:?}");
    assert_eq!(count("postgres_retries_total").await, 0);
    let page = cloud.request("GET", "/metrics").send().await;
    assert!(
        page.text()
            .contains("\ngumnut_cloud_postgres_connections_in_use 0.0\n")
    );
    assert!(
        !page
            .text()
            .contains("\ngumnut_cloud_postgres_connections 0.0\n")
    );
    cloud.running.shutdown().await.unwrap();
}

#[test]
fn where_the_catalogue_is_is_said_in_a_word_or_a_url() {
    let parse = |text| CatalogueSource::parse(text, None);
    assert!(matches!(parse("sqlite"), Ok(CatalogueSource::Sqlite)));
    let postgres = parse("postgres:///gumnut?host=/run/postgresql");
    assert!(matches!(postgres, Ok(CatalogueSource::Postgres(_))));
    let error = parse("mysql://root:secret@db/gumnut").unwrap_err();
    assert_eq!(error.fault(), Fault::Usage);
    let expected = "cannot use the catalogue \"...@db/gumnut\": use sqlite or a URL that begins with postgres://";
    assert_eq!(error.to_string(), expected);
    let error = parse("postgres://gumnut:secret@db/gumnut").unwrap_err();
    assert!(matches!(error, CloudError::Postgres(_)));
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}
