//! `gumnut cloud migrate`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gumnut_cloud::{Cloud, Config, MoveBlobs, MoveRequest};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;
use tokio::runtime::Handle;

use crate::data::Data;
use crate::refused::refused;
use crate::runtime::within;
use crate::settings::Settings;

/// Move a cloud that is stopped, or its catalogue alone.
///
/// The new place must be empty. If the command is interrupted, run it again: it continues. Nothing in the old place is changed, except that
/// its catalogue is marked as moved, and a cloud does not start with it any more.
///
/// With a configuration file (NAME.toml) or a data directory, the cloud moves with its objects and its master key. Each object that is copied
/// is compared with its digest, and at the end the digests of all tables are compared. The other place is that of --data or --server-config.
///
/// With the URL of a database only the catalogue moves, and --data names the directory with the objects and `master.key`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud migrate --data /srv/cloud --to cloud.toml
  gumnut cloud migrate --from cloud.toml --to /srv/cloud
  gumnut cloud migrate --from old.toml --to new.toml --blobs keep
  gumnut cloud migrate --to 'postgres:///gumnut?host=/run/postgresql'
  gumnut cloud migrate --from 'postgres:///gumnut?host=/run/postgresql' --data /srv/cloud
  gumnut cloud migrate --undo")]
pub struct Migrate {
    #[command(flatten)]
    data: Data,
    /// New place: a configuration file, a data directory, or the URL of a database
    #[arg(long, value_name = "PLACE", required_unless_present_any = ["from", "undo"], conflicts_with = "undo")]
    to: Option<String>,
    /// Old place: a configuration file, a data directory, or the URL of a database
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// What happens to the objects [default: keep if both places have the same directory or bucket, otherwise copy]
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "undo")]
    blobs: Option<Blobs>,
    /// File with the password of the database of a URL
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Use the catalogue again that was moved: that of --data or --server-config, or of --from
    ///
    /// Changes that were made after it was moved are not in it.
    #[arg(long)]
    undo: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Blobs {
    /// They are copied
    Copy,
    /// They are there already; it is checked that they are
    Keep,
}

impl From<Blobs> for MoveBlobs {
    fn from(blobs: Blobs) -> Self {
        match blobs {
            Blobs::Copy => Self::Copy,
            Blobs::Keep => Self::Keep,
        }
    }
}

impl Migrate {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let places = [&self.to, &self.from].map(Option::as_deref);
        if places.into_iter().flatten().any(is_url) {
            return self.move_catalogue(session);
        }
        if self.undo && self.from.is_none() && self.data.settings()?.is_embedded() {
            return self.move_catalogue(session);
        }
        within(|| self.move_cloud(session))
    }

    fn move_catalogue(&self, session: &Session) -> Result<(), anyhow::Error> {
        if self.to.is_some() && self.from.is_some() {
            let message = "a URL is for the catalogue alone, whose other place is a data directory; name it with --data";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        if self.blobs.is_some() {
            let message = "with a URL only the catalogue moves; --blobs is for a configuration file or a data directory";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let (to, from, file) = (&self.to, &self.from, &self.password_file);
        let request = MoveRequest::new(to.clone(), from.clone(), file.clone(), self.undo);
        let rows = Cloud::migrate_as(&self.data.folder()?, &request).map_err(refused)?;
        session
            .output
            .result(&json!({ "rows": rows }), &Lines::default())
    }

    fn move_cloud(&self, session: &Session) -> Result<(), anyhow::Error> {
        if self.password_file.is_some() {
            let message =
                "--password-file is for a URL; a configuration file has `postgres-password`";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        if self.from.is_some() && self.to.is_some() && self.data.is_given() {
            let message = "--from and --to name both places; leave --data and --server-config out";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let from = self.place(self.from.as_deref())?;
        let runtime = Handle::current();
        if self.undo {
            let undone = runtime.block_on(Cloud::undo_relocate(&from));
            undone.map_err(refused)?;
            return session
                .output
                .result(&json!({ "rows": null }), &Lines::default());
        }
        let to = self.place(self.to.as_deref())?;
        let bar = session.output.bar("moving objects", 0);
        let relocate = Cloud::relocate(&from, &to, self.blobs.map(Into::into), &bar);
        let moved = runtime.block_on(relocate).map_err(refused)?;
        bar.clear();
        if moved.was_moved {
            session.output.say("the cloud was moved there before");
        }
        let mut lines = Lines::default();
        lines.push(["rows", &moved.rows.to_string()]);
        let copied = format!("{} blobs, {} bytes", moved.copied, moved.bytes);
        lines.push(["copied", &copied]);
        lines.push(["present", &format!("{} blobs", moved.present)]);
        session.output.result(&json!(moved), &lines)
    }

    /// The configuration of a place; of the one that --data and --server-config name when nothing is said.
    fn place(&self, named: Option<&str>) -> Result<Config, Failure> {
        let Some(place) = named else {
            return self.data.config();
        };
        let path = Path::new(place);
        if path.extension().is_some_and(|end| end == "toml") {
            return Settings::read(path)?.config();
        }
        let mut settings = Settings::default();
        settings.data = Some(path.to_owned());
        settings.config()
    }
}

fn is_url(place: &str) -> bool {
    place.contains("://")
}
