//! What a cloud in its shared form needs: its catalogue in PostgreSQL, its objects in a bucket of a foreign store.

use std::path::{Path, PathBuf};

use crate::postgres::Postgres;
use crate::python::Environment;
use crate::stores::Store;
use crate::workspace::Workspace;

/// A database and a bucket, and the configuration of a cloud that uses them. They end when this goes out of scope.
pub struct Shared {
    config: PathBuf,
    _postgres: Postgres,
    _store: Store,
}

impl Shared {
    /// Starts PostgreSQL, and rclone's server as the store, for a cloud in `folder`.
    pub fn start(
        workspace: &Workspace,
        clients: &Environment,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let postgres = Postgres::start(workspace)?;
        let store = Store::rclone(clients, &folder.join("store"))?;
        let config = folder.join("cloud.toml");
        let text = format!(
            "catalogue = {:?}\nblobs = {:?}\nblobs-key = {:?}\n",
            postgres.url(),
            store.blobs("cloud"),
            store.key_file().to_string_lossy()
        );
        fs_err::write(&config, text)?;
        Ok(Self {
            config,
            _postgres: postgres,
            _store: store,
        })
    }

    /// The configuration file of the cloud. It does not name the data directory.
    pub fn config(&self) -> &Path {
        &self.config
    }
}
