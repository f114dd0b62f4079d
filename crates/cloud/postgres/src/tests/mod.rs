//! The contract on a PostgreSQL server.

use gumnut_cloud_catalogue::{Catalogue, Clock, contract};
use proptest::prelude::*;

use crate::PostgresCatalogue;
use crate::test_server::{Failed, TestSchema};

/// An empty catalogue.
async fn fresh() -> Result<Catalogue, Failed> {
    let config = TestSchema::fresh().await?.config()?.connections(4);
    Ok(Catalogue::new(
        PostgresCatalogue::open(&config, Clock::system()).await?,
    ))
}

async fn open() -> Result<PostgresCatalogue, Failed> {
    let config = TestSchema::fresh().await?.config()?.connections(4);
    Ok(PostgresCatalogue::open(&config, Clock::system()).await?)
}

mod refusals;
mod round_trips;
mod servers;
mod silent;
mod tls;

mod postgres {
    use super::*;

    gumnut_cloud_catalogue::contract_tests!({ ((), fresh().await?) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_history_is_that_of_the_model(clients in contract::histories(24)) {
        run(async { contract::history(&fresh().await?, clients).await })?;
    }

    #[test]
    fn a_copy_has_the_same_rows(rows in contract::catalogues()) {
        run(async { contract::a_copy_has_the_same_rows(&open().await?, &open().await?, rows).await })?;
    }
}

fn run(test: impl Future<Output = contract::Outcome>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime
        .block_on(test)
        .map_err(|error| TestCaseError::fail(error.to_string()))
}

/// Runs a race on a catalogue that takes no locks, and has had this done to its tables, again and again; whether a wrong outcome was seen.
async fn goes_wrong<R, F>(sql: &str, race: R) -> Result<bool, Failed>
where
    R: Fn(Catalogue) -> F,
    F: Future<Output = contract::Outcome> + Send + 'static,
{
    for _ in 0..20 {
        let schema = TestSchema::fresh().await?;
        let config = schema.config()?.connections(4).without_locks();
        let database = PostgresCatalogue::open(&config, Clock::system()).await?;
        schema.run(sql).await?;
        let catalogue = Catalogue::new(database);
        // Two connections, so that none has to be made while the other client comes to its end.
        let (one, other) = futures::future::join(catalogue.accounts(), catalogue.accounts()).await;
        one.and(other)?;
        // A wrong outcome is a panic of the race, or one that the database notices and cannot repair.
        if !matches!(tokio::spawn(race(catalogue)).await, Ok(Ok(()))) {
            return Ok(true);
        }
    }
    Ok(false)
}

macro_rules! races_without {
    ($($sql:literal: $race:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $race() -> contract::Outcome {
                let race = |catalogue| async move { contract::$race(&catalogue).await };
                assert!(goes_wrong($sql, race).await?, "the race does not see what is missing");
                Ok(())
            }
        )*
    };
}

mod without_locks {
    use super::*;

    races_without!(
        "": a_part_that_an_object_has_stays,
        "": an_upload_ends_once,
        "": a_hold_keeps_a_version_or_comes_too_late,
        "": tags_and_hold_of_two_both_stay,
        "": settings_of_two_both_stay,
        "": a_limit_of_buckets_is_kept,
        "": the_first_account_by_two,
        "": many_keys_by_two
    );
}

/// Races in which a constraint notices what came meanwhile, so that the unit is tried again or refused.
mod without_constraints {
    use super::*;

    races_without!(
        "DROP INDEX objects_current, objects_history; ALTER TABLE objects DROP CONSTRAINT objects_bucket_key_version_key":
            if_none_match_by_two,
        "DROP INDEX objects_current, objects_history; ALTER TABLE objects DROP CONSTRAINT objects_bucket_key_version_key":
            if_match_by_two,
        "ALTER TABLE objects DROP CONSTRAINT objects_bucket_fkey": a_bucket_goes_or_gets_an_object,
        "DROP INDEX images_id; ALTER TABLE images DROP CONSTRAINT images_pkey": image_ids_by_two,
        "DROP INDEX images_unique_name": image_names_by_two
    );
}
