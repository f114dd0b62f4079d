//! Opening the catalogue of a cloud.

use std::io::ErrorKind;
use std::path::Path;

use gumnut_cloud_catalogue::{
    Catalogue, CatalogueError, Clock, Database as _, Mismatch, insist_on_served,
};
use gumnut_cloud_http::Instruments;
use gumnut_cloud_sqlite::SqliteCatalogue;

use crate::config::{CatalogueSource, Config};
use crate::data_dir::{CATALOGUE, known_files};
use crate::error::CloudError;
use crate::measures;

/// Opens the catalogue that the cloud is to have. Within a tokio runtime.
pub(crate) fn open_source(
    config: &Config,
    data_dir: &Path,
    instruments: &mut Instruments,
) -> Result<Catalogue, CloudError> {
    let clock = config.clock.clone();
    let catalogue = match &config.catalogue {
        CatalogueSource::Sqlite => {
            let database = open_catalogue(data_dir, clock)?;
            let checked = database.check();
            checked.map_err(|error| of_catalogue(data_dir, error))?;
            measures::commits(instruments, &database);
            Catalogue::new(database)
        }
        #[cfg(feature = "postgres")]
        CatalogueSource::Postgres(postgres) => open_postgres(postgres, clock, instruments)?,
    };
    Ok(measures::catalogue(instruments, catalogue))
}

/// Opens a catalogue in PostgreSQL, whose connections are counted. Blocks, within a tokio runtime.
#[cfg(feature = "postgres")]
pub(crate) fn open_postgres(
    postgres: &gumnut_cloud_postgres::PostgresConfig,
    clock: Clock,
    instruments: &mut Instruments,
) -> Result<Catalogue, CloudError> {
    let opened = gumnut_cloud_postgres::PostgresCatalogue::open(postgres, clock);
    let opened = futures::executor::block_on(opened)?;
    futures::executor::block_on(insist_on_served(&opened))?;
    measures::postgres(instruments, &opened.statistics());
    Ok(Catalogue::new(opened))
}

/// Opens the catalogue of a data directory; in a directory without one, a new one. Where there are files that a catalogue must
/// know, an empty one is refused: with it the cloud would serve nothing, as if all data were gone.
pub(crate) fn open_catalogue(data_dir: &Path, clock: Clock) -> Result<SqliteCatalogue, CloudError> {
    let path = data_dir.join(CATALOGUE);
    let failed = |error| of_catalogue(data_dir, error);
    let without = |mismatch| failed(CatalogueError::Mismatch(mismatch));
    let has_files = known_files(data_dir, 1)? > 0;
    // Before it is opened, which makes a new one.
    match fs_err::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && has_files => {
            return Err(without(Mismatch::Missing));
        }
        Ok(found) if found.len() == 0 && has_files => return Err(without(Mismatch::Empty)),
        _ => {}
    }
    let catalogue = SqliteCatalogue::open(&path, clock).map_err(failed)?;
    futures::executor::block_on(insist_on_served(&catalogue))?;
    let known = futures::executor::block_on(catalogue.accounts()).map_err(failed)?;
    if known.accounts.is_empty() && has_files {
        return Err(without(Mismatch::Empty));
    }
    Ok(catalogue)
}

/// An error of the catalogue in a data directory. Where there is none that could be taken for right, it says what is there
/// without it.
pub(crate) fn of_catalogue(data_dir: &Path, error: CatalogueError) -> CloudError {
    let path = data_dir.join(CATALOGUE);
    match error {
        CatalogueError::Mismatch(mismatch @ (Mismatch::Missing | Mismatch::Empty)) => {
            match known_files(data_dir, usize::MAX) {
                Ok(files) => CloudError::NoCatalogue {
                    path,
                    mismatch,
                    files,
                },
                Err(error) => error,
            }
        }
        other => CloudError::of_catalogue(&path, other),
    }
}
