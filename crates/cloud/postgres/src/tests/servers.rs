//! Servers that are not as they should be.

use std::error::Error;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use fs_err as fs;
use gumnut_cloud_catalogue::{
    Account, AccountsChange, Acl, BucketChange, BucketRef, BucketSettings, CatalogueError,
    Database, Key, KeyChange, KeyRef, NULL_VERSION, NewBucket, NewUser, NewVersion, ObjectHeaders,
    Table, TagsAndLock,
};
use gumnut_types::{Fault, SecretString};

use super::*;
use crate::test_server::TestServer;
use crate::{PostgresConfig, PostgresError, connection, schema, statements, transfer};

/// Why a catalogue does not open: all of the message.
async fn refused(config: &PostgresConfig) -> (PostgresError, String) {
    let opened = PostgresCatalogue::open(config, Clock::system()).await;
    let error = opened.expect_err("the server is not as it should be");
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    (error, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_refused_is_told_without_the_password() -> contract::Outcome {
    let server = TestServer::start(&["fsync = off"])?;
    let client = connection::connect(&PostgresConfig::parse(&server.url("postgres", ""))?).await?;
    client
        .batch_execute("CREATE USER flora PASSWORD 'right'")
        .await?;
    client
        .batch_execute("CREATE DATABASE flora OWNER flora")
        .await?;
    let rules = server.data().join("pg_hba.conf");
    fs::write(
        &rules,
        "local all gumnut trust\nlocal all all scram-sha-256\n",
    )?;
    server.control(&["reload"])?;

    let url = server.url("flora", "").replace("gumnut@", "flora@");
    let config = PostgresConfig::parse(&url)?.allow_unsafe_durability();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    let with_password = |text: &str, mode| -> Result<PostgresConfig, Failed> {
        fs::write(&file, text)?;
        fs::set_permissions(&file, std::fs::Permissions::from_mode(mode))?;
        Ok(config.clone().password_file(&file))
    };
    let (error, said) = refused(&config).await;
    assert!(matches!(error, PostgresError::Login(_)), "{said}");
    let (error, said) = refused(&with_password("wrong-one\n", 0o600)?).await;
    assert!(matches!(error, PostgresError::Login(_)), "{said}");
    assert_eq!(error.fault(), Fault::Refused);
    assert!(!format!("{said} {error:?} {config:?}").contains("wrong-one"));
    for (text, mode) in [("right\n", 0o604), ("\nright", 0o600)] {
        let (error, said) = refused(&with_password(text, mode)?).await;
        assert!(
            matches!(error, PostgresError::PasswordFile { .. }),
            "{said}"
        );
    }
    let right = with_password("right\nanother line", 0o600)?;
    PostgresCatalogue::open(&right, Clock::system()).await?;

    let absent = PostgresConfig::parse(&server.url("absent", ""))?;
    let (error, said) = refused(&absent).await;
    assert!(matches!(error, PostgresError::NoDatabase(_)), "{said}");
    assert!(said.contains("createdb"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_loses_acknowledged_changes_is_refused() -> contract::Outcome {
    let server = TestServer::start(&["synchronous_commit = on"])?;
    let url = |options: &str| server.url("postgres", options);
    let unsafe_one = PostgresConfig::parse(&url("&options=-c%20synchronous_commit%3Dlocal"))?;
    let (error, said) = refused(&unsafe_one).await;
    let is_it = matches!(&error, PostgresError::Unsafe { setting: "synchronous_commit", value } if value == "local");
    assert!(is_it, "{said}");
    PostgresCatalogue::open(&PostgresConfig::parse(&url(""))?, Clock::system()).await?;
    PostgresCatalogue::open(&unsafe_one.allow_unsafe_durability(), Clock::system()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_do_not_fit_are_told_from_each_other() -> contract::Outcome {
    let config = TestSchema::fresh().await?.config()?;
    let client = connection::connect(&config).await?;
    client.batch_execute("CREATE TABLE others (a INT)").await?;
    let (error, said) = refused(&config).await;
    assert!(matches!(error, PostgresError::Foreign), "{said}");
    client.batch_execute("DROP TABLE others").await?;
    let catalogue = PostgresCatalogue::open(&config, Clock::system()).await?;
    let steps = PostgresCatalogue::schema(&config).await?.known;
    assert_eq!(
        PostgresCatalogue::upgrade(&config).await?,
        (steps, steps),
        "nothing to do"
    );

    client
        .batch_execute("UPDATE schema SET version = 0, oldest_program = 0")
        .await?;
    let (error, said) = refused(&config).await;
    assert!(
        matches!(
            error,
            PostgresError::SchemaTooOld { found: 0, needed } if needed == steps
        ),
        "{said}"
    );
    assert!(said.contains("gumnut cloud schema upgrade"), "{said}");
    // A later gumnut that this one can live with.
    client
        .batch_execute("UPDATE schema SET version = 99, oldest_program = 1")
        .await?;
    PostgresCatalogue::open(&config, Clock::system()).await?;
    catalogue.ready().await?;
    client
        .batch_execute("UPDATE schema SET oldest_program = 98")
        .await?;
    let (error, said) = refused(&config).await;
    assert!(
        matches!(
            error,
            PostgresError::SchemaTooNew {
                found: 99,
                oldest: 98,
                known
            } if known == steps
        ),
        "{said}"
    );
    assert!(PostgresCatalogue::upgrade(&config).await.is_err());
    let gone = catalogue.ready().await;
    assert!(
        matches!(gone, Err(CatalogueError::Version { found: 99, known }) if known == steps),
        "{gone:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_upgrades_at_once_one_does_the_work() -> contract::Outcome {
    let config = TestSchema::fresh().await?.config()?;
    let catalogue = PostgresCatalogue::open(&config, Clock::system()).await?;
    let clients = (
        connection::connect(&config).await?,
        connection::connect(&config).await?,
    );
    // The steps of this program have been done.
    let known = PostgresCatalogue::schema(&config).await?.known;
    let done = vec![""; usize::try_from(known)?];
    let more = [&done[..], &["CREATE TABLE more (a INT)"]].concat();
    let (one, other) = tokio::join!(
        schema::upgrade_to(&clients.0, &more, 1),
        schema::upgrade_to(&clients.1, &more, 1)
    );
    let mut both = [one?, other?];
    both.sort_unstable();
    assert_eq!(both, [(known, known + 1), (known + 1, known + 1)]);
    clients
        .0
        .batch_execute("INSERT INTO more VALUES (1)")
        .await?;
    // This program does not know the last step, and can live with it.
    catalogue.ready().await?;
    let shown = PostgresCatalogue::schema(&config).await?;
    assert_eq!(
        (shown.version, shown.known, shown.fits()),
        (known + 1, known, true)
    );

    let broken = [&done[..], &["", "CREATE TABLE most (a INT)", "no SQL"]].concat();
    assert!(schema::upgrade_to(&clients.0, &broken, 1).await.is_err());
    assert!(clients.0.batch_execute("SELECT * FROM most").await.is_err());
    let hold = "BEGIN; SELECT 1 FROM schema FOR UPDATE";
    clients.0.batch_execute(hold).await?;
    let good = [
        &done[..],
        &["", "CREATE TABLE most (a INT)", "CREATE TABLE last (a INT)"],
    ]
    .concat();
    let last = known + 3;
    let waited = schema::upgrade_to(&clients.1, &good, last).await;
    assert!(
        matches!(waited, Err(PostgresError::Locked(_))),
        "{waited:?}"
    );
    clients.0.batch_execute("ROLLBACK").await?;
    let client = connection::connect(&config).await?;
    assert_eq!(
        schema::upgrade_to(&client, &good, last).await?,
        (known + 1, last)
    );
    assert!(!PostgresCatalogue::schema(&config).await?.fits());
    let gone = catalogue.ready().await;
    assert!(
        matches!(gone, Err(CatalogueError::Version { .. })),
        "{gone:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_make_the_tables_at_once() -> contract::Outcome {
    for _ in 0..5 {
        let config = TestSchema::fresh().await?.config()?.connections(1);
        let open = || PostgresCatalogue::open(&config, Clock::system());
        let opened = futures::future::join_all((0..4).map(|_| open())).await;
        for catalogue in opened {
            assert_eq!(catalogue?.faults().await?, [""; 0]);
        }
    }
    Ok(())
}

fn account() -> Account {
    Account {
        number: "000000000001".parse().unwrap(),
        name: "a".to_owned(),
        canonical_id: "c".to_owned(),
        email: None,
    }
}

async fn add_account(catalogue: &Catalogue) -> Result<(), CatalogueError> {
    let add = catalogue.change_accounts(|_| {
        let add = NewUser {
            account: account(),
            name: "u".to_owned(),
            admin: true,
            access_key: "AKI".to_owned(),
            secret_key: SecretString::new("s"),
            certificate: None,
        };
        let change = AccountsChange {
            add: Some(add),
            ..AccountsChange::default()
        };
        Ok((change, ()))
    });
    add.await
}

pub(super) async fn with_bucket(catalogue: &Catalogue) -> Result<(), CatalogueError> {
    add_account(catalogue).await?;
    let at = BucketRef {
        name: "b".to_owned(),
        count_of: None,
    };
    let make = catalogue.change_bucket(at, |_| {
        let create = NewBucket {
            account: account().number.to_string(),
            acl: Acl::private("c"),
            settings: BucketSettings::default(),
        };
        let change = BucketChange {
            create: Some(create),
            ..BucketChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    make.await.map(drop)
}

/// A version with so many bytes in the catalogue.
pub(super) fn version(bytes: usize) -> NewVersion {
    NewVersion {
        version: NULL_VERSION.to_owned(),
        marker: false,
        account: account().number.to_string(),
        acl: Acl::private("c"),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        etag: "e".to_owned(),
        modified: 0,
        upload: None,
        content: gumnut_cloud_catalogue::Content::Inline(vec![b'x'; bytes].into()),
    }
}

pub(super) async fn put(
    catalogue: &Catalogue,
    key: String,
    bytes: usize,
) -> Result<(), CatalogueError> {
    let at = KeyRef {
        bucket: "b".to_owned(),
        key: Key::new(key).unwrap(),
        ..KeyRef::default()
    };
    let changed = catalogue.change_key(at, move |state| {
        let insert = NewVersion {
            modified: state.now,
            ..version(bytes)
        };
        let change = KeyChange {
            delete: state.named.iter().map(|named| named.id).collect(),
            insert: Some(insert),
            ..KeyChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    changed.await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_reads_is_unavailable_for_changes() -> contract::Outcome {
    let schema = TestSchema::fresh().await?;
    let writes = PostgresCatalogue::open(&schema.config()?, Clock::system()).await?;
    add_account(&Catalogue::new(writes)).await?;
    let url = format!("{}%20-c%20default_transaction_read_only%3Don", schema.url());
    let standby = PostgresConfig::parse(&url)?.allow_unsafe_durability();
    let catalogue = Catalogue::new(PostgresCatalogue::open(&standby, Clock::system()).await?);
    assert!(catalogue.identity("AKI").await?.is_some(), "reads go");
    let refused = with_bucket(&catalogue).await;
    // One that only reads is not ready, so that a balancer does not send it what it would refuse.
    let not_ready = catalogue.ready().await.map(drop);
    for refused in [refused, not_ready] {
        let error = refused.unwrap_err();
        assert!(matches!(error, CatalogueError::Unavailable(_)), "{error:?}");
        assert!(
            error.source().unwrap().to_string().contains("read-only"),
            "{error:?}"
        );
    }
    Ok(())
}

/// Puts objects from several tasks until `stop`, and gives the keys that were acknowledged and those of unknown outcome.
async fn under_load<F>(catalogue: &Catalogue, disturb: F) -> Result<(), Failed>
where
    F: Future<Output = Result<(), Failed>>,
{
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU32::new(0));
    let tasks = (0..4).map(|task| {
        let (catalogue, stop, done) = (catalogue.clone(), Arc::clone(&stop), Arc::clone(&done));
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("{task}-{number}");
                match put(&catalogue, key.clone(), 9).await {
                    Ok(()) => acknowledged.push(key),
                    Err(CatalogueError::Unavailable(_) | CatalogueError::OutcomeUnknown(_)) => {
                        tokio::task::yield_now().await;
                    }
                    Err(error) => panic!("{error:?}"),
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            acknowledged
        })
    });
    let tasks: Vec<_> = tasks.collect();
    disturb.await?;
    // It works again after the disturbance.
    let mut again = put(catalogue, "again".to_owned(), 9).await;
    while matches!(again, Err(CatalogueError::Unavailable(_))) {
        again = put(catalogue, "again".to_owned(), 9).await;
    }
    again?;
    stop.store(true, Ordering::Relaxed);
    let mut count = 0;
    for task in tasks {
        for key in task.await? {
            let found = catalogue.object("b", &key, None, true).await?;
            assert!(found.object.is_some(), "{key} was acknowledged");
            count += 1;
        }
    }
    assert!(count > 0, "some were acknowledged");
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_nothing_acknowledged() -> contract::Outcome {
    let server = TestServer::start(&["synchronous_commit = on"])?;
    let config = PostgresConfig::parse(&server.url("postgres", ""))?.connections(4);
    let catalogue = Catalogue::new(PostgresCatalogue::open(&config, Clock::system()).await?);
    with_bucket(&catalogue).await?;
    let server = Arc::new(server);
    under_load(&catalogue, async {
        // A crash, and an orderly end.
        for mode in ["immediate", "fast"] {
            let server = Arc::clone(&server);
            tokio::task::spawn_blocking(move || server.control(&["-m", mode, "restart"])).await??;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_takes_over_has_all_that_was_acknowledged() -> contract::Outcome {
    let server = Arc::new(TestServer::start(&["synchronous_commit = on"])?);
    let standby = server.standby()?;
    let config = PostgresConfig::parse(&standby.url("postgres"))?.connections(4);
    standby.insist().await?;
    let catalogue = Catalogue::new(PostgresCatalogue::open(&config, Clock::system()).await?);
    with_bucket(&catalogue).await?;
    under_load(&catalogue, async {
        put(&catalogue, "before".to_owned(), 9).await?;
        let crashed = Arc::clone(&server);
        let crash = move || crashed.control(&["-m", "immediate", "stop"]);
        tokio::task::spawn_blocking(crash).await??;
        tokio::task::block_in_place(|| standby.promote())
    })
    .await?;
    let found = catalogue.object("b", "before", None, true).await?;
    assert!(found.object.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_backends_are_replaced() -> contract::Outcome {
    let config = TestSchema::fresh().await?.config()?.connections(4);
    let config = config.application_name("terminated");
    let catalogue = Catalogue::new(PostgresCatalogue::open(&config, Clock::system()).await?);
    with_bucket(&catalogue).await?;
    let killer = connection::connect(&config.clone().application_name("killer")).await?;
    under_load(&catalogue, async {
        for _ in 0..20 {
            put(&catalogue, "between".to_owned(), 9).await.or_else(|error| match error {
                CatalogueError::Unavailable(_) | CatalogueError::OutcomeUnknown(_) => Ok(()),
                error => Err(error),
            })?;
            let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'terminated'";
            killer.query(terminate, &[]).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_with_nul_are_found_nowhere() -> contract::Outcome {
    let catalogue = fresh().await?;
    with_bucket(&catalogue).await?;
    put(&catalogue, "k\0".to_owned(), 3).await?;
    assert!(
        catalogue
            .object("b", "k\0", None, true)
            .await?
            .object
            .is_some()
    );
    assert!(
        catalogue
            .object("b", "k\0", Some("null\0"), true)
            .await?
            .object
            .is_none()
    );
    assert!(
        catalogue
            .object("b\0", "k", None, true)
            .await?
            .bucket
            .is_none()
    );
    assert!(catalogue.identity("AKI\0").await?.is_none());
    assert!(catalogue.bucket("\0").await?.is_none());
    assert!(catalogue.access_key(Some("u\0")).await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_statement_goes_with_the_tables() -> contract::Outcome {
    let config = TestSchema::fresh().await?.config()?;
    PostgresCatalogue::open(&config, Clock::system()).await?;
    let client = connection::connect(&config).await?;
    let mut texts: Vec<String> = statements::all().map(str::to_owned).collect();
    assert!(texts.len() > 70, "{} statements", texts.len());
    for table in Table::ALL {
        texts.extend([
            transfer::select(table, false),
            transfer::select(table, true),
        ]);
        texts.push(transfer::insertion(table));
    }
    for text in texts {
        let prepared = client.prepare(&text).await;
        assert!(prepared.is_ok(), "{text}: {:?}", prepared.err());
    }
    // The copy has every column that the tables have, but for what the database keeps for itself.
    let columns = "SELECT table_name || '.' || column_name FROM information_schema.columns \
                   WHERE table_schema = current_schema() ORDER BY 1";
    let rows = client.query(columns, &[]).await?;
    let mut found: std::collections::BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for table in Table::ALL {
        for column in table.columns() {
            let name = if column.name == "user" {
                "user_id"
            } else {
                column.name
            };
            let name = format!("{}.{name}", table.name());
            assert!(found.remove(&name), "{name}");
        }
    }
    let own = [
        "access_keys.added",
        "accounts.added",
        "images.added",
        "objects.ordinal",
    ];
    found.retain(|it| !own.contains(&it.as_str()));
    let left = |it: &String| {
        ["schema.", "leases.", "migrated.", "swept."]
            .iter()
            .any(|own| it.starts_with(own))
    };
    assert!(found.iter().all(left), "{found:?}");
    Ok(())
}
