//! `gumnut cloud schema`

use clap::{Args, Subcommand};
use gumnut_cloud::{CatalogueSource, Cloud, PostgresConfig};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;
use tokio::runtime::Handle;

use crate::data::Data;
use crate::refused::refused;

/// The tables of a catalogue in PostgreSQL.
///
/// A cloud creates them in an empty database, and never changes tables that exist: after an upgrade of gumnut that needs newer tables,
/// front ends do not start until `schema upgrade` was run.
#[derive(Subcommand)]
pub enum Schema {
    Show(Show),
    Upgrade(Upgrade),
}

/// Print the version of the tables, and whether this program can use them.
///
/// Ends with exit code 4 if it cannot.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud schema show --server-config cloud.toml")]
pub struct Show {
    #[command(flatten)]
    data: Data,
}

/// Bring the tables up to date. Front ends can be running.
///
/// All changes are one transaction. Front ends of the release before work with the new tables. Does nothing if the tables are up to date.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud schema upgrade --server-config cloud.toml")]
pub struct Upgrade {
    #[command(flatten)]
    data: Data,
}

impl Schema {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match self {
            Self::Show(command) => command.run(session),
            Self::Upgrade(command) => command.run(session),
        }
    }
}

impl Show {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let postgres = postgres(&self.data)?;
        let schema = Handle::current().block_on(Cloud::schema(&postgres));
        let schema = schema.map_err(refused)?;
        let json = json!({
            "version": schema.version,
            "oldest_program": schema.oldest_program,
            "program": schema.known,
            "fits": schema.fits(),
        });
        let mut lines = Lines::default();
        lines.push(["version", &schema.version.to_string()]);
        lines.push(["oldest program", &schema.oldest_program.to_string()]);
        lines.push(["this program", &schema.known.to_string()]);
        session.output.result(&json, &lines)?;
        if schema.fits() {
            return Ok(());
        }
        let failure = Failure::new(Exit::Refused, "this program cannot use the tables");
        let hint = if schema.version < schema.known {
            "run `gumnut cloud schema upgrade`"
        } else {
            "install a later gumnut"
        };
        Err(failure.hint(hint).into())
    }
}

impl Upgrade {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let postgres = postgres(&self.data)?;
        let upgraded = Handle::current().block_on(Cloud::upgrade_schema(&postgres));
        let (before, after) = upgraded.map_err(refused)?;
        if before == after {
            session.output.say("the tables are up to date");
        }
        let json = json!({ "before": before, "after": after });
        let versions = Lines::one(format!("{before} -> {after}"));
        session.output.result(&json, &versions)
    }
}

/// The database of the catalogue; one in SQLite has no such command.
fn postgres(data: &Data) -> Result<Box<PostgresConfig>, Failure> {
    if let CatalogueSource::Postgres(postgres) = data.config()?.catalogue {
        return Ok(postgres);
    }
    let message =
        "the catalogue is in SQLite, whose tables are brought up to date when the cloud starts";
    Err(Failure::new(Exit::Usage, message)
        .hint("pass --server-config with a `catalogue` in PostgreSQL"))
}
