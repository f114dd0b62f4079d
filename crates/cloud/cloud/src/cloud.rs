//! Starting and stopping a cloud.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::catalogue::Catalogue;
use crate::data_dir::DataDir;
use crate::register::Ids;
use crate::server::{Handler, Server};
use crate::state::State;
use crate::store::Store;
use crate::{CloudError, Config, Credentials, Report, Users, accounts, fsck, tls};

/// The catalogue's file below the data folder.
const CATALOGUE: &str = "catalogue.sqlite";

/// The embedded cloud.
#[derive(Debug)]
pub struct Cloud;

/// A cloud that answers requests. Dropping it ends it as [`Running::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Running {
    server: Server,
    state: Arc<State>,
    keys: JoinHandle<()>,
}

impl Cloud {
    /// Makes what a data folder holds from the beginning, the administrator's account and keys, unless it is there.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn init(config: &Config) -> Result<(), CloudError> {
        open(config.clone())?.0.keys.make()
    }

    /// The users of the cloud in a data folder. The cloud may be running meanwhile.
    ///
    /// # Errors
    /// When there is no cloud in the data folder.
    pub fn users(data_dir: &Path) -> Result<Users, CloudError> {
        let path = data_dir.join(CATALOGUE);
        if !path.exists() {
            return Err(CloudError::NoCloud(data_dir.to_owned()));
        }
        Ok(Users::open(data_dir, Catalogue::open(&path)?, None))
    }

    /// Checks a data folder that no cloud uses at the moment: the catalogue, and presence, size and digest of every
    /// file. Changes nothing.
    ///
    /// # Errors
    /// When there is no cloud in the folder, one that runs, or one that cannot be read. What is wrong with the
    /// folder is in the report.
    pub fn fsck(data_dir: &Path) -> Result<Report, CloudError> {
        let path = data_dir.join(CATALOGUE);
        if !path.exists() {
            return Err(CloudError::NoCloud(data_dir.to_owned()));
        }
        let locked = DataDir::open(data_dir)?;
        match Catalogue::open(&path) {
            Err(CloudError::Damaged { reason, .. }) => Ok(Report::of_damage(reason)),
            catalogue => fsck::check(locked.path(), &catalogue?),
        }
    }

    /// Starts a cloud; on the first start of a data folder it does what [`Cloud::init`] does.
    ///
    /// The RSA keys of a first start are made meanwhile: the object store does without them, requests to the EC2 side
    /// and the files of [`Credentials`] wait for them.
    ///
    /// # Errors
    /// When the data folder or the address cannot be used.
    pub async fn start(config: Config) -> Result<Running, CloudError> {
        if !config.listen.ip().is_loopback() {
            if !config.allow_remote {
                return Err(CloudError::NotLoopback(config.listen));
            }
            if config.tls.is_none() {
                return Err(CloudError::NotEncrypted(config.listen));
            }
        }
        let (addr, grace) = (config.listen, config.grace);
        let (state, tls) = tokio::task::spawn_blocking(|| open(config)).await??;
        let state = Arc::new(state);
        let listen = |source| CloudError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let handler = Handler::new(Arc::clone(&state));
        let server = Server::start(listener, handler, tls, grace).map_err(listen)?;
        let keys = tokio::task::spawn_blocking({
            // With the state it keeps the lock of the data folder.
            let state = Arc::clone(&state);
            move || {
                if let Err(error) = state.keys.make() {
                    tracing::error!(%error, "images cannot be registered");
                }
            }
        });
        tracing::info!(addr = %server.addr(), "the cloud is up");
        Ok(Running {
            server,
            state,
            keys,
        })
    }
}

fn open(config: Config) -> Result<(State, Option<TlsAcceptor>), CloudError> {
    let data_dir = DataDir::open(&config.data_dir)?;
    let path = data_dir.path();
    let catalogue = Catalogue::open(&path.join(CATALOGUE))?;
    catalogue.check(&path.join(CATALOGUE))?;
    let clock = config.clock.clone();
    let store = Store::open(
        path,
        catalogue.clone(),
        clock.clone(),
        config.limits.clone(),
    )?;
    let keys = accounts::init(&data_dir, &catalogue, &clock)?;
    let tls = config.tls.as_ref().map(|tls| {
        let host = config.host().to_string();
        let names = tls::names(config.listen.ip(), host, &config.domains);
        tls.prepare(path, &names)
    });
    let tls = tls.transpose()?;
    let state = State {
        ids: Ids::new(&config.images),
        config,
        data_dir,
        keys,
        catalogue,
        store,
    };
    Ok((state, tls))
}

impl Running {
    /// Where the cloud answers: `http://127.0.0.1:8773`.
    pub fn endpoint(&self) -> String {
        self.state.config.endpoint_at(self.server.addr().port())
    }

    /// The administrator's credentials for this cloud.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn credentials(&self) -> Result<Credentials, CloudError> {
        self.users().credentials(None, &self.endpoint())
    }

    /// The users of this cloud.
    pub fn users(&self) -> Users {
        let State {
            data_dir,
            catalogue,
            keys,
            ..
        } = &*self.state;
        Users::open(data_dir.path(), catalogue.clone(), Some(keys.clone()))
    }

    /// Ends the cloud: no new requests, and those that are running may finish within the grace time.
    ///
    /// # Errors
    /// When a task of the cloud has failed.
    pub async fn shutdown(self) -> Result<(), CloudError> {
        self.server.shutdown().await?;
        Ok(self.keys.await?)
    }
}
