//! A store that front ends share, opened by a command beside them.

use gumnut_cloud_blobs::BlobStore;
use gumnut_cloud_catalogue::{Catalogue, Clock};
use gumnut_cloud_objects::{Collected, ObjectStore, Round};
use gumnut_types::Progress;

use crate::catalogue::open_catalogue;
use crate::config::{BlobsSource, CatalogueSource, Config};
use crate::data_dir::{CATALOGUE, DataDir, is_empty};
use crate::error::CloudError;
use crate::fsck::{Report, check_shared};
#[cfg(feature = "postgres")]
use crate::sessions::insist_on_nobody;
use crate::{blobs, process};

/// Checks a store that several processes share; they may run. See [`crate::Cloud::fsck_shared`].
pub(crate) async fn fsck(
    config: &Config,
    is_deep: bool,
    progress: &dyn Progress,
) -> Result<Report, CloudError> {
    // Files can be looked at when no cloud puts any.
    let _locked = match &config.blobs {
        BlobsSource::Disk => Some(DataDir::look_at(&config.data_dir)?),
        #[cfg(feature = "bucket")]
        BlobsSource::Bucket(_) => None,
    };
    let catalogue = match &config.catalogue {
        CatalogueSource::Sqlite => sqlite(config)?,
        #[cfg(feature = "postgres")]
        CatalogueSource::Postgres(postgres) => {
            let postgres = postgres.as_ref().clone().without_time_limit();
            let opened =
                gumnut_cloud_postgres::PostgresCatalogue::open_existing(&postgres, Clock::system());
            Catalogue::new(opened.await?)
        }
    };
    let blobs = blobs::look_at(&config.blobs, &config.data_dir, &catalogue).await?;
    check_shared(&catalogue, &blobs, is_deep, progress).await
}

/// Does a round of the collector. See [`crate::Cloud::collect`].
pub(crate) async fn collect(
    config: &Config,
    round: Round,
) -> Result<Option<Collected>, CloudError> {
    if matches!(config.blobs, BlobsSource::Disk) {
        return Err(CloudError::CollectsItself);
    }
    let _locked = match &config.catalogue {
        CatalogueSource::Sqlite if round.is_alone => Some(DataDir::look_at(&config.data_dir)?),
        _ => None,
    };
    let catalogue = match &config.catalogue {
        CatalogueSource::Sqlite => sqlite(config)?,
        #[cfg(feature = "postgres")]
        CatalogueSource::Postgres(postgres) => {
            if round.is_alone {
                insist_on_nobody(postgres).await?;
            }
            let opened =
                gumnut_cloud_postgres::PostgresCatalogue::open_existing(postgres, Clock::system());
            let opened = opened.await?;
            // One that was moved away does not know the blobs of today.
            gumnut_cloud_catalogue::insist_on_served(&opened).await?;
            Catalogue::new(opened)
        }
    };
    let blobs = blobs::look_at(&config.blobs, &config.data_dir, &catalogue).await?;
    insist_on_grace(&*blobs, round)?;
    let objects = ObjectStore::open(catalogue, blobs, config.limits.of_objects()).await?;
    Ok(objects
        .collect_by_hand(&process::owner(&config.name()), round)
        .await?)
}

/// Refuses a grace within which front ends commit rows or read.
fn insist_on_grace(blobs: &dyn BlobStore, round: Round) -> Result<(), CloudError> {
    let own = blobs.grace();
    let least = own.orphan.unwrap_or_default().max(own.reader);
    match round.grace {
        Some(grace) if grace < least && !round.is_alone => {
            Err(CloudError::ShortGrace { grace, least })
        }
        _ => Ok(()),
    }
}

fn sqlite(config: &Config) -> Result<Catalogue, CloudError> {
    let data_dir = &config.data_dir;
    if is_empty(data_dir, &data_dir.join(CATALOGUE))? {
        return Err(CloudError::NoCloud(data_dir.to_owned()));
    }
    Ok(Catalogue::new(open_catalogue(data_dir, Clock::system())?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gumnut_cloud_blobs::{Grace, MemoryBlobs};

    use super::*;

    #[test]
    fn a_short_grace_is_for_a_store_that_nobody_uses() {
        let blobs = MemoryBlobs::with_grace(Grace {
            orphan: Some(Duration::from_secs(40)),
            reader: Duration::from_mins(1),
        });
        let refused = |grace: Option<u64>, is_alone| {
            let round = Round {
                grace: grace.map(Duration::from_secs),
                is_alone,
                is_dry: false,
            };
            insist_on_grace(&blobs, round).is_err()
        };
        assert!(!refused(None, false) && !refused(Some(60), false) && !refused(Some(0), true));
        assert!(refused(Some(59), false) && refused(Some(0), false));
    }
}
