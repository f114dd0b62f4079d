//! A cloud in a process of its own, which can be killed.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use gumnut_cloud::{BackupOptions, Cloud};

use crate::common::{PATIENCE, config};

/// Names the data directory to the process.
const FOLDER: &str = "GUMNUT_CHILD_FOLDER";
/// What the line with the endpoint begins with.
const MARK: &str = "child endpoint ";

/// The process's own side of [`ChildCloud`]; nothing when the tests are run as such.
#[tokio::test(flavor = "multi_thread")]
async fn serve_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let running = Cloud::start(config(&PathBuf::from(folder))).await.unwrap();
    println!("\n{MARK}{}", running.endpoint());
    // It ends with the process that has started it, however that ends.
    let parent = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    parent.await.unwrap().unwrap();
}

/// Names the directory for backups to the process.
const BACKUPS: &str = "GUMNUT_CHILD_BACKUPS";

/// The process's own side of [`backup`]; nothing when the tests are run as such.
#[test]
fn back_up_until_killed() {
    let (Some(folder), Some(to)) = (std::env::var_os(FOLDER), std::env::var_os(BACKUPS)) else {
        return;
    };
    let options = BackupOptions::new(true, false);
    if let Err(error) = Cloud::backup(Path::new(&folder), Path::new(&to), options) {
        println!("\n{MARK}{error}");
        panic!("the backup failed");
    }
}

/// Begins a backup that copies all files, in a process of its own. `shell` is run before, in the same process.
pub(crate) fn backup(folder: &Path, to: &Path, shell: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child::back_up_until_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(BACKUPS, to)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A cloud in a process of its own; killed when dropped.
pub(crate) struct ChildCloud {
    child: Child,
    pub(crate) endpoint: String,
}

impl ChildCloud {
    /// Starts the cloud and waits until it answers. `shell` is run before, in the same process.
    pub(crate) fn start(folder: &Path, shell: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child::serve_until_killed", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let endpoint = endpoint(child.stdout.take().unwrap());
        // Made before the wait, so that the process is killed when there is no answer.
        let mut started = Self {
            child,
            endpoint: String::new(),
        };
        started.endpoint = match endpoint.recv_timeout(PATIENCE) {
            Ok(endpoint) => endpoint,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                panic!("the child ended before it answered")
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("the child did not answer in {PATIENCE:?}")
            }
        };
        started
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process as nothing can be caught, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Where the endpoint comes once the process has printed it. All that it prints is read, so that it never waits for a reader.
fn endpoint(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (tell, endpoint) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(endpoint) = line.strip_prefix(MARK) {
                // Nobody is there to be told after a time limit.
                let _ = tell.send(endpoint.to_owned());
            }
        }
    });
    endpoint
}

impl Drop for ChildCloud {
    fn drop(&mut self) {
        self.end();
    }
}

/// Names the places of a move to the process: of each the data directory, the URL of the database and that of the bucket, which are
/// empty for a cloud with everything in its data directory, and the file with the keys to the bucket.
#[cfg(all(feature = "bucket", feature = "postgres"))]
const PLACES: [&str; 2] = ["GUMNUT_CHILD_FROM", "GUMNUT_CHILD_TO"];

/// Where a cloud is, in words that a process can be given.
#[cfg(all(feature = "bucket", feature = "postgres"))]
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) database: String,
    pub(crate) bucket: String,
    pub(crate) keys: PathBuf,
}

#[cfg(all(feature = "bucket", feature = "postgres"))]
impl Place {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            database: String::new(),
            bucket: String::new(),
            keys: PathBuf::new(),
        }
    }

    pub(crate) fn config(&self) -> gumnut_cloud::Config {
        let mut config = config(&self.dir);
        if !self.database.is_empty() {
            let postgres = gumnut_cloud::PostgresConfig::parse(&self.database).unwrap();
            let postgres = postgres.connections(4).allow_unsafe_durability();
            config.catalogue = gumnut_cloud::CatalogueSource::Postgres(Box::new(postgres));
        }
        if !self.bucket.is_empty() {
            let source = gumnut_cloud::BlobsSource::parse(&self.bucket, Some(&self.keys));
            config.blobs = source.unwrap();
        }
        config
    }

    fn told(&self) -> String {
        let (dir, keys) = (self.dir.display(), self.keys.display());
        format!("{dir}\n{}\n{}\n{keys}", self.database, self.bucket)
    }

    fn read(told: &str) -> Self {
        let lines: Vec<_> = told.split('\n').collect();
        let [dir, database, bucket, keys] = lines[..] else {
            panic!("{told}");
        };
        Self {
            dir: dir.into(),
            database: database.to_owned(),
            bucket: bucket.to_owned(),
            keys: keys.into(),
        }
    }
}

/// The process's own side of [`relocate`]; nothing when the tests are run as such.
#[cfg(all(feature = "bucket", feature = "postgres"))]
#[tokio::test(flavor = "multi_thread")]
async fn relocate_until_killed() {
    let [Ok(from), Ok(to)] = PLACES.map(std::env::var) else {
        return;
    };
    let [from, to] = [from, to].map(|told| Place::read(&told).config());
    let _ = rustls::crypto::ring::default_provider().install_default();
    Cloud::relocate(&from, &to, None, &gumnut_types::NoProgress)
        .await
        .unwrap();
}

/// Begins to move a cloud, in a process of its own.
#[cfg(all(feature = "bucket", feature = "postgres"))]
pub(crate) fn relocate(from: &Place, to: &Place) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::relocate_until_killed", "--nocapture"]);
    for (name, place) in PLACES.into_iter().zip([from, to]) {
        command.env(name, place.told());
    }
    command.stdout(Stdio::piped()).spawn().unwrap()
}
