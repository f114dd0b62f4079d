//! The collector of a store that several processes share, with clocks that the test sets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{TryStreamExt as _, stream};
use gumnut_cloud_blobs::{BlobStore, Folder, Grace, MemoryBlobs};
use gumnut_cloud_catalogue::{BucketSettings, Catalogue, Clock, Governance, Identity, UploadRef};
use gumnut_cloud_objects::{
    AclRequest, BodyDigests, Collected, IfExists, KeyToDelete, NewObject, ObjectError,
    ObjectLimits, ObjectStore, ReceivedBody, Round,
};
use gumnut_cloud_sqlite::SqliteCatalogue;
use proptest::prelude::*;

use crate::{newest, short, user};

const GRACE: Grace = Grace {
    orphan: Some(Duration::from_secs(4)),
    reader: Duration::from_secs(1),
};

/// A store whose clocks go together, with the bucket `b`.
struct World {
    store: ObjectStore,
    catalogue: Catalogue,
    blobs: MemoryBlobs,
    clock: Clock,
    alice: Identity,
}

impl World {
    async fn new(blobs: MemoryBlobs) -> Self {
        Self::with_clock(blobs, Clock::fixed(Clock::system().now())).await
    }

    async fn with_clock(blobs: MemoryBlobs, clock: Clock) -> Self {
        let catalogue = Catalogue::new(SqliteCatalogue::in_memory(clock.clone()).unwrap());
        let alice = user(&catalogue, "alice", "111111111111").await;
        let mut limits = ObjectLimits::default();
        limits.inline_bytes = 0;
        let shared = Arc::new(blobs.clone());
        let store = ObjectStore::open(catalogue.clone(), shared, limits)
            .await
            .unwrap();
        let settings = BucketSettings::default();
        let made =
            store.create_bucket(&alice, "b", AclRequest::Default, settings, IfExists::Refuse);
        made.await.unwrap();
        Self {
            store,
            catalogue,
            blobs,
            clock,
            alice,
        }
    }

    fn advance(&self, time: Duration) {
        self.blobs.advance(time);
        self.clock.set(self.clock.now() + time);
    }

    async fn receive(&self, text: String) -> ReceivedBody {
        let body = stream::iter([Ok(Bytes::from(text))]);
        let received = self.store.receive(body, None, BodyDigests::default());
        received.await.unwrap()
    }

    async fn put(&self, key: &str, body: ReceivedBody) -> Result<(), ObjectError> {
        let object = NewObject::new("b", short(key));
        self.store.put(&self.alice, object, body).await.map(drop)
    }

    async fn get(&self, key: &str) -> Result<String, std::io::Error> {
        let opened = self.store.open_object(&self.alice, &newest(key)).await;
        let (_, reader) = opened.map_err(std::io::Error::other)?;
        let pieces: Vec<Bytes> = reader.into_stream().try_collect().await?;
        Ok(String::from_utf8(pieces.concat()).unwrap())
    }

    async fn delete(&self, key: &str) {
        let key = KeyToDelete::new(short(key));
        let deleted = self
            .store
            .delete(&self.alice, "b", vec![key], Governance::Obey);
        deleted.await.unwrap();
    }

    async fn collect(&self) -> Collected {
        self.store.collect("one").await.unwrap().unwrap()
    }

    async fn stored(&self) -> usize {
        let mut stored = 0;
        for folder in self.blobs.folders().await.unwrap() {
            let found: Vec<_> = self.blobs.list(folder).try_collect().await.unwrap();
            stored += found.len();
        }
        stored
    }
}

/// Something that happens, with keys and bodies by their numbers.
#[derive(Clone, Debug)]
enum Step {
    Receive,
    Commit(u8, u8),
    /// The process that has received a body is killed.
    Kill(u8),
    Delete(u8),
    Advance(u16),
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Receive),
        3 => (any::<u8>(), 0..4_u8).prop_map(|(body, key)| Step::Commit(body, key)),
        1 => any::<u8>().prop_map(Step::Kill),
        1 => (0..4_u8).prop_map(Step::Delete),
        4 => (0..3000_u16).prop_map(Step::Advance),
        3 => Just(Step::Collect),
    ]
}

/// Does all steps, and gives the number of acknowledged objects that are lost.
async fn play(blobs: MemoryBlobs, steps: Vec<Step>) -> usize {
    let world = World::new(blobs).await;
    let (mut received, mut acknowledged) = (Vec::new(), BTreeMap::new());
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Receive => {
                let text = format!("body {number}");
                received.push((world.receive(text.clone()).await, text));
            }
            Step::Commit(body, key) if !received.is_empty() => {
                let (body, text) = received.swap_remove(usize::from(body) % received.len());
                match world.put(&key.to_string(), body).await {
                    Ok(()) => drop(acknowledged.insert(key, text)),
                    Err(error) => assert_eq!(error.code(), "RequestTimeout"),
                }
            }
            Step::Kill(body) if !received.is_empty() => {
                let (body, _) = received.swap_remove(usize::from(body) % received.len());
                // A process that is killed runs no destructor.
                std::mem::forget(body);
            }
            Step::Commit(..) | Step::Kill(_) => {}
            Step::Delete(key) => {
                world.delete(&key.to_string()).await;
                acknowledged.remove(&key);
            }
            Step::Advance(millis) => world.advance(Duration::from_millis(millis.into())),
            Step::Collect => drop(world.collect().await),
        }
    }
    let mut lost = 0;
    for (key, text) in &acknowledged {
        let found = world.get(&key.to_string()).await;
        lost += usize::from(found.ok().as_ref() != Some(text));
    }
    // Nothing but what rows name is left when everything is old.
    for (body, _) in received {
        std::mem::forget(body);
    }
    world.advance(Duration::from_hours(2));
    world.collect().await;
    assert_eq!(world.stored().await + lost, acknowledged.len());
    lost
}

fn run(blobs: MemoryBlobs, steps: Vec<Step>) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build();
    runtime.unwrap().block_on(play(blobs, steps))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn nothing_acknowledged_is_lost(steps in proptest::collection::vec(step(), 0..60)) {
        prop_assert_eq!(run(MemoryBlobs::with_grace(GRACE), steps), 0);
    }
}

#[test]
fn without_the_deadline_objects_are_lost() {
    let late = [
        Step::Receive,
        Step::Advance(2999),
        Step::Advance(2999),
        Step::Collect,
        Step::Commit(0, 0),
    ];
    assert_eq!(run(MemoryBlobs::without_deadline(GRACE), late.to_vec()), 1);
    assert_eq!(run(MemoryBlobs::with_grace(GRACE), late.to_vec()), 0);
}

#[tokio::test]
async fn readers_have_their_time() {
    let world = World::new(MemoryBlobs::with_grace(GRACE)).await;
    let body = world.receive("one".to_owned()).await;
    world.put("k", body).await.unwrap();
    let (_, reader) = world
        .store
        .open_object(&world.alice, &newest("k"))
        .await
        .unwrap();
    world.delete("k").await;
    // The blob is older than orphans may be, and is not one.
    world.advance(Duration::from_millis(500));
    assert_eq!(world.collect().await, Collected::default());
    let pieces: Vec<Bytes> = reader.into_stream().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"one");
    world.advance(Duration::from_secs(1));
    assert_eq!(world.collect().await.garbage, 1);
    assert_eq!(world.stored().await, 0);
    assert_eq!(world.catalogue.garbage(9).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_blob_that_was_just_given_up_is_no_orphan() {
    let world = World::new(MemoryBlobs::with_grace(GRACE)).await;
    let body = world.receive("one".to_owned()).await;
    world.put("k", body).await.unwrap();
    world.advance(Duration::from_hours(2));
    world.delete("k").await;
    assert_eq!(world.collect().await, Collected::default());
    assert_eq!(world.stored().await, 1);
}

#[tokio::test]
async fn an_hour_is_listed_once() {
    let world = World::new(MemoryBlobs::with_grace(GRACE)).await;
    std::mem::forget(world.receive("orphan".to_owned()).await);
    let Some(Folder::Hour(hour)) = world.blobs.folders().await.unwrap().pop() else {
        panic!("no hour");
    };
    assert_eq!(
        world.catalogue.unswept_hours(vec![hour]).await.unwrap(),
        [hour]
    );
    world.advance(Duration::from_hours(2));
    assert_eq!(world.collect().await.orphans, 1);
    assert_eq!(
        world.catalogue.unswept_hours(vec![hour]).await.unwrap(),
        [0; 0]
    );
    assert_eq!(world.collect().await, Collected::default());
}

#[tokio::test]
async fn an_hour_with_an_upload_that_took_long_is_listed_again() {
    let world = World::new(MemoryBlobs::with_grace(GRACE)).await;
    std::mem::forget(world.receive("orphan".to_owned()).await);
    world.advance(Duration::from_hours(2));
    // Its name is of the same hour.
    std::mem::forget(world.receive("late".to_owned()).await);
    for _ in 0..2 {
        let collected = world.collect().await;
        assert_eq!(collected.orphans, 1);
        world.advance(Duration::from_secs(4));
    }
    assert_eq!(world.stored().await, 0);
}

#[tokio::test]
async fn a_round_by_hand_counts_or_looks_at_all_hours() {
    let world = World::new(MemoryBlobs::with_grace(GRACE)).await;
    let body = world.receive("one".to_owned()).await;
    world.put("k", body).await.unwrap();
    world.delete("k").await;
    std::mem::forget(world.receive("orphan".to_owned()).await);
    let Some(Folder::Hour(hour)) = world.blobs.folders().await.unwrap().pop() else {
        panic!("no hour");
    };
    world.catalogue.keep_swept(hour).await.unwrap();
    // The lease of a process that was killed.
    let taken = world
        .catalogue
        .lease("collect", "two", Duration::from_mins(5));
    assert!(taken.await.unwrap());
    let now = Some(Duration::ZERO);
    let by_hand = async |is_alone, is_dry| {
        let round = Round {
            grace: now,
            is_alone,
            is_dry,
        };
        world.store.collect_by_hand("one", round).await.unwrap()
    };
    assert_eq!(by_hand(false, false).await, None);
    let swept = by_hand(false, true).await.unwrap();
    assert_eq!((swept.garbage, swept.orphans), (1, 0));
    for is_dry in [true, false] {
        let all = by_hand(true, is_dry).await.unwrap();
        assert_eq!((all.garbage, all.orphans, all.orphan_bytes), (1, 1, 6));
        assert_eq!(world.stored().await, if is_dry { 2 } else { 0 });
    }
}

#[tokio::test]
async fn one_process_collects_at_a_time() {
    let world = World::new(MemoryBlobs::with_grace(GRACE)).await;
    let taken = world
        .catalogue
        .lease("collect", "two", Duration::from_mins(5));
    assert!(taken.await.unwrap());
    assert_eq!(world.store.collect("one").await.unwrap(), None);
    // A process that was killed gives nothing back.
    world.advance(Duration::from_mins(6));
    assert_eq!(
        world.store.collect("one").await.unwrap(),
        Some(Collected::default())
    );
    assert!(world.store.collect("two").await.unwrap().is_some());
}

#[tokio::test]
async fn abandoned_uploads_end_with_their_parts() {
    let grace = Grace {
        orphan: None,
        reader: Duration::ZERO,
    };
    let world = World::new(MemoryBlobs::with_grace(grace)).await;
    let begin = async |key: &str| {
        let object = NewObject::new("b", short(key));
        let begun = world.store.create_upload(&world.alice, object, None);
        let at = UploadRef {
            bucket: "b".to_owned(),
            key: short(key),
            id: begun.await.unwrap(),
        };
        let body = stream::iter([Ok(Bytes::from("part"))]);
        let body = world.store.receive_part(body, None, BodyDigests::default());
        let body = body.await.unwrap();
        let put = world.store.put_part(&world.alice, &at, 1, body, None);
        put.await.unwrap();
        at
    };
    let old = begin("old").await;
    world.advance(Duration::from_hours(6 * 24));
    let new = begin("new").await;
    assert_eq!(world.collect().await.uploads, 0);
    world.advance(Duration::from_hours(24));
    assert_eq!(world.stored().await, 2);
    assert_eq!(world.collect().await.uploads, 1);
    assert_eq!(world.stored().await, 1);
    let state = async |at| world.catalogue.upload(at, 0, 9).await.unwrap().0.upload;
    assert_eq!(state(old).await, None);
    assert!(state(new).await.is_some());
    assert_eq!(world.collect().await, Collected::default());
}

/// Clients that put objects at the same time.
const CLIENTS: u64 = 24;
/// How long they begin to put objects.
const LOAD: Duration = Duration::from_secs(7);
/// The longest time between the bytes of an object and its commit.
const LATEST: u64 = 6000;

/// Puts objects whose commits come late, beside a collector that does five rounds in a second, by the clocks of the machine. Gives how
/// many were acknowledged, how many were refused, and how many of those that were acknowledged are lost.
async fn late_commits(blobs: MemoryBlobs) -> [usize; 3] {
    let world = Arc::new(World::with_clock(blobs, Clock::system()).await);
    let collector = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            let mut rounds = tokio::time::interval(Duration::from_millis(200));
            loop {
                rounds.tick().await;
                world.store.collect("one").await.unwrap();
            }
        }
    });
    let begun = tokio::time::Instant::now();
    let clients = (1..=CLIENTS).map(|client| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let (mut random, mut acknowledged, mut refused) = (client, Vec::new(), 0);
            for number in 0.. {
                if begun.elapsed() >= LOAD {
                    break;
                }
                let text = format!("{client} {number}");
                let body = world.receive(text.clone()).await;
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(client);
                tokio::time::sleep(Duration::from_millis((random >> 33) % LATEST)).await;
                match world.put(&text, body).await {
                    Ok(()) => acknowledged.push(text),
                    Err(error) => {
                        assert_eq!(error.code(), "RequestTimeout");
                        refused += 1;
                    }
                }
            }
            (acknowledged, refused)
        })
    });
    let clients: Vec<_> = clients.collect();
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for client in clients {
        let (of_client, more) = client.await.unwrap();
        acknowledged.extend(of_client);
        refused += more;
    }
    collector.abort();
    // One round more, when all is old.
    world.blobs.advance(GRACE.orphan.unwrap());
    world.store.collect("one").await.unwrap();
    let mut lost = 0;
    for text in &acknowledged {
        lost += usize::from(world.get(text).await.ok().as_ref() != Some(text));
    }
    [acknowledged.len(), refused, lost]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_with_late_commits_are_refused_or_kept() {
    let [acknowledged, refused, lost] = late_commits(MemoryBlobs::with_grace(GRACE)).await;
    assert!(
        acknowledged > 10 && refused > 10,
        "{acknowledged} {refused}"
    );
    assert_eq!(lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_deadline_objects_with_late_commits_are_lost() {
    let [acknowledged, refused, lost] = late_commits(MemoryBlobs::without_deadline(GRACE)).await;
    assert_eq!(refused, 0);
    assert!(lost > 0, "nothing of {acknowledged} objects is lost");
}
