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

mod postgres {
    use super::*;

    gumnut_cloud_catalogue::contract_tests!({ ((), fresh().await?) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_history_is_that_of_the_model(clients in contract::histories(24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let outcome = runtime.block_on(async {
            contract::history(&fresh().await?, clients).await
        });
        outcome.map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
}
