//! What was acknowledged survives, and what was not leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gumnut_cloud::Cloud;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::child::ChildCloud;
use crate::common::{Answer, Request, User, admin, client, config, fresh_data_dir};

/// Clients that upload at the same time.
const CLIENTS: usize = 8;
/// The kill comes when this many uploads have been acknowledged, with others under way.
const ACKNOWLEDGED: usize = 60;
/// Each client goes round these keys, so that objects are replaced too.
const KEYS: usize = 5;

/// The content of the `round`th upload to a key: it says what it is, and is too long for one packet.
fn content(key: &str, round: usize) -> Vec<u8> {
    let line = format!("{key} {round}\n");
    line.repeat(200_000 / line.len() + round).into_bytes()
}

struct Uploads {
    client: reqwest::Client,
    endpoint: String,
    user: User,
    acknowledged: AtomicUsize,
    enough: Notify,
}

impl Uploads {
    async fn put(&self, key: &str, body: &[u8]) -> Option<Answer> {
        let url = format!("{}/services/Walrus/bucket/{key}", self.endpoint);
        let request = Request::new(&self.client, "PUT", &url)
            .body(body)
            .v4(&self.user);
        request.try_send().await
    }

    /// Uploads until the cloud is gone; gives the last acknowledged round of each key, and the rounds tried.
    async fn run(&self, number: usize) -> (BTreeMap<String, usize>, usize) {
        let mut known = BTreeMap::new();
        for round in 1.. {
            let key = format!("{number}-{}", round % KEYS);
            match self.put(&key, &content(&key, round)).await {
                Some(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    known.insert(key, round);
                    if self.acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == ACKNOWLEDGED {
                        self.enough.notify_one();
                    }
                }
                None => return (known, round),
            }
        }
        unreachable!("the rounds do not end")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_uploads_loses_nothing_acknowledged() {
    let dir = fresh_data_dir();
    let child = ChildCloud::start(dir.path(), "");
    let uploads = Arc::new(Uploads {
        client: client(),
        endpoint: child.endpoint.clone(),
        user: admin(dir.path()),
        acknowledged: AtomicUsize::new(0),
        enough: Notify::new(),
    });
    assert_eq!(uploads.put("", b"").await.unwrap().status, 200);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let uploads = Arc::clone(&uploads);
        clients.spawn(async move { uploads.run(number).await });
    }
    uploads.enough.notified().await;
    child.kill();
    let results = clients.join_all().await;

    let running = Cloud::start(config(dir.path())).await.unwrap();
    let mut objects = 0;
    for (known, tried) in results {
        for (key, round) in known {
            let url = format!("{}/bucket/{key}", running.endpoint());
            let get = Request::new(&uploads.client, "GET", &url).v4(&uploads.user);
            let body = get.send().await.body;
            // The last round may have been stored without the client having heard of it.
            let expected = [content(&key, round), content(&key, tried)];
            assert!(
                expected.contains(&body),
                "{key} is not what was acknowledged in round {round}"
            );
            objects += 1;
        }
    }
    assert!(objects >= CLIENTS, "only {objects} objects");
    let url = format!("{}/bucket", running.endpoint());
    let list = Request::new(&uploads.client, "GET", &url)
        .v4(&uploads.user)
        .send()
        .await;
    let count = |folder: &str| fs_err::read_dir(dir.path().join(folder)).unwrap().count();
    assert_eq!(
        count("objects"),
        list.all("Key").len(),
        "a file belongs to no object"
    );
    assert_eq!(count("tmp"), 0);
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_keeps_what_was_there() {
    let dir = fresh_data_dir();
    // A file may have 4 or 8 MiB, as the unit of the shell is; the signal would end the process.
    let child = ChildCloud::start(dir.path(), "trap '' XFSZ; ulimit -f 8192;");
    let uploads = Uploads {
        client: client(),
        endpoint: child.endpoint.clone(),
        user: admin(dir.path()),
        acknowledged: AtomicUsize::new(0),
        enough: Notify::new(),
    };
    uploads.put("", b"").await.unwrap();
    assert_eq!(uploads.put("k", b"old").await.unwrap().status, 200);
    let full = uploads.put("k", &vec![0; 12 << 20]).await.unwrap();
    assert_eq!(full.refusal(), (507, "InsufficientStorage"));
    assert_eq!(
        full.element("Message"),
        "There is no space left on the disk of the cloud."
    );
    let url = format!("{}/bucket/k", uploads.endpoint);
    let get = Request::new(&uploads.client, "GET", &url).v4(&uploads.user);
    assert_eq!(get.send().await.text(), "old");
    let count = |folder: &str| fs_err::read_dir(dir.path().join(folder)).unwrap().count();
    assert_eq!((count("objects"), count("tmp")), (0, 0));
    assert_eq!(uploads.put("k", b"new").await.unwrap().status, 200);
    child.kill();
}
