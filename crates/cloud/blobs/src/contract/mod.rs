//! What each store of blobs must do, as tests that any of them can be put to.
//!
//! Each function takes a store without blobs that nobody else uses, panics where the store breaks the contract, and
//! gives an error where it cannot be used. [`contract_tests!`](crate::contract_tests) makes a test of each.
//! [`full`] needs a store that is nearly full. [`history`] plays a random history, made by [`histories`], against a
//! model.

#![expect(
    clippy::missing_panics_doc,
    reason = "the module says when its functions panic"
)]

mod history;
mod tools;

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select, try_join_all};
use futures::stream;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::oneshot;

use crate::{BlobError, BlobName, BlobStore, Body, BoxError, Folder, PutError};

pub use history::{End, Step, histories, history};
use tools::{Recorder, Refuser, Witness, all, in_pieces, pattern, put, read, read_blocking};

/// The outcome of a test that did not panic: an error where the store could not be used.
pub type Outcome = Result<(), BoxError>;

/// Makes a test of each function of the [contract](crate::contract) that needs a store without blobs.
///
/// The argument is an expression that may use `?` and gives a guard, which is dropped after the test, and a store as
/// `Arc<dyn BlobStore>`. The crate that calls it needs `tokio` with its macros and its runtime of many threads.
#[macro_export]
macro_rules! contract_tests {
    ($fixture:expr) => {
        $crate::contract_functions! { contract_tests, ($fixture) }
    };
    (@each ($fixture:expr); $($name:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> $crate::contract::Outcome {
                let (_guard, store) = $fixture;
                $crate::contract::$name(&store).await
            }
        )*
    };
}

/// Runs each function of the [contract](crate::contract) that needs a store without blobs, one after the other, in a function
/// that may use `?` and `await`.
///
/// The argument is an expression that gives a store as `Arc<dyn BlobStore>`, a new one each time, and may use the name of the
/// function, a `&str`, by the identifier before it: `contract_run!(name => store_for(name))`.
#[macro_export]
macro_rules! contract_run {
    ($name:ident => $fixture:expr) => {
        $crate::contract_functions! { contract_run, ($name => $fixture) }
    };
    (@each ($label:ident => $fixture:expr); $($name:ident),*) => {
        $(
            let $label = stringify!($name);
            let store = $fixture;
            $crate::contract::$name(&store).await?;
        )*
    };
}

/// Passes the names of the functions on to a macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_functions {
    ($macro:ident, $argument:tt) => {
        $crate::$macro! { @each $argument;
            what_is_put_is_read,
            ranges_are_read,
            a_range_beyond_the_end_is_an_error,
            an_empty_blob,
            a_big_blob,
            a_body_of_known_length,
            a_body_that_is_read,
            a_copy_is_a_blob_of_its_own,
            a_blob_of_another_store_keeps_its_name,
            the_tap_sees_the_body_and_comes_back,
            names_are_unique,
            what_is_not_kept_is_deleted,
            a_put_that_is_dropped_leaves_nothing,
            a_body_that_fails_leaves_nothing,
            a_tap_may_refuse,
            what_is_absent_is_not_found,
            what_is_absent_may_be_deleted,
            a_pinned_blob_is_read_to_its_end,
            a_reader_never_gets_other_bytes,
            blobs_are_listed_by_folder,
            what_a_crash_leaves_is_found,
            a_commit_without_an_outcome_keeps_the_blob
        }
    };
}

/// A blob is read as it was put, by both ways of reading, and again by its name as read from a row.
///
/// # Errors
/// If the store cannot be used.
pub async fn what_is_put_is_read(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(100_000, 1);
    let blob = store
        .put(Body::stream(in_pieces(&body, 7001)), Box::new(()))
        .await?
        .0;
    assert_eq!(blob.size(), 100_000);
    let name = blob.keep();
    assert_eq!(read(store, name, 0..100_000).await?, body);
    assert_eq!(read_blocking(store, name, 0..100_000).await?, body);
    let row: BlobName = name.to_string().parse()?;
    assert_eq!(read(store, row, 0..100_000).await?, body);
    store.check(&[name]).await?;
    Ok(())
}

/// Each range of a blob gives exactly its bytes.
///
/// # Errors
/// If the store cannot be used.
pub async fn ranges_are_read(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(600_000, 2);
    let name = put(store, &body).await?.keep();
    for (start, end) in [
        (0, 0),
        (0, 1),
        (1, 2),
        (599_999, 600_000),
        (600_000, 600_000),
        (262_143, 262_145),
        (1, 600_000),
        (0, 262_144),
        (262_144, 524_288),
    ] {
        let wanted = &body[start..end];
        let range = start as u64..end as u64;
        assert_eq!(
            read(store, name, range.clone()).await?,
            wanted,
            "{start}..{end}"
        );
        assert_eq!(
            read_blocking(store, name, range).await?,
            wanted,
            "{start}..{end}"
        );
    }
    Ok(())
}

/// A range that the blob does not have is an error and not a shorter blob.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_range_beyond_the_end_is_an_error(store: &Arc<dyn BlobStore>) -> Outcome {
    let name = put(store, b"abc").await?.keep();
    for range in [0..4, 2..5, 3..4, 9..10] {
        let error = read(store, name, range.clone()).await.err();
        assert!(matches!(error, Some(BlobError::Io(_))), "{range:?}");
        let error = read_blocking(store, name, range.clone()).await.err();
        assert!(matches!(error, Some(BlobError::Io(_))), "{range:?}");
    }
    Ok(())
}

/// A blob may have no bytes, of a body without pieces or with an empty one.
///
/// # Errors
/// If the store cannot be used.
pub async fn an_empty_blob(store: &Arc<dyn BlobStore>) -> Outcome {
    let without_pieces = Body::stream(stream::empty::<Result<Bytes, BoxError>>());
    for body in [without_pieces, Body::bytes(Bytes::new())] {
        let blob = store.put(body, Box::new(())).await?.0;
        assert_eq!(blob.size(), 0);
        let name = blob.keep();
        assert_eq!(read(store, name, 0..0).await?, b"");
        store.check(&[name]).await?;
        assert!(all(store).await?.contains(&name));
    }
    Ok(())
}

/// A blob of many batches keeps the order of its pieces, whatever their sizes.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_big_blob(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(9 * 1024 * 1024 + 1, 3);
    for piece in [4096, 99_991, 1024 * 1024 + 7] {
        let pieces = Body::stream(in_pieces(&body, piece));
        let (blob, tap) = store.put_with(pieces, Recorder::default()).await?;
        assert!(tap.seen == body, "the tap has seen other bytes");
        let size = blob.size();
        let name = blob.keep();
        assert!(read(store, name, 0..size).await? == body);
        assert!(read_blocking(store, name, 0..size).await? == body);
    }
    Ok(())
}

/// A body whose length is known before it comes is stored as others are, and a tap may refuse it as well.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_body_of_known_length(store: &Arc<dyn BlobStore>) -> Outcome {
    for size in [0, 1, 4 * 1024 * 1024, 5 * 1024 * 1024 + 3] {
        let body = pattern(size, 21);
        let pieces = || Body::stream(in_pieces(&body, 300_000)).of_length(Some(size as u64));
        let (blob, tap) = store.put_with(pieces(), Recorder::default()).await?;
        assert!(tap.seen == body, "the tap has seen other bytes");
        assert_eq!(blob.size(), size as u64);
        let name = blob.keep();
        assert!(read(store, name, 0..size as u64).await? == body);
        let put = store.put(pieces(), Box::new(Refuser)).await;
        assert!(matches!(put, Err(PutError::Refused(_))), "{put:?}");
        let from_memory = Body::reader(std::io::Cursor::new(body.clone()));
        let from_reader = store.put(from_memory.of_length(Some(size as u64)), Box::new(()));
        let second = from_reader.await?.0.keep();
        assert!(read(store, second, 0..size as u64).await? == body);
        let mut both = [name, second];
        both.sort_unstable();
        assert_eq!(all(store).await?, both);
        store.delete(&both).await?;
    }
    Ok(())
}

/// A copy, of a store that can copy, is kept when its source is deleted.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_copy_is_a_blob_of_its_own(store: &Arc<dyn BlobStore>) -> Outcome {
    for size in [0, 100_000] {
        let body = pattern(size, 22);
        let name = put(store, &body).await?.keep();
        let Some(copy) = store.copy(name).await? else {
            return Ok(());
        };
        assert_eq!(copy.size(), size as u64);
        let copy = copy.keep();
        assert_ne!(copy, name);
        store.delete(&[name]).await?;
        assert!(read(store, copy, 0..size as u64).await? == body);
        drop(store.copy(copy).await?);
        assert_eq!(all(store).await?, [copy]);
        let error = store.copy(name).await.err();
        assert!(matches!(error, Some(BlobError::NotFound(absent)) if absent == name));
        store.delete(&[copy]).await?;
    }
    Ok(())
}

/// A blob of another store gets its name, in the directory that the store says, in the place of what an interrupted copy has left.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_blob_of_another_store_keeps_its_name(store: &Arc<dyn BlobStore>) -> Outcome {
    for folder in [Folder::Root, Folder::Hour(400_000)] {
        let home = store.folder_for(folder);
        assert_eq!(store.folder_for(home), home);
        let name = BlobName::fresh(folder)?.within_folder(home);
        for seed in [31, 32] {
            let body = pattern(100_000, seed);
            let put = store.put_as(name, Body::bytes(body.clone()), Box::new(()));
            let blob = put.await?;
            assert_eq!((blob.name(), blob.size()), (name, 100_000));
            blob.keep();
            assert!(read(store, name, 0..100_000).await? == body);
        }
        assert_eq!(all(store).await?, [name]);
        store.delete(&[name]).await?;
    }
    Ok(())
}

/// A blob may be made from a reader, for example from another blob.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_body_that_is_read(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(1_500_000, 4);
    let first = put(store, &body).await?.keep();
    let (from, range) = (Arc::clone(store), 7..1_400_007);
    let open = move || from.get_blocking(first, range);
    let reader = tokio::task::spawn_blocking(open).await??;
    let (blob, tap) = store
        .put_with(Body::reader(reader), Recorder::default())
        .await?;
    assert!(tap.seen == body[7..1_400_007]);
    let second = blob.keep();
    assert!(read(store, second, 0..1_400_000).await? == body[7..1_400_007]);

    // A reader that fails leaves nothing, and its error comes back.
    let cut_off = std::io::repeat(7).take(1_000_000).chain(tools::Broken);
    let error = store.put(Body::reader(cut_off), Box::new(())).await;
    let Err(PutError::Refused(source)) = error else {
        panic!("{error:?}");
    };
    let source = source.downcast::<std::io::Error>()?;
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(all(store).await?.len(), 2);
    Ok(())
}

/// A tap sees each byte once and in order, sees the end once, and comes back to its owner.
///
/// # Errors
/// If the store cannot be used.
pub async fn the_tap_sees_the_body_and_comes_back(store: &Arc<dyn BlobStore>) -> Outcome {
    for size in [0, 1, 3000, 700_000] {
        let body = pattern(size, 5);
        let pieces = Body::stream(in_pieces(&body, 1000));
        let (blob, tap) = store.put_with(pieces, Recorder::default()).await?;
        assert!(tap.seen == body, "{size} bytes");
        assert_eq!(tap.ends, 1);
        assert_eq!(blob.size(), size as u64);
    }
    Ok(())
}

/// Blobs that are put at once get names of their own and keep their own bytes.
///
/// # Errors
/// If the store cannot be used.
pub async fn names_are_unique(store: &Arc<dyn BlobStore>) -> Outcome {
    let puts = (0..64_u8).map(|seed| async move {
        let name = put(store, &pattern(1000, seed)).await?.keep();
        Ok::<_, PutError>((name, seed))
    });
    let mut names = try_join_all(puts).await?;
    for &(name, seed) in &names {
        assert_eq!(read(store, name, 0..1000).await?, pattern(1000, seed));
    }
    names.sort_unstable();
    names.dedup_by_key(|(name, _)| *name);
    assert_eq!(names.len(), 64);
    Ok(())
}

/// A blob that is dropped and not kept is deleted, and one that is kept is not.
///
/// # Errors
/// If the store cannot be used.
pub async fn what_is_not_kept_is_deleted(store: &Arc<dyn BlobStore>) -> Outcome {
    let dropped = put(store, b"dropped").await?;
    let kept = put(store, b"kept").await?.keep();
    let name = dropped.name();
    assert_eq!(read(store, name, 0..7).await?, b"dropped");
    drop(dropped);
    let error = read(store, name, 0..7).await.err();
    assert!(matches!(error, Some(BlobError::NotFound(absent)) if absent == name));
    assert_eq!(all(store).await?, [kept]);
    Ok(())
}

/// A caller that stops in the middle of a body leaves nothing.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_put_that_is_dropped_leaves_nothing(store: &Arc<dyn BlobStore>) -> Outcome {
    for pieces in [0, 1, 5] {
        let (at_end, reached) = oneshot::channel();
        let body = in_pieces(&pattern(pieces * 400_000, 6), 400_000)
            .chain(stream::once(tools::stall(at_end)));
        let (tap, gone) = Witness::new();
        let put = store.put(Body::stream(body), Box::new(tap));
        match select(put, reached).await {
            Either::Left((put, _)) => panic!("a body without an end was put: {put:?}"),
            Either::Right((_, put)) => drop(put),
        }
        // The tap goes after everything else has gone.
        gone.wait().await?;
        assert_eq!(all(store).await?, []);
    }
    Ok(())
}

/// A body that fails leaves nothing, and its own error comes back.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_body_that_fails_leaves_nothing(store: &Arc<dyn BlobStore>) -> Outcome {
    for size in [0, 1000, 2_000_000] {
        let body = in_pieces(&pattern(size, 7), 300_000)
            .chain(stream::iter([Err(tools::Refusal("the body"))]));
        let (tap, gone) = Witness::new();
        let put = store.put(Body::stream(body), Box::new(tap)).await;
        let Err(PutError::Refused(source)) = put else {
            panic!("{put:?}");
        };
        assert_eq!(
            *source.downcast::<tools::Refusal>()?,
            tools::Refusal("the body")
        );
        gone.wait().await?;
        assert_eq!(all(store).await?, []);
    }
    Ok(())
}

/// A tap that refuses a body at its end leaves nothing of it.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_tap_may_refuse(store: &Arc<dyn BlobStore>) -> Outcome {
    for size in [0, 1000, 2_000_000] {
        let body = Body::stream(in_pieces(&pattern(size, 8), 300_000));
        let put = store.put(body, Box::new(Refuser)).await;
        let Err(PutError::Refused(source)) = put else {
            panic!("{put:?}");
        };
        assert_eq!(
            *source.downcast::<tools::Refusal>()?,
            tools::Refusal("the tap")
        );
        assert_eq!(all(store).await?, []);
    }
    Ok(())
}

/// A missing blob is an error before the first byte, by each way of asking. It makes no difference whether it was
/// there before, or has a name of older data directories.
///
/// # Errors
/// If the store cannot be used.
pub async fn what_is_absent_is_not_found(store: &Arc<dyn BlobStore>) -> Outcome {
    let there = put(store, b"there").await?.keep();
    let deleted = put(store, b"abc").await?.keep();
    store.delete(&[deleted]).await?;
    let older = "00112233445566778899aabbccddeeff".parse()?;
    for name in [deleted, BlobName::fresh(Folder::present_hour())?, older] {
        let absent = |error| matches!(error, Some(BlobError::NotFound(absent)) if absent == name);
        assert!(absent(store.get(name, 0..3).await.err()));
        assert!(absent(store.get(name, 0..0).await.err()));
        let from = Arc::clone(store);
        let blocking = move || from.get_blocking(name, 0..3).err();
        assert!(absent(tokio::task::spawn_blocking(blocking).await?));
        assert!(absent(store.check(&[there, name]).await.err()));
    }
    store.check(&[there]).await?;
    Ok(())
}

/// A deletion of what is not there is no error, and does not keep others from being deleted.
///
/// # Errors
/// If the store cannot be used.
pub async fn what_is_absent_may_be_deleted(store: &Arc<dyn BlobStore>) -> Outcome {
    let stays = put(store, b"stays").await?.keep();
    let name = put(store, b"goes").await?.keep();
    let older = "00112233445566778899aabbccddeeff".parse()?;
    let names = [BlobName::fresh(Folder::present_hour())?, older, name, name];
    assert_eq!(store.delete(&names).await?, []);
    assert_eq!(store.delete(&names).await?, []);
    assert_eq!(store.delete(&[]).await?, []);
    assert_eq!(all(store).await?, [stays]);
    Ok(())
}

/// A store that says of a blob that it is pinned lets it be read until the last pin is dropped, and not after.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_pinned_blob_is_read_to_its_end(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(1_000_000, 9);
    let names = [
        put(store, &body).await?.keep(),
        put(store, &body).await?.keep(),
    ];
    let first = store.pin(&names);
    let second = store.pin(&names);
    store.check(&names).await?;
    let pinned = store.delete(&names).await?;
    drop(second);
    for &name in &pinned {
        assert!(read(store, name, 0..1_000_000).await? == body);
        assert!(read_blocking(store, name, 0..1_000_000).await? == body);
    }
    assert_eq!(store.delete(&names).await?, pinned);
    drop(first);
    assert_eq!(all(store).await?, []);
    assert_eq!(store.delete(&names).await?, []);

    // A pin of what nobody deletes changes nothing.
    let name = put(store, &body).await?.keep();
    drop(store.pin(&[name]));
    assert!(read(store, name, 0..1_000_000).await? == body);
    Ok(())
}

/// A blob that is deleted while it is read without a pin gives its own bytes or an error.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_reader_never_gets_other_bytes(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(3_000_000, 10);
    let name = put(store, &body).await?.keep();
    let mut pieces = store.get(name, 0..3_000_000).await?;
    let mut seen = pieces.try_next().await?.unwrap_or_default().to_vec();
    assert!(!seen.is_empty());
    store.delete(&[name]).await?;
    put(store, &pattern(3_000_000, 11)).await?.keep();
    let rest: Result<Vec<Bytes>, BlobError> = pieces.try_collect().await;
    if let Ok(rest) = rest {
        seen.extend(rest.concat());
        assert!(seen == body);
    }
    Ok(())
}

/// A list of the directory of a name has the blob with its size and a small age; other directories do not have it.
///
/// # Errors
/// If the store cannot be used.
pub async fn blobs_are_listed_by_folder(store: &Arc<dyn BlobStore>) -> Outcome {
    let before = Folder::present_hour();
    let mut names = Vec::new();
    for size in [0, 10, 2000] {
        names.push((put(store, &pattern(size, 12)).await?.keep(), size as u64));
    }
    let hours = before..=Folder::present_hour();
    let mut found = Vec::new();
    let folders = store.folders().await?;
    assert!(folders.is_sorted());
    for folder in folders {
        for blob in store.list(folder).try_collect::<Vec<_>>().await? {
            assert_eq!(blob.name.folder(), folder);
            assert!(folder == Folder::Root || hours.contains(&folder));
            assert!(blob.age < Duration::from_hours(1), "{blob:?}");
            found.push((blob.name, blob.size));
        }
    }
    found.sort_unstable();
    names.sort_unstable();
    assert_eq!(found, names);
    for folder in [Folder::Hour(1), Folder::Hour(u32::MAX)] {
        assert_eq!(store.list(folder).count().await, 0, "{folder:?}");
    }
    Ok(())
}

/// A process that stops after a put leaves a blob that is unfinished or listed, that can be read, and that goes into
/// its place or is deleted.
///
/// # Errors
/// If the store cannot be used.
pub async fn what_a_crash_leaves_is_found(store: &Arc<dyn BlobStore>) -> Outcome {
    let mut names = [BlobName::fresh(Folder::Root)?; 2];
    for name in &mut names {
        let blob = put(store, b"not kept").await?;
        *name = blob.name();
        // A process that is killed runs no destructor.
        std::mem::forget(blob);
    }
    let [with_row, without_row] = names;
    names.sort_unstable();
    assert_eq!(all(store).await?, names);
    for name in names {
        assert_eq!(read(store, name, 0..8).await?, b"not kept");
        store.check(&[name]).await?;
    }
    store.adopt(&[with_row]).await?;
    store.adopt(&[with_row]).await?;
    store.delete(&[without_row]).await?;
    store.adopt(&[without_row]).await?;
    assert_eq!(store.unfinished().await?, []);
    assert_eq!(all(store).await?, [with_row]);
    assert_eq!(read(store, with_row, 0..8).await?, b"not kept");
    Ok(())
}

/// A blob of whose commit nobody knows the outcome is there for the row that may name it.
///
/// # Errors
/// If the store cannot be used.
pub async fn a_commit_without_an_outcome_keeps_the_blob(store: &Arc<dyn BlobStore>) -> Outcome {
    let name = put(store, b"perhaps").await?.leave();
    assert_eq!(read(store, name, 0..7).await?, b"perhaps");
    assert_eq!(all(store).await?, [name]);
    store.delete(&[name]).await?;
    assert_eq!(all(store).await?, []);
    Ok(())
}

/// A store with room for 64 KiB and not for 8 MiB says that it is full, leaves nothing, and continues to work.
///
/// # Errors
/// If the store cannot be used.
pub async fn full(store: &Arc<dyn BlobStore>) -> Outcome {
    let body = pattern(8 * 1024 * 1024, 14);
    let from_memory = std::io::Cursor::new(body.clone());
    for body in [
        Body::stream(in_pieces(&body, 100_000)),
        Body::reader(from_memory),
    ] {
        let (tap, gone) = Witness::new();
        let put = store.put(body, Box::new(tap)).await;
        assert!(
            matches!(put, Err(PutError::Blob(BlobError::Full(_)))),
            "{put:?}"
        );
        gone.wait().await?;
        assert_eq!(all(store).await?, []);
    }
    let small = pattern(64 * 1024, 15);
    let name = put(store, &small).await?.keep();
    assert!(read(store, name, 0..65_536).await? == small);
    Ok(())
}
