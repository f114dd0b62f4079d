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

/// Runs a race on a catalogue that takes no locks, again and again; whether a wrong outcome was seen.
async fn goes_wrong<R, F>(race: R) -> Result<bool, Failed>
where
    R: Fn(Catalogue) -> F,
    F: Future<Output = contract::Outcome> + Send + 'static,
{
    for _ in 0..20 {
        let config = TestSchema::fresh().await?.config()?.connections(4);
        let database = PostgresCatalogue::open(&config.without_locks(), Clock::system()).await?;
        // A wrong outcome is a panic of the race, or one that the database notices and cannot repair.
        if !matches!(
            tokio::spawn(race(Catalogue::new(database))).await,
            Ok(Ok(()))
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}

macro_rules! races_without_locks {
    ($($race:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $race() -> contract::Outcome {
                let seen = goes_wrong(|catalogue| async move { contract::$race(&catalogue).await });
                assert!(seen.await?, "the race does not see that locks are missing");
                Ok(())
            }
        )*
    };
}

mod without_locks {
    use super::*;

    races_without_locks!(
        a_part_that_an_object_has_stays,
        an_upload_ends_once,
        a_hold_keeps_a_version_or_comes_too_late,
        tags_and_hold_of_two_both_stay,
        settings_of_two_both_stay,
        a_limit_of_buckets_is_kept,
        many_keys_by_two
    );
}
