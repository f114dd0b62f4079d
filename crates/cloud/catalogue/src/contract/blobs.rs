//! Blobs: which rows name, and which were given up.

use std::time::Duration;

use super::tools::{
    BUCKET, Outcome, add_account, begin, change_key, garbage, key, known, make_bucket, new_version,
    part, put, put_part, sorted, state, upload_ref, with_bucket,
};
use crate::{Catalogue, Content, KeyChange, KnownBlob, NULL_VERSION, NewVersion};

/// Blobs of a version that goes are garbage: returned by the unit, and listed, those that were given up first, first.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn what_is_given_up_is_garbage(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for (blob, given_up) in [
        ("d", None),
        ("c", Some("d")),
        ("b", Some("c")),
        ("a", Some("b")),
    ] {
        let new = new_version(&account, NULL_VERSION, blob);
        let told = put(catalogue, "k", new).await?;
        assert_eq!(told, given_up.into_iter().collect::<Vec<_>>());
    }
    assert_eq!(catalogue.garbage(99).await?, ["d", "c", "b"]);
    assert_eq!(catalogue.garbage(2).await?, ["d", "c"]);
    assert_eq!(known(catalogue).await?, ["a"]);
    Ok(())
}

/// What is given up, and an upload, are found when they are old enough; only a blob that is neither named nor given up is unknown.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn what_is_old_is_found(catalogue: &Catalogue) -> Outcome {
    let (now, long) = (Duration::ZERO, Duration::from_hours(1));
    let account = with_bucket(catalogue).await?;
    for blob in ["given up", "named"] {
        put(catalogue, "k", new_version(&account, NULL_VERSION, blob)).await?;
    }
    begin(catalogue, &account, "k", "up").await?;
    put_part(catalogue, upload_ref("k", "up"), part(1, "of a part")).await?;
    assert_eq!(catalogue.old_garbage(now, 9).await?, ["given up"]);
    assert_eq!(catalogue.old_garbage(now, 0).await?, [""; 0]);
    assert_eq!(catalogue.old_garbage(long, 9).await?, [""; 0]);
    assert_eq!(catalogue.old_garbage(Duration::MAX, 9).await?, [""; 0]);
    assert_eq!(
        catalogue.old_uploads(now, 9).await?,
        [upload_ref("k", "up")]
    );
    assert_eq!(catalogue.old_uploads(long, 9).await?, []);
    for (uploads, garbage, expected) in [(now, long, (1, 0)), (long, now, (0, 1))] {
        assert_eq!(catalogue.count_old(uploads, garbage).await?, expected);
    }
    let blobs = ["given up", "of a part", "unknown", "named"];
    let asked = blobs.map(str::to_owned).to_vec();
    assert_eq!(catalogue.unknown_blobs(asked).await?, ["unknown"]);
    assert_eq!(catalogue.unknown_blobs(Vec::new()).await?, [""; 0]);
    Ok(())
}

/// An hour is swept once it was kept as such.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn hours_are_swept_once(catalogue: &Catalogue) -> Outcome {
    let hours = vec![0, 498_889, u32::MAX];
    assert_eq!(catalogue.unswept_hours(hours.clone()).await?, hours);
    for _ in 0..2 {
        catalogue.keep_swept(498_889).await?;
    }
    assert_eq!(catalogue.unswept_hours(hours).await?, [0, u32::MAX]);
    assert_eq!(catalogue.unswept_hours(Vec::new()).await?, [0; 0]);
    Ok(())
}

/// A blob that a version gives up and another takes over in one unit is no garbage.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_blob_that_is_taken_again_is_no_garbage(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let of_two = NewVersion {
        content: Content::Blobs(vec![
            super::tools::segment("kept"),
            super::tools::segment("gone"),
        ]),
        ..new_version(&account, NULL_VERSION, "")
    };
    put(catalogue, "k", of_two).await?;
    let told = put(catalogue, "k", new_version(&account, NULL_VERSION, "kept")).await?;
    assert_eq!(told, ["gone"]);
    assert_eq!(garbage(catalogue).await?, ["gone"]);
    assert_eq!(known(catalogue).await?, ["kept"]);
    let row = state(catalogue, key("k"))
        .await?
        .current
        .expect("the object")
        .id;
    let delete = KeyChange {
        delete: vec![row],
        ..KeyChange::default()
    };
    assert_eq!(change_key(catalogue, key("k"), delete).await?, ["kept"]);
    assert_eq!(garbage(catalogue).await?, ["gone", "kept"]);
    Ok(())
}

/// Garbage is listed until it is forgotten.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn garbage_is_forgotten(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for number in 0..5 {
        put(
            catalogue,
            "k",
            new_version(&account, NULL_VERSION, &format!("b{number}")),
        )
        .await?;
    }
    let some = ["b1", "b3", "b4", "unknown"].map(str::to_owned).to_vec();
    catalogue.forget_garbage(some).await?;
    catalogue.forget_garbage(Vec::new()).await?;
    assert_eq!(garbage(catalogue).await?, ["b0", "b2"]);
    assert_eq!(known(catalogue).await?, ["b4"], "rows are left alone");
    Ok(())
}

/// Blobs of versions and of parts are known, with what they must be; of given ones those that rows name.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn blobs_are_known_by_their_rows(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let other = add_account(catalogue, 2).await?;
    make_bucket(catalogue, "other", &other).await?;
    put(
        catalogue,
        "old",
        new_version(&account, NULL_VERSION, "given up"),
    )
    .await?;
    put(
        catalogue,
        "old",
        new_version(&account, NULL_VERSION, "of old"),
    )
    .await?;
    begin(catalogue, &account, "k/1", "u").await?;
    put_part(catalogue, upload_ref("k/1", "u"), part(1, "of a part")).await?;
    let blob = |name: &str, object: &str| KnownBlob {
        name: name.to_owned(),
        size: 3,
        md5: format!("md5-of-{name}"),
        object: format!("{BUCKET}/{object}"),
    };
    let (of_part, of_old) = (blob("of a part", "k/1"), blob("of old", "old"));
    let both = [of_part.clone(), of_old.clone()];
    assert_eq!(catalogue.known_blobs("", 9).await?, both);
    for (after, limit, expected) in [
        ("", 1, &both[..1]),
        ("of a part", 1, &both[1..]),
        ("of b", 9, &both[1..]),
        ("of old", 9, &[]),
        ("", 0, &[]),
    ] {
        assert_eq!(catalogue.known_blobs(after, limit).await?, expected);
    }
    let asked = ["of old", "given up", "of a part", "unknown", "OF OLD"].map(str::to_owned);
    let mut found = catalogue.find_blobs(asked.to_vec()).await?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(found, both);
    assert_eq!(catalogue.find_blobs(Vec::new()).await?, []);
    let named = catalogue.named_blobs(asked.to_vec()).await?;
    assert_eq!(sorted(named), ["of a part", "of old"]);
    assert_eq!(catalogue.named_blobs(Vec::new()).await?, [""; 0]);
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}
