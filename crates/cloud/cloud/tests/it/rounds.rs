//! SIGKILL at random moments of a mixed load, again and again: nothing acknowledged is lost, and nothing else is seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use gumnut_cloud::{Cloud, Finding};
use tokio::task::JoinSet;

use crate::child::ChildCloud;
use crate::common::{Deadline, Request, User, admin, client, config, fresh_data_dir};

/// Where the random numbers begin; a failure repeats with the one that it names.
const SEED: u64 = 0x6775_6d6e_7574;
const ROUNDS: usize = 200;
const CLIENTS: usize = 4;
const KEYS: u64 = 3;
/// A kill comes within this many microseconds after the first request.
const WITHIN: u64 = 40_000;

/// A small generator (xorshift): the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What an object may be: the number of the upload whose content it has, or nothing.
type State = Option<u64>;

fn content(key: &str, number: u64) -> Vec<u8> {
    let line = format!("{key} {number}\n");
    let times = usize::try_from(number % 40).unwrap() * 50 + 1;
    line.repeat(times).into_bytes()
}

/// One client of one round: puts, deletes, and uploads in parts, of its own keys.
struct Load {
    client: reqwest::Client,
    endpoint: String,
    user: User,
    random: Random,
    /// What each key may be: the acknowledged state, and that of a request which was not answered.
    states: BTreeMap<String, Vec<State>>,
}

impl Load {
    fn request(&self, method: &str, target: &str) -> Request {
        Request::new(
            &self.client,
            method,
            &format!("{}/bucket/{target}", self.endpoint),
        )
    }

    async fn sent(&self, request: Request) -> Option<String> {
        let answer = request.v4(&self.user).try_send().await?;
        assert!(answer.status.is_success(), "{}", answer.text());
        Some(answer.text().to_owned())
    }

    async fn in_parts(&self, key: &str, body: &[u8]) -> Option<()> {
        let begun = self
            .sent(self.request("POST", &format!("{key}?uploads=")))
            .await?;
        let (_, rest) = begun.split_once("<UploadId>")?;
        let (id, _) = rest.split_once("</UploadId>")?;
        let mut list = String::new();
        let (first, second) = body.split_at(body.len() / 2);
        for (number, part) in [(1, first), (2, second)] {
            let target = format!("{key}?partNumber={number}&uploadId={id}");
            let put = self.request("PUT", &target).body(part).v4(&self.user);
            let answer = put.try_send().await?;
            let etag = answer.header("etag");
            // Writing into a text cannot fail.
            let _ = write!(
                list,
                "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            );
        }
        let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
        let complete = self.request("POST", &format!("{key}?uploadId={id}"));
        self.sent(complete.body(list.as_bytes())).await.map(drop)
    }

    /// Works until the cloud is gone.
    async fn run(mut self, name: usize, mut number: u64) -> BTreeMap<String, Vec<State>> {
        loop {
            number += 1;
            let key = format!("{name}-{}", self.random.below(KEYS));
            let kind = self.random.below(5);
            let wanted = (kind > 0).then_some(number);
            // Until the answer comes, both are possible.
            self.states
                .entry(key.clone())
                .or_insert_with(|| vec![None])
                .push(wanted);
            let body = content(&key, number);
            let done = match kind {
                0 => self.sent(self.request("DELETE", &key)).await.map(drop),
                1 => self.in_parts(&key, &body).await,
                _ => self
                    .sent(self.request("PUT", &key).body(&body))
                    .await
                    .map(drop),
            };
            if done.is_none() {
                return self.states;
            }
            self.states.insert(key, vec![wanted]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_lose_nothing_and_leave_nothing() {
    let dir = fresh_data_dir();
    let (user, http) = (admin(dir.path()), client());
    let mut random = Random(SEED);
    let mut states: Vec<BTreeMap<String, Vec<State>>> = vec![BTreeMap::new(); CLIENTS];
    for round in 0..ROUNDS {
        let deadline = Deadline::of(format!("the load of round {round}"));
        let child = ChildCloud::start(dir.path(), "");
        if round == 0 {
            let url = format!("{}/bucket", child.endpoint);
            let made = Request::new(&http, "PUT", &url).v4(&user).send().await;
            assert!(made.status.is_success());
        }
        let mut clients = JoinSet::new();
        for (name, states) in states.iter().enumerate() {
            let load = Load {
                client: http.clone(),
                endpoint: child.endpoint.clone(),
                user: user.clone(),
                random: Random(random.below(u64::MAX) | 1),
                states: states.clone(),
            };
            let first = u64::try_from(round).unwrap() * 1_000_000;
            clients.spawn(async move { (name, load.run(name, first).await) });
        }
        // The moment is the test: it waits for nothing.
        let moment = Duration::from_micros(random.below(WITHIN));
        tokio::time::sleep(moment).await;
        child.kill();
        for (name, after) in clients.join_all().await {
            states[name] = after;
        }
        drop(deadline);
        let _deadline = Deadline::of(format!("the check of round {round}"));
        verify(dir.path(), &http, &user, &mut states, round).await;
    }
}

/// Restarts the cloud, compares every key, and checks the directory.
async fn verify(
    folder: &Path,
    http: &reqwest::Client,
    user: &User,
    states: &mut [BTreeMap<String, Vec<State>>],
    round: usize,
) {
    let running = Cloud::start(config(folder)).await.unwrap();
    for (key, possible) in states.iter_mut().flatten() {
        let url = format!("{}/bucket/{key}", running.endpoint());
        let answer = Request::new(http, "GET", &url).v4(user).send().await;
        let found = |state: &State| match state {
            None => answer.status == 404,
            Some(number) => answer.status == 200 && answer.body == content(key, *number),
        };
        let is = possible.iter().copied().find(found);
        let is = is.unwrap_or_else(|| panic!("round {round}: {key} is none of {possible:?}"));
        *possible = vec![is];
    }
    running.shutdown().await.unwrap();
    let report = Cloud::fsck(folder).unwrap();
    assert!(report.is_clean(), "round {round}: {:?}", report.findings);
}

#[tokio::test]
async fn fsck_names_what_is_wrong() {
    let dir = fresh_data_dir();
    let (user, http) = (admin(dir.path()), client());
    let mut all_in_files = config(dir.path());
    all_in_files.limits.inline_bytes = 0;
    let running = Cloud::start(all_in_files).await.unwrap();
    for target in ["bucket", "bucket/gone", "bucket/short", "bucket/flipped"] {
        let url = format!("{}/{target}", running.endpoint());
        let body: &[u8] = if target == "bucket" {
            b""
        } else {
            target.as_bytes()
        };
        let put = Request::new(&http, "PUT", &url).body(body).v4(&user);
        assert!(put.send().await.status.is_success());
    }
    assert!(
        Cloud::fsck(dir.path()).is_err(),
        "a running cloud has the folder"
    );
    running.shutdown().await.unwrap();
    assert!(Cloud::fsck(dir.path()).unwrap().is_clean());
    for entry in fs_err::read_dir(dir.path().join("objects")).unwrap() {
        let path = entry.unwrap().path();
        match fs_err::read(&path).unwrap().as_slice() {
            b"bucket/gone" => fs_err::remove_file(&path).unwrap(),
            b"bucket/short" => fs_err::write(&path, b"bucket/shor").unwrap(),
            _ => fs_err::write(&path, b"bucket/flipqed").unwrap(),
        }
    }
    fs_err::write(dir.path().join("objects/stray"), b"x").unwrap();
    let report = Cloud::fsck(dir.path()).unwrap();
    let mut kinds: Vec<_> = report.findings.iter().map(Finding::kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["digest", "missing", "orphan", "size"]);
    let texts = format!("{:?}", report.findings);
    assert!(
        texts.contains("bucket/gone") && texts.contains("objects/stray"),
        "{texts}"
    );
}

#[tokio::test]
async fn fsck_reads_small_objects_in_the_catalogue() {
    let dir = fresh_data_dir();
    let (user, http) = (admin(dir.path()), client());
    let running = Cloud::start(config(dir.path())).await.unwrap();
    let content = |key: &str| key.repeat(600).into_bytes();
    for key in [
        "",
        "intact",
        "flipped",
        "a key of a larger object than that",
    ] {
        let url = format!("{}/bucket/{key}", running.endpoint());
        let (url, body) = (url.trim_end_matches('/'), content(key));
        let put = Request::new(&http, "PUT", url).body(&body).v4(&user);
        assert!(put.send().await.status.is_success(), "{key}");
    }
    running.shutdown().await.unwrap();
    let clean = Cloud::fsck(dir.path()).unwrap();
    assert!(clean.is_clean(), "{:?}", clean.findings);
    assert_eq!((clean.inline, clean.files), (2, 1));
    assert_eq!(clean.bytes, 600 * (6 + 7 + 34));

    let catalogue = dir.path().join("catalogue.sqlite");
    let mut file = fs_err::read(&catalogue).unwrap();
    let at = file
        .windows(70)
        .position(|it| it == &content("flipped")[..70]);
    file[at.unwrap()] ^= 1;
    fs_err::write(&catalogue, file).unwrap();
    let report = Cloud::fsck(dir.path()).unwrap();
    let kinds: Vec<_> = report.findings.iter().map(Finding::kind).collect();
    assert_eq!(kinds, ["inline"], "{:?}", report.findings);
    assert!(
        report.findings[0]
            .to_string()
            .starts_with("bucket/flipped: ")
    );
}
