//! Blobs: which rows name, and which were given up.

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
    let mut known = catalogue.known_blobs().await?;
    known.sort_by(|a, b| a.name.cmp(&b.name));
    let blob = |name: &str, object: &str| KnownBlob {
        name: name.to_owned(),
        size: 3,
        md5: format!("md5-of-{name}"),
        object: format!("{BUCKET}/{object}"),
    };
    assert_eq!(known, [blob("of a part", "k/1"), blob("of old", "old")]);
    let asked = ["of old", "given up", "of a part", "unknown", "OF OLD"].map(str::to_owned);
    let named = catalogue.named_blobs(asked.to_vec()).await?;
    assert_eq!(sorted(named), ["of a part", "of old"]);
    assert_eq!(catalogue.named_blobs(Vec::new()).await?, [""; 0]);
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}
