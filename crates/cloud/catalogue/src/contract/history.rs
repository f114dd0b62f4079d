//! Random histories of several clients, held against a model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use proptest::prelude::*;

use super::model::{Decision, Model, Timed};
use super::tools::{
    BUCKET, Given, Outcome, Refusal, begin, garbage, inline_version, key, known, new_marker,
    new_version, part, sorted, state, upload_ref, uploaded, with_bucket,
};
use crate::{
    Account, Catalogue, Content, KeyChange, KeyRef, KeyState, NULL_VERSION, NewVersion,
    ObjectVersion, Segment, Tags, UploadChange,
};

/// Something that a client does, to the key of this number.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Puts an object without versioning.
    Put(u8),
    /// Puts an object where there is none.
    PutIfNoneMatch(u8),
    /// Puts an object over the one that it has read before.
    PutIfMatch(u8),
    /// Puts a new version.
    PutVersion(u8),
    /// Puts a delete marker.
    Mark(u8),
    /// Deletes the newest version, unless it is held.
    Delete(u8),
    /// Deletes the version made without versioning, unless it is held.
    DeleteNull(u8),
    /// Deletes the newest version of each key in one go, unless it is held.
    DeleteAll,
    /// Sets the legal hold of the newest version, on or off.
    Hold(u8, bool),
    /// Tags the newest version.
    Tag(u8),
    /// Puts an object without versioning whose bytes are in the catalogue.
    PutInline(u8),
    /// Puts a part.
    PutPart(u8),
    /// Completes the upload.
    Complete(u8),
    /// Aborts the upload.
    Abort(u8),
    /// Reads the newest version.
    Read(u8),
}

/// Keys of a history.
const KEYS: u8 = 3;

/// Histories of two to four clients, each of up to `length` steps.
pub fn histories(length: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        2 => (0..KEYS).prop_map(Step::Put),
        2 => (0..KEYS).prop_map(Step::PutIfNoneMatch),
        2 => (0..KEYS).prop_map(Step::PutIfMatch),
        2 => (0..KEYS).prop_map(Step::PutVersion),
        1 => (0..KEYS).prop_map(Step::Mark),
        2 => (0..KEYS).prop_map(Step::Delete),
        1 => (0..KEYS).prop_map(Step::DeleteNull),
        1 => Just(Step::DeleteAll),
        1 => (0..KEYS, any::<bool>()).prop_map(|(key, on)| Step::Hold(key, on)),
        1 => (0..KEYS).prop_map(Step::Tag),
        2 => (0..KEYS).prop_map(Step::PutInline),
        2 => (0..KEYS).prop_map(Step::PutPart),
        1 => (0..KEYS).prop_map(Step::Complete),
        1 => (0..KEYS).prop_map(Step::Abort),
        2 => (0..KEYS).prop_map(Step::Read),
    ];
    let client = proptest::collection::vec(step, 0..=length);
    proptest::collection::vec(client, 2..=4)
}

/// Lets all clients work at once on an empty catalogue. Each decision must see what the one before it left, and what is
/// left at the end must be what the decisions, one after the other, leave. Decisions that rest on a version are made one after the other;
/// those about a key that has none may be so at any time while their unit is at work.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn history(catalogue: &Catalogue, clients: Vec<Vec<Step>>) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let mut model = Model::default();
    for number in 0..KEYS {
        let name = name(number);
        begin(catalogue, &account, &name, &name).await?;
        model.begin(&name);
    }
    let log = Log::default();
    let clients = clients.into_iter().zip(1..).map(|(steps, number)| {
        let client = Client {
            catalogue: catalogue.clone(),
            account: account.clone(),
            log: log.clone(),
            number,
            done: 0,
            told: Vec::new(),
        };
        client.work(steps)
    });
    let told = try_join_all(clients).await?.concat();

    model.follow(log.decisions());
    for number in 0..KEYS {
        let name = name(number);
        let at = uploaded(&name, &name);
        let left = state(catalogue, at.clone()).await?;
        model.check(&at, &left);
    }
    assert_eq!(sorted(told), model.garbage(), "garbage is listed once");
    assert_eq!(garbage(catalogue).await?, model.garbage());
    assert_eq!(known(catalogue).await?, model.blobs());
    let inline = catalogue.inline_objects(0, usize::MAX).await?;
    let inline = inline.into_iter().map(|object| object.md5).collect();
    assert_eq!(sorted(inline), model.inline());
    model.check_listing(
        &catalogue
            .list_versions(BUCKET, "", i64::MAX, usize::MAX)
            .await?,
    );
    let objects = catalogue.list_objects(BUCKET, "", usize::MAX).await?;
    let listed: Vec<_> = objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(listed, model.objects());
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}

/// The name of a key, which is also the id of the upload to it.
fn name(number: u8) -> String {
    format!("key-{number}")
}

/// Decisions in their order, and when units began and ended.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    decisions: Vec<(UnitId, Decision)>,
    /// When each unit ended.
    ended: BTreeMap<(u32, u32), usize>,
    /// Counts beginnings and ends.
    time: usize,
}

/// A unit of change, or one of the keys of one.
#[derive(Clone, Copy, Debug)]
struct UnitId {
    /// The client, and the number of the unit.
    name: (u32, u32),
    /// The number of the key in the unit.
    key: usize,
    /// When the unit began.
    begun: usize,
}

impl Log {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, unit: UnitId, decision: Decision) {
        self.noted().decisions.push((unit, decision));
    }

    fn time(&self) -> usize {
        let noted = &mut *self.noted();
        noted.time += 1;
        noted.time
    }

    fn end(&self, unit: UnitId) {
        let time = self.time();
        self.noted().ended.insert(unit.name, time);
    }

    /// Each decision, and when its unit began and ended. Of a unit that was tried several times the last decision counts.
    fn decisions(&self) -> Vec<Timed> {
        let noted = self.noted();
        let decisions = noted.decisions.iter().enumerate();
        let places = decisions.map(|(place, (unit, _))| ((unit.name, unit.key), place));
        let last: BTreeMap<_, _> = places.collect();
        let mut places: Vec<_> = last.into_values().collect();
        places.sort_unstable();
        let counting = places.into_iter().map(|place| {
            let (unit, decision) = &noted.decisions[place];
            Timed {
                decision: decision.clone(),
                begun: unit.begun,
                ended: noted.ended[&unit.name],
            }
        });
        counting.collect()
    }
}

struct Client {
    catalogue: Catalogue,
    account: Account,
    log: Log,
    number: u32,
    /// Units that it has begun.
    done: u32,
    /// Garbage that it was told of.
    told: Vec<String>,
}

impl Client {
    /// Does all steps, and gives the garbage that it was told of.
    async fn work(mut self, steps: Vec<Step>) -> Given<Vec<String>> {
        for step in steps {
            match self.step(step).await {
                Ok(()) | Err(Refusal::Rule) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.told)
    }

    async fn step(&mut self, step: Step) -> Given<()> {
        // Nobody else has a blob or a version of this name.
        let own = format!("c{}u{}", self.number, self.done);
        let unversioned = new_version(&self.account, NULL_VERSION, &own);
        match step {
            Step::Put(number) => {
                self.change(key(&name(number)), move |state| {
                    over_null(state, unversioned.clone())
                })
                .await
            }
            Step::PutIfNoneMatch(number) => {
                self.change(key(&name(number)), move |state| match &state.current {
                    Some(current) if !current.marker => None,
                    _ => over_null(state, unversioned.clone()),
                })
                .await
            }
            Step::PutIfMatch(number) => {
                let known = self.read(number).await?.map(|object| object.etag);
                self.change(key(&name(number)), move |state| {
                    let found = state.current.as_ref().map(|current| current.etag.clone());
                    over_null(state, unversioned.clone()).filter(|_| found == known)
                })
                .await
            }
            Step::PutVersion(number) => {
                let new = new_version(&self.account, &own, &own);
                self.change(key(&name(number)), move |_| Some(insert(new.clone())))
                    .await
            }
            Step::Mark(number) => {
                let new = new_marker(&self.account, &own);
                self.change(key(&name(number)), move |_| Some(insert(new.clone())))
                    .await
            }
            Step::Delete(number) => {
                self.change(key(&name(number)), |state| delete(state.current.as_ref()))
                    .await
            }
            Step::DeleteNull(number) => {
                self.change(key(&name(number)), |state| delete(state.named.as_ref()))
                    .await
            }
            Step::DeleteAll => self.delete_all().await,
            Step::Hold(number, on) => {
                self.change(key(&name(number)), move |state| {
                    let current = state.current.as_ref()?;
                    let mut new = current.tags_and_lock.clone();
                    new.legal_hold = Some(on);
                    Some(KeyChange {
                        tags_and_lock: Some((current.id, new)),
                        ..KeyChange::default()
                    })
                })
                .await
            }
            Step::Tag(number) => {
                self.change(key(&name(number)), move |state| {
                    let current = state.current.as_ref()?;
                    let mut new = current.tags_and_lock.clone();
                    new.tags = Tags::from([("by".to_owned(), own.clone())]);
                    Some(KeyChange {
                        tags_and_lock: Some((current.id, new)),
                        ..KeyChange::default()
                    })
                })
                .await
            }
            Step::PutInline(number) => {
                let new = inline_version(&self.account, NULL_VERSION, &own);
                self.change(key(&name(number)), move |state| {
                    over_null(state, new.clone())
                })
                .await
            }
            Step::PutPart(number) => {
                // Parts of two clients never have one number: which of two comes last is up to the database.
                let change = UploadChange {
                    put_part: Some(part(self.number, &own)),
                    ..UploadChange::default()
                };
                self.change_upload(number, change).await
            }
            Step::Complete(number) => self.complete(number).await,
            Step::Abort(number) => {
                let change = UploadChange {
                    abort: true,
                    ..UploadChange::default()
                };
                self.change_upload(number, change).await
            }
            Step::Read(number) => self.read(number).await.map(drop),
        }
    }

    /// The name of the next unit of change.
    fn begin(&mut self) -> UnitId {
        self.done += 1;
        UnitId {
            name: (self.number, self.done),
            key: 0,
            begun: self.log.time(),
        }
    }

    async fn change(
        &mut self,
        at: KeyRef,
        rule: impl Fn(&KeyState) -> Option<KeyChange> + Send + 'static,
    ) -> Given<()> {
        let unit = self.begin();
        let (log, noted) = (self.log.clone(), at.clone());
        let changed = self.catalogue.change_key(at, move |state| {
            let change = rule(state);
            let decision = Decision::key(noted.clone(), state, change.as_ref());
            log.note(unit, decision);
            change.map(|change| (change, ())).ok_or(Refusal::Rule)
        });
        let changed = changed.await;
        self.log.end(unit);
        self.told.extend(changed?.garbage);
        Ok(())
    }

    async fn delete_all(&mut self) -> Given<()> {
        let unit = self.begin();
        let log = self.log.clone();
        let keys: Vec<_> = (0..KEYS).map(|number| key(&name(number))).collect();
        let noted = keys.clone();
        let changed = self.catalogue.change_keys(keys, move |index, state| {
            let change = delete(state.current.as_ref());
            let decision = Decision::key(noted[index].clone(), state, change.as_ref());
            log.note(UnitId { key: index, ..unit }, decision);
            change.map(|change| (change, ())).ok_or(Refusal::Rule)
        });
        let changed = changed.await;
        self.log.end(unit);
        self.told.extend(changed?.garbage);
        Ok(())
    }

    async fn change_upload(&mut self, number: u8, change: UploadChange) -> Given<()> {
        let unit = self.begin();
        let (log, name) = (self.log.clone(), name(number));
        let changed = self
            .catalogue
            .change_upload(upload_ref(&name, &name), move |state| {
                let change = state.upload.as_ref().map(|_| change.clone());
                let boxed = change.clone().map(Box::new);
                let decision = Decision::Upload(name.clone(), change.is_some(), boxed);
                log.note(unit, decision);
                change.map(|change| (change, ())).ok_or(Refusal::Rule)
            });
        let changed = changed.await;
        self.log.end(unit);
        self.told.extend(changed?.garbage);
        Ok(())
    }

    /// Completes the upload with every other part.
    async fn complete(&mut self, number: u8) -> Given<()> {
        let name = name(number);
        let new = new_version(&self.account, NULL_VERSION, "");
        self.change(uploaded(&name, &name), move |state| {
            let (upload, parts) = state.upload.as_ref()?;
            let segments: Vec<_> = parts
                .iter()
                .step_by(2)
                .map(|part| part.segment.clone())
                .collect();
            let mut new = new.clone();
            new.upload = Some(upload.id.clone());
            new.etag = of_segments(&segments);
            new.content = Content::Blobs(segments);
            let change = over_null(state, new)?;
            Some(KeyChange {
                end_upload: Some(upload.id.clone()),
                ..change
            })
        })
        .await
    }

    /// Reads the newest version, and insists that its row and its bytes belong together.
    async fn read(&self, number: u8) -> Given<Option<ObjectVersion>> {
        let found = self
            .catalogue
            .object(BUCKET, &name(number), None, true)
            .await?;
        if let Some(object) = &found.object {
            let etag = match &found.content {
                Content::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Content::Blobs(segments) => of_segments(segments),
            };
            assert_eq!((object.size, &object.etag), (found.content.size(), &etag));
        }
        Ok(found.object)
    }
}

/// The `ETag` of an object of these blobs.
fn of_segments(segments: &[Segment]) -> String {
    let blobs = segments.iter().map(|segment| segment.blob.as_str());
    blobs.collect::<Vec<_>>().join("-")
}

fn insert(new: NewVersion) -> KeyChange {
    KeyChange {
        insert: Some(new),
        ..KeyChange::default()
    }
}

/// Puts a version in the place of the one made without versioning, unless that is held.
fn over_null(state: &KeyState, new: NewVersion) -> Option<KeyChange> {
    let delete = match &state.named {
        None => Vec::new(),
        Some(named) if named.tags_and_lock.legal_hold == Some(true) => return None,
        Some(named) => vec![named.id],
    };
    Some(KeyChange {
        delete,
        ..insert(new)
    })
}

/// Deletes a version that is there, unless it is held.
fn delete(version: Option<&ObjectVersion>) -> Option<KeyChange> {
    let version = version.filter(|it| it.tags_and_lock.legal_hold != Some(true))?;
    Some(KeyChange {
        delete: vec![version.id],
        ..KeyChange::default()
    })
}
