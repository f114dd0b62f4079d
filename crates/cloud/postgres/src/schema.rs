//! The tables, and how older tables become those of today.

use gumnut_cloud_catalogue::CatalogueError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use crate::error::PostgresError;
use crate::failure::Failure;
use crate::values::get;

/// The steps from an empty database to the tables of today; the row of `schema` counts those it has had. A step that has been
/// released is never changed: changes are new steps. They add tables, indexes and columns that may be absent, so that programs that
/// do not know them work on; what an older program cannot work with waits for the release after, and raises `OLDEST_PROGRAM`.
const STEPS: [&str; 4] = [
    include_str!("steps/1-tables.sql"),
    include_str!("steps/2-instances.sql"),
    include_str!("steps/3-key-pairs.sql"),
    include_str!("steps/4-groups.sql"),
];

/// Programs that know fewer steps than this cannot work with the tables of today.
const OLDEST_PROGRAM: i64 = 1;

/// How often another program is waited for that makes the tables at the same time.
const TRIES: u32 = 10;

/// Of a database: how many steps its tables have had, and how many a program must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    version: i64,
    oldest_program: i64,
}

/// The tables of a database, and what this program knows of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// How many steps the tables have had.
    pub version: i64,
    /// How many steps a program must know to use them.
    pub oldest_program: i64,
    /// How many steps this program knows.
    pub known: i64,
}

impl Schema {
    /// Whether this program can use the tables.
    pub fn fits(&self) -> bool {
        self.known >= self.oldest_program && self.version >= self.known
    }
}

/// What the tables are that are there.
pub(crate) async fn show(client: &Client) -> Result<Schema, PostgresError> {
    let found = find(client).await?.ok_or(PostgresError::Empty)?;
    Ok(Schema {
        version: found.version,
        oldest_program: found.oldest_program,
        known: known(&STEPS),
    })
}

fn known(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

/// Makes the tables in an empty database. In another it insists that tables and program fit.
pub(crate) async fn prepare(client: &Client) -> Result<(), PostgresError> {
    let mut tries = 0;
    loop {
        if let Some(found) = find(client).await? {
            return fit(found, known(&STEPS));
        }
        tries += 1;
        match fill(client).await {
            // Another program was first.
            Err(error) if is_made_by_another(&error) && tries < TRIES => {}
            made => return made.map_err(PostgresError::from),
        }
    }
}

/// Insists that there are tables of a catalogue, and that they and this program fit.
pub(crate) async fn insist_on_tables(client: &Client) -> Result<(), PostgresError> {
    let found = find(client).await?.ok_or(PostgresError::Empty)?;
    fit(found, known(&STEPS))
}

fn is_made_by_another(error: &tokio_postgres::Error) -> bool {
    let codes = [
        SqlState::DUPLICATE_TABLE,
        SqlState::UNIQUE_VIOLATION,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|code| codes.contains(code))
}

/// Insists that the tables still go with this program, by their row of `schema`.
pub(crate) fn insist(row: &Row) -> Result<(), Failure> {
    let (found, oldest_program): (i64, i64) = (get(row, 0)?, get(row, 1)?);
    let known = known(&STEPS);
    if known < oldest_program {
        return Err(CatalogueError::Version { found, known }.into());
    }
    Ok(())
}

/// Insists that tables and program fit.
fn fit(found: Found, known: i64) -> Result<(), PostgresError> {
    let Found {
        version,
        oldest_program,
    } = found;
    if known < oldest_program {
        return Err(PostgresError::SchemaTooNew {
            found: version,
            oldest: oldest_program,
            known,
        });
    }
    if version < known {
        return Err(PostgresError::SchemaTooOld {
            found: version,
            needed: known,
        });
    }
    Ok(())
}

/// What the row of `schema` says; `None` for an empty database.
async fn find(client: &Client) -> Result<Option<Found>, PostgresError> {
    let tables =
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()";
    let mut is_second_look = false;
    loop {
        match client
            .query_opt("SELECT version, oldest_program FROM schema", &[])
            .await
        {
            Ok(Some(row)) => {
                return Ok(Some(Found {
                    version: row.try_get(0)?,
                    oldest_program: row.try_get(1)?,
                }));
            }
            Ok(None) => return Err(PostgresError::Foreign),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
                return Err(PostgresError::Foreign);
            }
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                let others: i64 = client.query_one(tables, &[]).await?.try_get(0)?;
                if others == 0 {
                    return Ok(None);
                }
                if is_second_look {
                    return Err(PostgresError::Foreign);
                }
                // Another program may have made the tables between the two questions.
                is_second_look = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn fill(client: &Client) -> Result<(), tokio_postgres::Error> {
    let row = format!(
        "INSERT INTO schema VALUES (1, {}, {OLDEST_PROGRAM});",
        known(&STEPS)
    );
    in_one(client, &(STEPS.concat() + &row)).await
}

/// Brings older tables up to date, while programs use them. Gives the version before and after.
pub(crate) async fn upgrade(client: &Client) -> Result<(i64, i64), PostgresError> {
    upgrade_to(client, &STEPS, OLDEST_PROGRAM).await
}

/// Brings older tables to these steps, of which a program must know `oldest_program` afterwards.
pub(crate) async fn upgrade_to(
    client: &Client,
    steps: &[&str],
    oldest_program: i64,
) -> Result<(i64, i64), PostgresError> {
    if find(client).await?.is_none() {
        prepare(client).await?;
        return Ok((0, known(&STEPS)));
    }
    // A session that waits for a table holds up all behind it.
    let begin = "BEGIN; SET LOCAL lock_timeout = '2s'; SELECT 1 FROM schema FOR UPDATE";
    client.batch_execute(begin).await.map_err(locked)?;
    let upgraded = with_lock(client, steps, oldest_program).await;
    let end = if upgraded.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    client.batch_execute(end).await?;
    upgraded
}

async fn with_lock(
    client: &Client,
    steps: &[&str],
    oldest_program: i64,
) -> Result<(i64, i64), PostgresError> {
    let found = find(client).await?.ok_or(PostgresError::Foreign)?;
    let known = known(steps);
    if known < found.oldest_program {
        fit(found, known)?;
    }
    let had = usize::try_from(found.version).unwrap_or_default();
    for step in steps.get(had..).unwrap_or_default() {
        client.batch_execute(step).await.map_err(locked)?;
    }
    if found.version < known {
        let update = "UPDATE schema SET version = $1, oldest_program = $2";
        client.execute(update, &[&known, &oldest_program]).await?;
    }
    Ok((found.version, known.max(found.version)))
}

/// An error of an upgrade, which does not wait long for others.
fn locked(error: tokio_postgres::Error) -> PostgresError {
    if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return PostgresError::Locked(error);
    }
    error.into()
}

/// Runs statements in one transaction.
async fn in_one(client: &Client, sql: &str) -> Result<(), tokio_postgres::Error> {
    let done = client.batch_execute(&format!("BEGIN; {sql} COMMIT")).await;
    if done.is_err() {
        client.batch_execute("ROLLBACK").await?;
    }
    done
}
