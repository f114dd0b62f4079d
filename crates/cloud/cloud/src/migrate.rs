//! Moving the catalogue of a cloud between its data directory and PostgreSQL.

use std::path::{Path, PathBuf};

use gumnut_cloud_catalogue::{Clock, migrate, undo_move};
use gumnut_cloud_postgres::{PostgresCatalogue, PostgresConfig};
use gumnut_cloud_sqlite::SqliteCatalogue;

use crate::config::CatalogueSource;
use crate::data_dir::{CATALOGUE, DataDir, is_empty};
use crate::error::CloudError;

/// Which way a catalogue moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// From the data directory to PostgreSQL.
    ToPostgres,
    /// From PostgreSQL to the data directory, which must have no catalogue.
    FromPostgres,
}

/// What is to be moved, as the user of a command line says it.
#[derive(Clone, Debug, Default)]
pub struct MoveRequest {
    to: Option<String>,
    from: Option<String>,
    password_file: Option<PathBuf>,
    undo: bool,
}

impl MoveRequest {
    /// The URL of the database to move to, or else of that to move from, and the file with its password; whether to undo the move
    /// from there, or from the data directory when there is no URL.
    pub fn new(
        to: Option<String>,
        from: Option<String>,
        password_file: Option<PathBuf>,
        undo: bool,
    ) -> Self {
        Self {
            to,
            from,
            password_file,
            undo,
        }
    }

    /// The database that is meant; `None` when there is no URL.
    fn database(&self) -> Result<Option<Box<PostgresConfig>>, CloudError> {
        let Some(url) = self.to.as_ref().or(self.from.as_ref()) else {
            return Ok(None);
        };
        match CatalogueSource::parse(url, self.password_file.as_deref())? {
            CatalogueSource::Postgres(postgres) => Ok(Some(postgres)),
            CatalogueSource::Sqlite => Err(CloudError::CatalogueSource {
                text: url.clone(),
                reason: "the catalogue moves to or from a URL that begins with postgres://"
                    .to_owned(),
            }),
        }
    }
}

/// Does what a request says. Gives the number of rows; `None` for a move that was undone. Blocks.
pub(crate) fn request(data_dir: &Path, request: &MoveRequest) -> Result<Option<u64>, CloudError> {
    let database = request.database()?;
    let runtime = tokio::runtime::Runtime::new().map_err(|source| CloudError::Files {
        doing: "start the threads of the database",
        source,
    })?;
    match database.filter(|_| !request.undo) {
        None => {
            let database = request.database()?;
            runtime.block_on(undo(data_dir, database.as_deref()))?;
            Ok(None)
        }
        Some(database) => {
            let direction = match request.to {
                Some(_) => Move::ToPostgres,
                None => Move::FromPostgres,
            };
            let moved = catalogue(data_dir, &database, direction);
            runtime.block_on(moved).map(Some)
        }
    }
}

/// Moves the catalogue of a data directory that no cloud uses, and gives the number of its rows. Objects and the master key are kept where
/// they are.
pub(crate) async fn catalogue(
    data_dir: &Path,
    postgres: &PostgresConfig,
    direction: Move,
) -> Result<u64, CloudError> {
    if direction == Move::ToPostgres {
        insist_on_cloud(data_dir)?;
    }
    let locked = DataDir::open(data_dir)?;
    let file = open(locked.path())?;
    let database = PostgresCatalogue::open(postgres, Clock::system()).await?;
    let moved = match direction {
        Move::ToPostgres => migrate(&file, &database, "PostgreSQL", &|_| None).await?,
        Move::FromPostgres => {
            let place = format!("the data directory {}", data_dir.display());
            migrate(&database, &file, &place, &|_| None).await?
        }
    };
    Ok(moved)
}

/// Makes a catalogue that was moved one that a cloud may serve again: that in PostgreSQL, or in the data directory for `None`.
pub(crate) async fn undo(
    data_dir: &Path,
    postgres: Option<&PostgresConfig>,
) -> Result<(), CloudError> {
    if let Some(postgres) = postgres {
        let database = PostgresCatalogue::open(postgres, Clock::system()).await?;
        return Ok(undo_move(&database).await?);
    }
    insist_on_cloud(data_dir)?;
    let locked = DataDir::open(data_dir)?;
    Ok(undo_move(&open(locked.path())?).await?)
}

fn insist_on_cloud(data_dir: &Path) -> Result<(), CloudError> {
    if is_empty(data_dir, &data_dir.join(CATALOGUE))? {
        return Err(CloudError::NoCloud(data_dir.to_owned()));
    }
    Ok(())
}

fn open(data_dir: &Path) -> Result<SqliteCatalogue, CloudError> {
    let path = data_dir.join(CATALOGUE);
    let opened = SqliteCatalogue::open(&path, Clock::system());
    opened.map_err(|error| CloudError::of_catalogue(&path, error))
}
