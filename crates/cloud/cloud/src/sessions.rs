//! Who else uses a database.

use std::time::Duration;

use gumnut_cloud_postgres::{PostgresCatalogue, PostgresConfig};

use crate::error::CloudError;

/// How often the connections of others are counted, and the wait in between: the server notices soon that a process was killed.
const LOOKS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(200);

/// Insists that nobody else has connections to a database, as far as it shows them.
pub(crate) async fn insist_on_nobody(postgres: &PostgresConfig) -> Result<(), CloudError> {
    let mut looks = 1;
    loop {
        match PostgresCatalogue::connections_of_others(postgres).await? {
            0 => return Ok(()),
            _ if looks < LOOKS => looks += 1,
            count => return Err(CloudError::InUse(count)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
