//! Random histories of a store, held against a model.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use proptest::prelude::*;

use super::tools::{self, Refuser, all, in_pieces, pattern, read, read_blocking};
use super::{BlobError, Outcome};
use crate::{BlobName, BlobPin, BlobStore, Body, PutError};

/// Something that is done to a store. A blob is chosen by a number, of which the rest by the number of the blobs
/// counts.
#[derive(Clone, Debug)]
pub enum Step {
    /// Puts a blob of so many bytes in pieces of so many.
    Put(usize, usize, End),
    /// Reads a range, in thousandths of the blob's size.
    Get(u16, u16, u16),
    /// Deletes blobs.
    Delete(Vec<u16>),
    /// Pins blobs.
    Pin(Vec<u16>),
    /// Drops a pin.
    Unpin(u16),
    /// Lists everything, and asks for each blob.
    Look,
}

/// What becomes of a blob that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A row names it.
    Keep,
    /// It is dropped.
    Drop,
    /// The process stops before there is a row.
    Forget,
    /// A row names it, and the process stops before it is kept; the next start adopts it.
    Adopt,
    /// Its body fails.
    Fail,
    /// Its tap refuses it.
    Refuse,
}

/// Histories of up to `length` steps.
pub fn histories(length: usize) -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![
        6 => Just(End::Keep),
        1 => Just(End::Drop),
        1 => Just(End::Forget),
        1 => Just(End::Adopt),
        1 => Just(End::Fail),
        1 => Just(End::Refuse),
    ];
    let size = prop_oneof![4 => 0..5000_usize, 1 => 500_000..1_200_000_usize];
    let some = proptest::collection::vec(any::<u16>(), 0..4);
    let step = prop_oneof![
        4 => (size, 1000..600_000_usize, end).prop_map(|(size, piece, end)| Step::Put(size, piece, end)),
        4 => (any::<u16>(), 0..=1000_u16, 0..=1000_u16).prop_map(|(which, from, to)| Step::Get(which, from, to)),
        2 => some.clone().prop_map(Step::Delete),
        2 => some.prop_map(Step::Pin),
        2 => any::<u16>().prop_map(Step::Unpin),
        1 => Just(Step::Look),
    ];
    proptest::collection::vec(step, 0..=length)
}

/// Does all steps to a store without blobs, and compares what it says with a model.
///
/// # Errors
/// If the store cannot be used.
pub async fn history(store: &Arc<dyn BlobStore>, steps: Vec<Step>) -> Outcome {
    let mut model = Model::default();
    for (number, step) in steps.into_iter().chain([Step::Look]).enumerate() {
        let seed = u8::try_from(number % 251)?;
        match step {
            Step::Put(size, piece, end) => {
                model.put(store, pattern(size, seed), piece, end).await?;
            }
            Step::Get(which, from, to) => model.get(store, which, from, to).await?,
            Step::Delete(which) => model.delete(store, &which).await?,
            Step::Pin(which) => model.pin(store, &which),
            Step::Unpin(which) => model.unpin(which),
            Step::Look => model.look(store).await?,
        }
    }
    Ok(())
}

#[derive(Default)]
struct Model {
    blobs: Vec<Known>,
    pins: Vec<(BlobPin, Vec<usize>)>,
}

struct Known {
    name: BlobName,
    bytes: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    There,
    /// Given up and pinned, as the store has said.
    Pinned,
    Gone,
}

impl Model {
    async fn put(
        &mut self,
        store: &Arc<dyn BlobStore>,
        bytes: Vec<u8>,
        piece: usize,
        end: End,
    ) -> Outcome {
        let failure = (end == End::Fail).then_some(Err(tools::Refusal("the body")));
        let body = Body::stream(in_pieces(&bytes, piece).chain(stream::iter(failure)));
        if matches!(end, End::Fail | End::Refuse) {
            let put = store.put(body, Box::new(Refuser)).await;
            assert!(matches!(put, Err(PutError::Refused(_))), "{put:?}");
            return Ok(());
        }
        let blob = store.put(body, Box::new(())).await?.0;
        let (name, state) = match end {
            End::Keep => (blob.keep(), State::There),
            End::Forget | End::Adopt => {
                let name = blob.name();
                std::mem::forget(blob);
                if end == End::Adopt {
                    store.adopt(&[name]).await?;
                }
                (name, State::There)
            }
            _ => (blob.name(), State::Gone),
        };
        assert!(self.blobs.iter().all(|known| known.name != name));
        self.blobs.push(Known { name, bytes, state });
        Ok(())
    }

    async fn get(&self, store: &Arc<dyn BlobStore>, which: u16, from: u16, to: u16) -> Outcome {
        let [Some(index)] = self.chosen(&[which])[..] else {
            return Ok(());
        };
        let known = &self.blobs[index];
        let [start, end] = [from.min(to), from.max(to)]
            .map(|thousandths| known.bytes.len() * usize::from(thousandths) / 1000);
        let range = start as u64..end as u64;
        for read in [
            read(store, known.name, range.clone()).await,
            read_blocking(store, known.name, range).await,
        ] {
            match read {
                Ok(bytes) => {
                    assert_ne!(known.state, State::Gone);
                    assert!(bytes == known.bytes[start..end]);
                }
                Err(BlobError::NotFound(name)) => {
                    assert_eq!((name, known.state), (known.name, State::Gone));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn delete(&mut self, store: &Arc<dyn BlobStore>, which: &[u16]) -> Outcome {
        let chosen = self.chosen(which);
        let names: Vec<_> = chosen
            .iter()
            .flatten()
            .map(|index| self.blobs[*index].name)
            .collect();
        let pinned = store.delete(&names).await?;
        for index in chosen.into_iter().flatten() {
            let is_held = self.is_held(index);
            let known = &mut self.blobs[index];
            let is_pinned = pinned.contains(&known.name);
            assert!(is_held || !is_pinned, "nobody holds {}", known.name);
            if known.state != State::Gone {
                known.state = if is_pinned {
                    State::Pinned
                } else {
                    State::Gone
                };
            }
        }
        Ok(())
    }

    fn pin(&mut self, store: &Arc<dyn BlobStore>, which: &[u16]) {
        let indices: Vec<_> = self.chosen(which).into_iter().flatten().collect();
        let names: Vec<_> = indices
            .iter()
            .map(|index| self.blobs[*index].name)
            .collect();
        self.pins.push((store.pin(&names), indices));
    }

    fn unpin(&mut self, which: u16) {
        if self.pins.is_empty() {
            return;
        }
        let (pin, indices) = self.pins.swap_remove(usize::from(which) % self.pins.len());
        drop(pin);
        for index in indices {
            if self.blobs[index].state == State::Pinned && !self.is_held(index) {
                self.blobs[index].state = State::Gone;
            }
        }
    }

    async fn look(&self, store: &Arc<dyn BlobStore>) -> Outcome {
        let there = self.blobs.iter().filter(|known| known.state != State::Gone);
        let mut names: Vec<_> = there.map(|known| known.name).collect();
        names.sort_unstable();
        assert_eq!(all(store).await?, names);
        store.check(&names).await?;
        for known in &self.blobs {
            if known.state == State::Gone {
                let error = store.check(&[known.name]).await.err();
                assert!(matches!(error, Some(BlobError::NotFound(_))), "{error:?}");
            }
        }
        Ok(())
    }

    fn is_held(&self, index: usize) -> bool {
        self.pins.iter().any(|(_, pinned)| pinned.contains(&index))
    }

    /// The places of the chosen blobs; `None` for each when there are no blobs.
    fn chosen(&self, which: &[u16]) -> Vec<Option<usize>> {
        which
            .iter()
            .map(|number| usize::from(*number).checked_rem(self.blobs.len()))
            .collect()
    }
}
