//! A cloud for a test, and requests to it.

use std::io::Write as _;
use std::path::Path;
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use gumnut_cloud::{Clock, Cloud, Config, Running, Users};
use gumnut_cloud_catalogue::{Account, AccountsChange, Catalogue, CatalogueError, NewUser};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_signing::v4::{PayloadHash, Service, Signer};
use gumnut_signing::{AccessKeyId, Credentials, RequestView, v2};
use gumnut_types::SecretString;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use time::OffsetDateTime;
use time::macros::format_description;

/// How long anything in a test may take: more than it ever does, and less than anybody waits for a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Ends the process when something takes longer than [`PATIENCE`]: work that blocks a thread cannot be given up in another way. It is
/// over when this is dropped.
pub(crate) struct Deadline {
    _over: mpsc::Sender<()>,
}

impl Deadline {
    /// `what` says what may not take longer.
    pub(crate) fn of(what: String) -> Self {
        let (over, is_over) = mpsc::channel();
        thread::spawn(move || {
            if is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                // A word of this thread is not kept back until its test has ended.
                let text = format!("{what} has not ended in {PATIENCE:?}, which ends all tests\n");
                let _ = std::io::stderr().write_all(text.as_bytes());
                std::process::abort();
            }
        });
        Self { _over: over }
    }
}

/// A running cloud with two accounts.
pub(crate) struct TestCloud {
    pub(crate) running: Running,
    pub(crate) dir: tempfile::TempDir,
    /// The administrator.
    pub(crate) alice: User,
    /// A user of another account.
    pub(crate) bob: User,
    pub(crate) client: reqwest::Client,
    endpoint: String,
}

/// Somebody who signs requests.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) credentials: Credentials,
    pub(crate) owner_id: String,
}

impl User {
    fn new(access_key: &str, secret: &str, owner_id: &str) -> Self {
        let secret = SecretString::new(secret);
        Self {
            credentials: Credentials::new(AccessKeyId::new(access_key), secret),
            owner_id: owner_id.to_owned(),
        }
    }

    /// This user's access key with another secret.
    pub(crate) fn with_secret(&self, secret: &str) -> Self {
        let access_key = self.credentials.access_key().as_str();
        Self::new(access_key, secret, &self.owner_id)
    }
}

/// A data directory as the first start leaves it, with a second account.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    TEMPLATE
        .get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            Cloud::init(&Config::new(dir.path())).unwrap();
            let path = dir.path().join("catalogue.sqlite");
            let database = SqliteCatalogue::open(&path, Clock::system()).unwrap();
            let catalogue = Catalogue::new(database);
            let add = catalogue.change_accounts(|_| {
                let change = AccountsChange {
                    add: Some(bob()),
                    ..AccountsChange::default()
                };
                Ok::<_, CatalogueError>((change, ()))
            });
            futures::executor::block_on(add).unwrap();
            dir
        })
        .path()
}

fn bob() -> NewUser {
    NewUser {
        account: Account {
            number: "222222222222".parse().unwrap(),
            name: "bob".to_owned(),
            canonical_id: "b0b0".to_owned(),
            email: Some("bob@example.com".to_owned()),
        },
        name: "bob".to_owned(),
        admin: false,
        access_key: "BOBKEY".to_owned(),
        secret_key: SecretString::new("bobsecret"),
        certificate: None,
    }
}

/// Copies the directory that every cloud of these tests begins with.
pub(crate) fn fresh_data_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(template(), dir.path());
    dir
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs_err::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

/// The administrator in a data directory.
pub(crate) fn admin(data_dir: &Path) -> User {
    admin_of(&Cloud::users(&config(data_dir)).unwrap())
}

/// The administrator among these users.
pub(crate) fn admin_of(users: &Users) -> User {
    let credentials = users.credentials(None, "http://127.0.0.1").unwrap();
    let listed = users.list().unwrap();
    let admin = listed.iter().find(|user| user.admin).unwrap();
    User::new(
        &credentials.access_key,
        credentials.secret_key.expose(),
        &admin.owner_id,
    )
}

/// A client of HTTP.
pub(crate) fn client() -> reqwest::Client {
    // The client wants TLS to be there, though nothing here uses it; a second test finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// The settings of a cloud for a test.
pub(crate) fn config(data_dir: &Path) -> Config {
    let mut config = Config::new(data_dir);
    config.listen.set_port(0);
    // Uploads of few bytes can then have several parts.
    config.limits.part_bytes = 4;
    config
}

impl TestCloud {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_at(clock: Clock) -> Self {
        Self::start_with(|config| config.clock = clock).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = fresh_data_dir();
        let mut config = config(dir.path());
        change(&mut config);
        let running = Cloud::start(config).await.unwrap();
        Self {
            alice: admin(dir.path()),
            bob: User::new("BOBKEY", "bobsecret", "b0b0"),
            client: client(),
            endpoint: running.endpoint(),
            running,
            dir,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A request to a path with its query.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(&self.client, method, &format!("{}{target}", self.endpoint))
    }

    pub(crate) async fn get(&self, user: &User, target: &str) -> Answer {
        self.request("GET", target).v4(user).send().await
    }

    pub(crate) async fn put(&self, user: &User, target: &str, body: &[u8]) -> Answer {
        self.request("PUT", target).body(body).v4(user).send().await
    }

    pub(crate) async fn delete(&self, user: &User, target: &str) -> Answer {
        self.request("DELETE", target).v4(user).send().await
    }

    /// A bucket of the administrator.
    pub(crate) async fn with_bucket(self, name: &str) -> Self {
        let made = self.put(&self.alice, &format!("/{name}"), b"").await;
        assert_eq!(made.status, 200, "{}", made.text());
        self
    }
}

/// A request that can be signed in every way.
pub(crate) struct Request {
    client: reqwest::Client,
    method: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    body: Vec<u8>,
    time: OffsetDateTime,
}

impl Request {
    pub(crate) fn new(client: &reqwest::Client, method: &str, url: &str) -> Self {
        let url: Url = url.parse().unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        Self {
            client: client.clone(),
            method: method.to_owned(),
            url,
            headers: vec![("host".to_owned(), host)],
            body: Vec::new(),
            time: OffsetDateTime::now_utc(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// The time that the next signature carries.
    pub(crate) fn at(mut self, time: OffsetDateTime) -> Self {
        self.time = time;
        self
    }

    fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            path: self.url.path(),
            query: self.url.query().unwrap_or_default(),
            headers: &self.headers,
        }
    }

    pub(crate) fn v4(self, user: &User) -> Self {
        let payload = PayloadHash::of(&self.body);
        self.v4_with(user, &payload)
    }

    /// Signs with this payload hash, whatever the body is.
    pub(crate) fn v4_with(mut self, user: &User, payload: &PayloadHash) -> Self {
        let signer = signer(user, Service::S3);
        let added = signer.sign(&self.view(), payload, self.time).unwrap();
        self.headers.extend(added);
        self
    }

    /// Puts a signature of version 4 into the query.
    pub(crate) fn v4_query(mut self, user: &User, expires: u32) -> Self {
        let signer = signer(user, Service::S3);
        let query = signer.presign(&self.view(), self.time, expires).unwrap();
        self.url.set_query(Some(&query));
        self
    }

    /// Signs this resource with version 2.
    pub(crate) fn v2(mut self, user: &User, resource: &str) -> Self {
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let date = self.time.format(format).unwrap();
        self.headers.push(("date".to_owned(), date));
        let view = RequestView {
            path: resource,
            ..self.view()
        };
        let authorization = v2::sign_s3(&view, &user.credentials);
        self.header("authorization", &authorization)
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// Nothing when the connection breaks before the whole answer is there. A cloud that keeps it and does not answer is an error.
    pub(crate) async fn try_send(self) -> Option<Answer> {
        let (method, length): (Method, _) = (self.method.parse().unwrap(), self.body.len());
        let mut request = self.client.request(method, self.url).body(self.body);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        // The client says nothing of the length of an empty body.
        if length == 0 && self.method == "PUT" {
            request = request.header("content-length", 0);
        }
        match request.send().await {
            Ok(response) => Answer::read(response).await,
            Err(error) => broken(&error),
        }
    }
}

/// What is left of a request whose connection has broken: nothing.
fn broken<T>(error: &reqwest::Error) -> Option<T> {
    assert!(!error.is_timeout(), "no answer in {PATIENCE:?}");
    None
}

fn signer(user: &User, service: Service) -> Signer<'_> {
    Signer {
        credentials: &user.credentials,
        region: "anywhere",
        service,
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    async fn read(response: reqwest::Response) -> Option<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        match response.bytes().await {
            Ok(body) => Some(Self {
                status,
                headers,
                body: body.to_vec(),
            }),
            Err(error) => broken(&error),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The texts of all elements of this name.
    pub(crate) fn all(&self, element: &str) -> Vec<&str> {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let pieces = self.text().split(&start).skip(1);
        pieces
            .map(|piece| piece.split(&end).next().unwrap())
            .collect()
    }

    /// The text of the first element of this name.
    pub(crate) fn element(&self, element: &str) -> &str {
        self.all(element).first().copied().unwrap_or_default()
    }

    /// Status and code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.element("Code"))
    }
}
