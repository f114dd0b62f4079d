//! Starting and stopping a cloud.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gumnut_cloud_accounts::{Credentials, Keys, Regions, Secrets, Tls, Trust, Users, names};
use gumnut_cloud_blobs::DiskBlobs;
use gumnut_cloud_catalogue::{Catalogue, Clock, Profile};
use gumnut_cloud_ec2::{Ec2FrontEnd, Ec2Options, Services};
use gumnut_cloud_http::{
    BodyBudget, FrontEnd, HttpLimits, Instruments, Server, ServerOptions, tls_acceptor,
};
use gumnut_cloud_objects::{Collected, IfExists, ObjectStore, Round};
use gumnut_cloud_s3::{S3FrontEnd, S3Options};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::{NoProgress, Progress};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::backup::{self, Backup, BackupOptions, Restored};
use crate::blobs::{self, Collecting};
#[cfg(feature = "postgres")]
use crate::catalogue::open_postgres;
use crate::catalogue::{of_catalogue, open_catalogue, open_source};
use crate::config::{CatalogueSource, Config, Limits};
use crate::data_dir::{CATALOGUE, DataDir, is_empty};
use crate::error::CloudError;
use crate::front_ends;
use crate::fsck::{self, Repair, Report};
use crate::machines::{Machinery, Machines};
use crate::measures::{self, Collections};
#[cfg(feature = "postgres")]
use crate::migrate::{self, Move, MoveRequest};
use crate::process::{self, Process};
use crate::readiness::CloudProbe;
#[cfg(feature = "postgres")]
use crate::relocate::{self, MoveBlobs, Relocated};
use crate::services::services;
use crate::shared;

/// The embedded cloud.
#[derive(Debug)]
pub struct Cloud;

/// A cloud that answers requests. Dropping it ends it as [`Running::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Running {
    server: Server,
    config: Config,
    catalogue: Catalogue,
    keys: Keys,
    making_keys: JoinHandle<()>,
    collecting: Collecting,
    /// `None`: this cloud does not run instances.
    machines: Option<Machines>,
}

impl Cloud {
    /// Makes what a data directory holds from the beginning, the administrator's account and keys, unless it is there. With a catalogue
    /// in PostgreSQL within a tokio runtime, on a thread that may block.
    ///
    /// # Errors
    /// When the data directory cannot be used.
    pub fn init(config: &Config) -> Result<(), CloudError> {
        Ok(open(config.clone())?.keys.make()?)
    }

    /// The users of the cloud that is started with these settings. It may be running meanwhile. With a catalogue in PostgreSQL within a
    /// tokio runtime, on a thread that may block, as all that is done with the users.
    ///
    /// # Errors
    /// When there is no cloud in the data directory, or not the catalogue that belongs there.
    pub fn users(config: &Config) -> Result<Users, CloudError> {
        let data_dir = &config.data_dir;
        let catalogue = match &config.catalogue {
            CatalogueSource::Sqlite => {
                if is_empty(data_dir, &data_dir.join(CATALOGUE))? {
                    return Err(CloudError::NoCloud(data_dir.to_owned()));
                }
                Catalogue::new(open_catalogue(data_dir, Clock::system())?)
            }
            #[cfg(feature = "postgres")]
            CatalogueSource::Postgres(postgres) => {
                let mut unread = Instruments::default();
                open_postgres(postgres, Clock::system(), &mut unread)?
            }
        };
        let trust = Trust::Kept(data_dir.clone());
        Ok(Users::open(catalogue, config.secret_files(), trust, None))
    }

    /// Moves the catalogue of a data directory that no cloud uses to PostgreSQL, whose tables must be empty, or back, and gives the number
    /// of its rows. After it was interrupted, calling it again continues. Objects and the master key are kept where they are. At the end
    /// the digests of all tables are compared, and no cloud starts with the catalogue that was moved.
    ///
    /// # Errors
    /// [`CloudError::Locked`] when a cloud uses the directory; [`CloudError::Migrate`] when the catalogue cannot be moved.
    #[cfg(feature = "postgres")]
    pub async fn migrate(
        data_dir: &Path,
        postgres: &gumnut_cloud_postgres::PostgresConfig,
        direction: Move,
    ) -> Result<u64, CloudError> {
        migrate::catalogue(data_dir, postgres, direction).await
    }

    /// Does what [`Cloud::migrate`] or [`Cloud::undo_migrate`] does, as a request says. Gives the number of rows; `None` for a move that was
    /// undone. It blocks, outside of a tokio runtime.
    ///
    /// # Errors
    /// [`CloudError::CatalogueSource`] for a URL that is not one of PostgreSQL; those of the two else.
    #[cfg(feature = "postgres")]
    pub fn migrate_as(data_dir: &Path, request: &MoveRequest) -> Result<Option<u64>, CloudError> {
        migrate::request(data_dir, request)
    }

    /// Lets clouds start again with a catalogue that was moved: that in PostgreSQL, or that in the data directory for `None`.
    ///
    /// # Errors
    /// [`CloudError::Migrate`] when it is an incomplete copy; others when it cannot be used.
    #[cfg(feature = "postgres")]
    pub async fn undo_migrate(
        data_dir: &Path,
        postgres: Option<&gumnut_cloud_postgres::PostgresConfig>,
    ) -> Result<(), CloudError> {
        migrate::undo(data_dir, postgres).await
    }

    /// Moves a cloud that nobody uses, its catalogue and the bytes of its objects, to another place, which must be empty. `blobs` says
    /// what becomes of the bytes; `None` keeps them where they are when both places have the same store, and copies them otherwise.
    /// The first place is not changed, but a cloud does not start with its catalogue afterwards. After it was interrupted, calling it
    /// again continues. Each blob that is copied is compared with its digest, and at the end the digests of all tables.
    /// `progress` hears of the bytes that are copied.
    ///
    /// # Errors
    /// [`CloudError::Locked`] or [`CloudError::InUse`] when one of the places is used; [`CloudError::BlobsNotEmpty`],
    /// [`CloudError::MoveBlob`], [`CloudError::OtherMasterKey`] or [`CloudError::Migrate`] when the cloud cannot be moved.
    #[cfg(feature = "postgres")]
    pub async fn relocate(
        from: &Config,
        to: &Config,
        blobs: Option<MoveBlobs>,
        progress: &dyn Progress,
    ) -> Result<Relocated, CloudError> {
        relocate::relocate(from, to, blobs, progress).await
    }

    /// Lets a cloud start again that was moved, with the state that it had then.
    ///
    /// # Errors
    /// [`CloudError::Migrate`] when its catalogue is an incomplete copy; others when it cannot be used.
    #[cfg(feature = "postgres")]
    pub async fn undo_relocate(config: &Config) -> Result<(), CloudError> {
        relocate::undo(config).await
    }

    /// Brings the tables of a shared catalogue up to date, while front ends use it. Gives the version before and after; they are the same
    /// when there was nothing to do. Tables in a data directory are brought up to date when a cloud starts.
    ///
    /// # Errors
    /// When the database cannot be used, or its tables need a later gumnut.
    #[cfg(feature = "postgres")]
    pub async fn upgrade_schema(
        postgres: &gumnut_cloud_postgres::PostgresConfig,
    ) -> Result<(i64, i64), CloudError> {
        Ok(gumnut_cloud_postgres::PostgresCatalogue::upgrade(postgres).await?)
    }

    /// The version of the tables of a shared catalogue, whether or not this program can use them.
    ///
    /// # Errors
    /// When there are none, or the database cannot be used.
    #[cfg(feature = "postgres")]
    pub async fn schema(
        postgres: &gumnut_cloud_postgres::PostgresConfig,
    ) -> Result<gumnut_cloud_postgres::Schema, CloudError> {
        Ok(gumnut_cloud_postgres::PostgresCatalogue::schema(postgres).await?)
    }

    /// Checks a data directory that no cloud uses at the moment: the catalogue, and presence, size and digest of every
    /// file. Changes nothing, and needs no right to.
    ///
    /// # Errors
    /// When there is no cloud in the directory, one that runs, or one that cannot be read. What is wrong with the
    /// directory is in the report.
    pub fn fsck(data_dir: &Path) -> Result<Report, CloudError> {
        Self::repair(data_dir, Repair::default(), &NoProgress)
    }

    /// Checks a cloud whose catalogue or bytes are elsewhere than in its data directory, while front ends use it: whether rows hold
    /// together, and whether each blob is there and has its size; with `is_deep` also the digest of each. Blobs that belong to nothing
    /// are in the report with their age. Changes nothing. With the bytes on disk no cloud may use the data directory. `progress` hears of
    /// the bytes that are read.
    ///
    /// # Errors
    /// When catalogue or bytes cannot be used. What is wrong with them is in the report.
    pub async fn fsck_shared(
        config: &Config,
        is_deep: bool,
        progress: &dyn Progress,
    ) -> Result<Report, CloudError> {
        shared::fsck(config, is_deep, progress).await
    }

    /// Does a round of the collector for a cloud with its bytes in a bucket, and gives what was deleted; `None` when another process
    /// does so. Front ends may run, except with [`Round::is_alone`], which is refused as far as they can be seen.
    ///
    /// # Errors
    /// [`CloudError::ShortGrace`] for a grace within which front ends may need what would be deleted; [`CloudError::InUse`] or
    /// [`CloudError::Locked`] when there are front ends where none may be; when catalogue or bytes cannot be used.
    pub async fn collect(config: &Config, round: Round) -> Result<Option<Collected>, CloudError> {
        shared::collect(config, round).await
    }

    /// Does what nobody but the owner of a data directory can decide on, and checks it then as [`Cloud::fsck`] does. No cloud
    /// may use the directory. Without anything to do it is [`Cloud::fsck`]. `progress` hears of the bytes that are read.
    ///
    /// # Errors
    /// When there is no cloud in the directory, one that runs, one that cannot be read, or no catalogue to be accepted.
    pub fn repair(
        data_dir: &Path,
        repair: Repair,
        progress: &dyn Progress,
    ) -> Result<Report, CloudError> {
        let path = data_dir.join(CATALOGUE);
        if is_empty(data_dir, &path)? {
            return Err(CloudError::NoCloud(data_dir.to_owned()));
        }
        if repair == Repair::default() {
            let locked = DataDir::look_at(data_dir)?;
            return fsck::check(locked.path(), &path, progress);
        }
        let locked = DataDir::open(data_dir)?;
        if repair.accept_catalogue {
            let accepted = SqliteCatalogue::accept(&path, Clock::system());
            let accepted = accepted.map_err(|error| of_catalogue(data_dir, error))?;
            fsck::put_unfinished_aside(locked.path(), &Catalogue::new(accepted))?;
        }
        let report = fsck::check(locked.path(), &path, progress)?;
        if repair.move_orphans {
            return fsck::move_orphans(locked.path(), report);
        }
        Ok(report)
    }

    /// Makes a backup of a data directory, whose cloud may run, in a directory for backups: the catalogue as it is at one moment, and
    /// every object that it has then. It blocks.
    ///
    /// # Errors
    /// When there is no cloud in the data directory, or not the catalogue that belongs there; [`CloudError::Backup`] else.
    pub fn backup(
        data_dir: &Path,
        to: &Path,
        options: BackupOptions,
    ) -> Result<Backup, CloudError> {
        if is_empty(data_dir, &data_dir.join(CATALOGUE))? {
            return Err(CloudError::NoCloud(data_dir.to_owned()));
        }
        backup::make(data_dir, to, options)
    }

    /// Restores a backup, or the last one in a directory of backups, to a data directory that is empty or not there. Everything is
    /// compared with the digests in the backup before the directory gets its name. Files are linked if `may_link` and the file systems
    /// allow it. It blocks.
    ///
    /// # Errors
    /// [`CloudError::Locked`] when a cloud uses the data directory; [`CloudError::Backup`] else.
    pub fn restore(from: &Path, to: &Path, may_link: bool) -> Result<Restored, CloudError> {
        backup::restore(from, to, may_link)
    }

    /// The cloud that uses a data directory, as it says of itself. `None`: none does.
    ///
    /// # Errors
    /// [`CloudError::Locked`] when something uses the directory that is no cloud, or one that does not accept connections yet;
    /// [`CloudError::Files`] when the directory cannot be read.
    pub fn process(data_dir: &Path) -> Result<Option<Process>, CloudError> {
        process::find(data_dir)
    }

    /// Asks the cloud that uses a data directory to end, as SIGTERM does, and waits until it has. `None`: none uses it.
    ///
    /// # Errors
    /// As [`Cloud::process`]; [`CloudError::OtherProcess`] when the process that is named does not have the directory open, as in
    /// another container; [`CloudError::StillRunning`] when the cloud has not ended after `patience`.
    pub fn stop(data_dir: &Path, patience: Duration) -> Result<Option<Process>, CloudError> {
        process::stop(data_dir, patience)
    }

    /// Starts a cloud; on the first start of a data directory it does what [`Cloud::init`] does.
    ///
    /// The RSA keys of a first start are made meanwhile: the object store does without them, requests to the EC2 side
    /// and the files of [`Credentials`] wait for them.
    ///
    /// # Errors
    /// When the data directory or the address cannot be used.
    pub async fn start(config: Config) -> Result<Running, CloudError> {
        if !config.listen.ip().is_loopback() {
            if !config.allow_remote {
                return Err(CloudError::NotLoopback(config.listen));
            }
            if config.tls.is_none() {
                return Err(CloudError::NotEncrypted(config.listen));
            }
        }
        if config.limits.inline_bytes > Limits::MAX_INLINE_BYTES {
            return Err(CloudError::Inline(config.limits.inline_bytes));
        }
        let Opened {
            config,
            data_dir,
            keys,
            catalogue,
            blobs,
            tls,
            mut instruments,
        } = tokio::task::spawn_blocking(|| open(config)).await??;
        let blobs = blobs::open(&config.blobs, blobs, &catalogue).await?;
        let blobs = measures::blobs(&mut instruments, blobs);
        let limits = config.limits.of_objects();
        let objects = ObjectStore::open(catalogue.clone(), Arc::clone(&blobs), limits).await?;
        let machinery = Machinery::of(&config, &catalogue, &objects, &keys).await?;
        let host = machinery.as_ref().map(|machinery| machinery.host.clone());
        let services = services(&config, &catalogue, objects.clone(), &keys, host);
        let instances = services.instances.clone();
        let front_ends = front_ends(&config, &catalogue, objects.clone(), services);
        let addr = config.listen;
        let listener = TcpListener::bind(addr)
            .await
            .map_err(|source| CloudError::Listen { addr, source })?;
        let clock = config.clock.clone();
        let probe = CloudProbe::new(
            catalogue.clone(),
            Arc::clone(&blobs),
            clock,
            &mut instruments,
        );
        let collections = Collections::new(&mut instruments);
        // Connections may outlive the cloud; with the directory they keep its lock.
        let disk = Arc::clone(&data_dir);
        let options = ServerOptions {
            front_ends,
            limits: http_limits(&config.limits),
            tls,
            grace: config.grace,
            free_space: Box::new(move || disk.free()),
            name: config.name(),
            probe: Box::new(probe),
            instruments,
        };
        let machines = match machinery {
            Some(machinery) => Some(
                machinery
                    .start(&instances, &config, Arc::clone(&data_dir))
                    .await?,
            ),
            None => None,
        };
        let server = Server::start(listener, options)
            .map_err(|source| CloudError::Listen { addr, source })?;
        let making_keys = tokio::task::spawn_blocking({
            // With the directory it keeps its lock.
            let (keys, data_dir) = (keys.clone(), Arc::clone(&data_dir));
            move || {
                if let Err(error) = keys.make() {
                    tracing::error!(%error, "images cannot be registered");
                }
                drop(data_dir);
            }
        });
        let owner = process::owner(&config.name());
        let collecting = Collecting::start(objects, &*blobs, owner, collections);
        let endpoint = config.endpoint_at(server.addr().port());
        process::announce(data_dir.path(), &endpoint)?;
        tracing::info!(addr = %server.addr(), server = config.name(), "the cloud is up");
        Ok(Running {
            server,
            config,
            catalogue,
            keys,
            making_keys,
            collecting,
            machines,
        })
    }
}

/// What a start has opened.
struct Opened {
    config: Config,
    data_dir: Arc<DataDir>,
    keys: Keys,
    catalogue: Catalogue,
    /// `None` when the bytes are elsewhere.
    blobs: Option<DiskBlobs>,
    tls: Option<TlsAcceptor>,
    instruments: Instruments,
}

fn open(config: Config) -> Result<Opened, CloudError> {
    let data_dir = process::begin(&config.data_dir)?;
    let path = data_dir.path();
    let mut instruments = Instruments::default();
    let catalogue = open_source(&config, path, &mut instruments)?;
    let blobs = blobs::on_disk(&config.blobs, path)?;
    let keys = gumnut_cloud_accounts::init(&catalogue, &config.secret_files(), &config.clock)?;
    let tls = match &config.tls {
        Some(tls) => Some(acceptor(&config, tls, keys.secrets(), path)?),
        None => None,
    };
    Ok(Opened {
        config,
        data_dir: Arc::new(data_dir),
        keys,
        catalogue,
        blobs,
        tls,
        instruments,
    })
}

/// Who answers which requests of a cloud, in the order in which they are asked.
fn front_ends(
    config: &Config,
    catalogue: &Catalogue,
    objects: ObjectStore,
    services: Services,
) -> Vec<Box<dyn FrontEnd>> {
    let budget = BodyBudget::new(config.limits.held_bytes);
    let ec2 = Ec2FrontEnd::new(
        services,
        catalogue.clone(),
        config.clock.clone(),
        ec2_options(config, &budget),
    );
    let s3 = S3FrontEnd::new(objects, catalogue.clone(), s3_options(config, &budget));
    front_ends::in_order(s3, ec2)
}

fn acceptor(
    config: &Config,
    tls: &Tls,
    secrets: &Secrets,
    data_dir: &Path,
) -> Result<TlsAcceptor, CloudError> {
    let host = config.host().to_string();
    let names = names(config.listen.ip(), host, &config.domains);
    let mut certificate = tls.certificate(secrets, &names)?;
    let chain = std::mem::take(&mut certificate.chain);
    let acceptor = tls_acceptor(chain, certificate.key.clone_key())?;
    // Last: a start that fails leaves to clients what they trust.
    certificate.keep_trusted(data_dir)?;
    Ok(acceptor)
}

fn http_limits(limits: &Limits) -> HttpLimits {
    HttpLimits {
        head_bytes: limits.head_bytes,
        requests: limits.requests,
        connections: limits.connections,
        connections_per_client: limits.connections_per_client,
        head_time: limits.head_time,
        patience: limits.patience,
        pace: limits.pace,
    }
}

fn s3_options(config: &Config, budget: &BodyBudget) -> S3Options {
    S3Options {
        clock: config.clock.clone(),
        regions: Regions::new(config.regions.clone()),
        domains: config.domains.clone(),
        // The clouds of other days took any name of letters, digits, dots, hyphens and underscores.
        extended_bucket_names: config.extended_bucket_names
            || config.images.profile != Profile::Strict,
        hidden_buckets: front_ends::hidden_buckets(),
        existing_bucket: match config.images.profile {
            Profile::Strict => IfExists::AcceptIfOwned,
            Profile::Euca16 | Profile::Euca20 | Profile::Euca44 => IfExists::Refuse,
        },
        refuse_acl: config.refuse_acl,
        document_bytes: config.limits.document_bytes,
        budget: budget.clone(),
        patience: config.limits.patience,
    }
}

fn ec2_options(config: &Config, budget: &BodyBudget) -> Ec2Options {
    Ec2Options {
        scheme: config.scheme(),
        regions: Regions::new(config.regions.clone()),
        document_bytes: config.limits.document_bytes,
        budget: budget.clone(),
        patience: config.limits.patience,
    }
}

impl Running {
    /// Where the cloud answers: `http://127.0.0.1:8773`.
    pub fn endpoint(&self) -> String {
        self.config.endpoint_at(self.server.addr().port())
    }

    /// The administrator's credentials for this cloud.
    ///
    /// # Errors
    /// When the data directory cannot be used.
    pub fn credentials(&self) -> Result<Credentials, CloudError> {
        Ok(self.users().credentials(None, &self.endpoint())?)
    }

    /// The users of this cloud.
    pub fn users(&self) -> Users {
        let trust = Trust::Of(self.config.tls.clone());
        let keys = Some(self.keys.clone());
        Users::open(
            self.catalogue.clone(),
            self.config.secret_files(),
            trust,
            keys,
        )
    }

    /// Says that the cloud ends, and answers requests meanwhile, for as long as [`Config::drain`] says: `/readyz` answers 503, and every
    /// answer has `Connection: close`. [`Running::shutdown`] is next.
    pub async fn drain(&self) {
        self.server.drain();
        tokio::time::sleep(self.config.drain).await;
    }

    /// Reads the files of the certificate and its key again, or makes a new certificate with the cloud's own authority, for the
    /// connections that are opened from now on. `false`: the cloud does not use TLS.
    ///
    /// # Errors
    /// When they cannot be used. The cloud keeps what it had.
    pub async fn renew_certificate(&self) -> Result<bool, CloudError> {
        let Some(tls) = self.config.tls.clone() else {
            return Ok(false);
        };
        let (config, keys) = (self.config.clone(), self.keys.clone());
        let acceptor = tokio::task::spawn_blocking(move || {
            acceptor(&config, &tls, keys.secrets(), &config.data_dir)
        });
        self.server.renew_tls(acceptor.await??);
        Ok(true)
    }

    /// Ends the cloud: no new requests, and those that are running may finish within the grace time. Instances are asked to shut down
    /// meanwhile, which takes up to a minute, and are terminated.
    ///
    /// # Errors
    /// When a task of the cloud has failed.
    pub async fn shutdown(self) -> Result<(), CloudError> {
        let machines = async {
            match self.machines {
                Some(machines) => machines.end().await,
                None => Ok(()),
            }
        };
        let (server, machines) = tokio::join!(self.server.shutdown(), machines);
        server?;
        machines?;
        // It has the catalogue, whose file is complete when nobody has it any more.
        self.collecting.end().await;
        Ok(self.making_keys.await?)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn prefixes_and_parameters() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path());
        let opened = tokio::task::spawn_blocking(|| open(config).unwrap());
        let Opened {
            config,
            catalogue,
            blobs,
            keys,
            ..
        } = opened.await.unwrap();
        let blobs = blobs::open(&config.blobs, blobs, &catalogue).await.unwrap();
        let objects = ObjectStore::open(catalogue.clone(), blobs, config.limits.of_objects());
        let objects = objects.await.unwrap();
        let services = services(&config, &catalogue, objects.clone(), &keys, None);
        let front_ends = front_ends(&config, &catalogue, objects, services);
        let route = |method: &str, uri: &str, content_type: &str| {
            let request = Request::builder().method(method).uri(uri);
            let request = request
                .header("content-type", content_type)
                .body(())
                .unwrap();
            let (head, ()) = request.into_parts();
            let at = front_ends
                .iter()
                .position(|front_end| front_end.wants(&head));
            let place = ["/services/Walrus", "/services/objectstorage", "EC2", ""][at.unwrap()];
            let name = if place == "EC2" { "ec2" } else { "s3" };
            assert_eq!(front_ends[at.unwrap()].name(), name);
            place
        };
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let (old, new) = ("/services/Walrus", "/services/objectstorage");
        assert_eq!(route("GET", "/services/Walrus", ""), old);
        assert_eq!(route("PUT", "/services/Walrus/b/k", form), old);
        assert_eq!(route("GET", "/services/Walrusbucket/k", ""), "");
        assert_eq!(route("GET", "/services/objectstorage/?Action=x", ""), new);
        assert_eq!(route("POST", "/services/Eucalyptus/", form), "EC2");
        assert_eq!(route("GET", "/services/compute", ""), "EC2");
        assert_eq!(route("GET", "/?Action=DescribeImages", ""), "EC2");
        assert_eq!(
            route("GET", "/any/path?Operation=DescribeImages", ""),
            "EC2"
        );
        assert_eq!(route("POST", "/", form), "EC2");
        assert_eq!(route("POST", "/bucket?delete", form), "");
        assert_eq!(route("PUT", "/bucket/Action", form), "");
        assert_eq!(route("GET", "/", ""), "");
    }
}
