//! What the server refuses in the middle of a unit of change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use gumnut_cloud_catalogue::{CatalogueError, Key, KeyChange, KeyRef};

use super::servers::{put, with_bucket};
use super::*;
use crate::connection;
use crate::unit::PATIENCE;

/// A catalogue with a bucket, in which a trigger that runs when versions are inserted does this. `CONSTRAINT` triggers run at the commit.
async fn with_trigger(kind: &str, body: &str) -> Result<Catalogue, Failed> {
    let config = TestSchema::fresh().await?.config()?.connections(2);
    let catalogue = Catalogue::new(PostgresCatalogue::open(&config, Clock::system()).await?);
    with_bucket(&catalogue).await?;
    let deferred = if kind.is_empty() {
        ""
    } else {
        "DEFERRABLE INITIALLY DEFERRED"
    };
    let sql = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
         CREATE {kind} TRIGGER refuse AFTER INSERT ON objects {deferred} FOR EACH ROW EXECUTE FUNCTION refuse();"
    );
    connection::connect(&config)
        .await?
        .batch_execute(&sql)
        .await?;
    Ok(catalogue)
}

async fn raising(code: &str) -> Result<Catalogue, Failed> {
    with_trigger(
        "",
        &format!("RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'"),
    )
    .await
}

async fn is_there(catalogue: &Catalogue) -> Result<bool, CatalogueError> {
    let found = catalogue.object("b", "k", None, false).await?;
    Ok(found.object.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_has_its_own_error_and_nothing_has_changed() -> contract::Outcome {
    let catalogue = raising("53100").await?;
    let error = put(&catalogue, "k".to_owned(), 3).await.unwrap_err();
    assert!(matches!(error, CatalogueError::Full(_)), "{error:?}");
    assert!(!error.is_outcome_unknown());
    assert!(!is_there(&catalogue).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_work_later_is_unavailable_and_nothing_has_changed() -> contract::Outcome {
    // Too slow, too long behind a lock, too many connections, read-only.
    for code in ["57014", "55P03", "53300", "25006"] {
        let catalogue = raising(code).await?;
        let error = put(&catalogue, "k".to_owned(), 3).await.unwrap_err();
        assert!(
            matches!(error, CatalogueError::Unavailable(_)),
            "{code}: {error:?}"
        );
        assert!(!error.is_outcome_unknown());
        assert!(!is_there(&catalogue).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_never_comes_through_is_tried_ten_times() -> contract::Outcome {
    for code in ["40001", "40P01", "23505", "23503"] {
        let catalogue = raising(code).await?;
        let tried = Arc::new(AtomicU32::new(0));
        let counting = Arc::clone(&tried);
        let at = KeyRef {
            bucket: "b".to_owned(),
            key: Key::new("k")?,
            ..KeyRef::default()
        };
        let insert = servers::version(3);
        let changed = catalogue.change_key(at, move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
            let change = KeyChange {
                insert: Some(insert.clone()),
                ..KeyChange::default()
            };
            Ok::<_, CatalogueError>((change, ()))
        });
        let begun = Instant::now();
        let error = changed.await.unwrap_err();
        let has_patience = begun.elapsed() < PATIENCE;
        assert!(
            matches!(error, CatalogueError::Unavailable(_)),
            "{code}: {error:?}"
        );
        // On a busy machine the time may be over before.
        let count = tried.load(Ordering::Relaxed);
        assert!(
            count == 10 || (!has_patience && count < 10),
            "{code}: {count}"
        );
        assert!(!is_there(&catalogue).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_has_an_unknown_outcome() -> contract::Outcome {
    let terminate = "PERFORM pg_terminate_backend(pg_backend_pid())";
    let catalogue = with_trigger("CONSTRAINT", terminate).await?;
    let error = put(&catalogue, "k".to_owned(), 3).await.unwrap_err();
    assert!(
        matches!(error, CatalogueError::OutcomeUnknown(_)),
        "{error:?}"
    );
    assert!(error.is_outcome_unknown());
    assert!(
        !is_there(&catalogue).await?,
        "another connection finds what there is"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_leaves_no_transaction_open() -> contract::Outcome {
    use futures::FutureExt as _;
    let config = TestSchema::fresh().await?.config()?.connections(1);
    let catalogue = Catalogue::new(PostgresCatalogue::open(&config, Clock::system()).await?);
    with_bucket(&catalogue).await?;
    for number in 0..20 {
        // Dropped after it was polled a few times: wherever it is then.
        let mut call = Box::pin(put(&catalogue, "k".to_owned(), 3));
        for _ in 0..number {
            if (&mut call).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        put(&catalogue, format!("k{number}"), 3).await?;
    }
    assert_eq!(catalogue.faults().await?, [""; 0]);
    // Nobody holds a lock: another connection gets all of them.
    let client = connection::connect(&config).await?;
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '5s'; LOCK TABLE objects IN ACCESS EXCLUSIVE MODE; COMMIT").await?;
    Ok(())
}
