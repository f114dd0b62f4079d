//! Several versions of a key.

use super::tools::{
    BUCKET, Given, Outcome, change_key, garbage, key, new_marker, new_version, put, state,
    versioned, with_bucket,
};
use crate::{Account, Catalogue, Content, KeyChange, NULL_VERSION, ObjectVersion};

/// Puts these versions, the oldest first; each blob is named after its version.
async fn put_all(
    catalogue: &Catalogue,
    account: &Account,
    name: &str,
    versions: &[&str],
) -> Given<()> {
    for version in versions {
        let blob = format!("{name}-{version}");
        put(catalogue, name, new_version(account, version, &blob)).await?;
    }
    Ok(())
}

async fn version(catalogue: &Catalogue, name: &str, version: &str) -> Given<ObjectVersion> {
    let found = state(catalogue, versioned(name, version)).await?.named;
    Ok(found.expect("the version is there"))
}

/// Deletes a version and gives the garbage.
async fn delete(catalogue: &Catalogue, name: &str, id: &str) -> Given<Vec<String>> {
    let row = version(catalogue, name, id).await?.id;
    let change = KeyChange {
        delete: vec![row],
        ..KeyChange::default()
    };
    change_key(catalogue, versioned(name, id), change).await
}

/// Keys, version ids and whether each is the newest, as listed.
async fn listed(catalogue: &Catalogue) -> Given<Vec<(String, String, bool)>> {
    let versions = catalogue.list_versions(BUCKET, "", i64::MAX, 99).await?;
    Ok(versions
        .into_iter()
        .map(|it| (it.key, it.version, it.current))
        .collect())
}

/// A version that is put is the newest and has the largest row; the one with its id is gone, the others are kept.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_new_version_is_the_newest(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    put_all(catalogue, &account, "k", &[NULL_VERSION, "v1", "v2"]).await?;
    let old = version(catalogue, "k", NULL_VERSION).await?;
    let v2 = version(catalogue, "k", "v2").await?;
    assert!(v2.current && !old.current && old.id < v2.id);
    let again = new_version(&account, NULL_VERSION, "again");
    assert_eq!(put(catalogue, "k", again).await?, ["k-null"]);
    let found = state(catalogue, key("k")).await?;
    assert_eq!(
        found.current, found.named,
        "the version without an id is looked at by default"
    );
    let newest = found.current.expect("the newest");
    assert!(newest.id > v2.id && newest.etag == "again");
    assert!(!version(catalogue, "k", "v2").await?.current);
    let row = |version: &str, current| ("k".to_owned(), version.to_owned(), current);
    assert_eq!(
        listed(catalogue).await?,
        [row(NULL_VERSION, true), row("v2", false), row("v1", false)]
    );
    Ok(())
}

/// Where the newest version goes, the newest of the rest takes its place.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn the_newest_of_the_rest_is_promoted(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    put_all(catalogue, &account, "k", &["v2", "v1", "v3"]).await?;
    put_all(catalogue, &account, "other", &["v4"]).await?;
    for (gone, newest) in [("v3", Some("v1")), ("v1", Some("v2")), ("v2", None)] {
        assert_eq!(delete(catalogue, "k", gone).await?, [format!("k-{gone}")]);
        let current = state(catalogue, key("k")).await?.current;
        assert_eq!(current.as_ref().map(|it| it.version.as_str()), newest);
        assert!(current.is_none_or(|it| it.current));
    }
    assert!(version(catalogue, "other", "v4").await?.current);
    // Two go at once, the newest among them.
    put_all(catalogue, &account, "k", &["v5", "v6", "v7"]).await?;
    let rows = [
        version(catalogue, "k", "v7").await?.id,
        version(catalogue, "k", "v6").await?.id,
    ];
    let change = KeyChange {
        delete: rows.to_vec(),
        ..KeyChange::default()
    };
    assert_eq!(change_key(catalogue, key("k"), change).await?.len(), 2);
    let current = state(catalogue, key("k"))
        .await?
        .current
        .expect("the last one");
    assert_eq!(current.version, "v5");
    Ok(())
}

/// A version that is not the newest is deleted, and the newest is still the newest.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_older_version_goes_alone(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    put_all(catalogue, &account, "k", &["v1", "v2", "v3"]).await?;
    let newest = version(catalogue, "k", "v3").await?;
    for gone in ["v2", "v1"] {
        delete(catalogue, "k", gone).await?;
        let found = state(catalogue, versioned("k", gone)).await?;
        assert_eq!((found.current.as_ref(), found.named), (Some(&newest), None));
    }
    assert_eq!(garbage(catalogue).await?, ["k-v1", "k-v2"]);
    Ok(())
}

/// A delete marker hides its key from listings of objects, and is listed with the versions.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn delete_markers_hide_a_key(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    put_all(catalogue, &account, "k", &["v1"]).await?;
    put_all(catalogue, &account, "l", &["v1"]).await?;
    assert_eq!(
        put(catalogue, "k", new_marker(&account, "m")).await?,
        [""; 0]
    );
    let found = catalogue.object(BUCKET, "k", None, true).await?;
    let marker = found.object.expect("the marker");
    assert_eq!(
        (marker.marker, marker.size, found.content),
        (true, 0, Content::default())
    );
    assert_eq!(state(catalogue, key("k")).await?.current, Some(marker));
    let objects = catalogue.list_objects(BUCKET, "", 9).await?;
    assert_eq!(
        objects.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(),
        ["l"]
    );
    let versions = catalogue.list_versions(BUCKET, "", i64::MAX, 9).await?;
    let shown: Vec<_> = versions
        .iter()
        .map(|it| (it.version.as_str(), it.marker))
        .collect();
    assert_eq!(shown, [("m", true), ("v1", false), ("v1", false)]);
    assert_eq!(delete(catalogue, "k", "m").await?, [""; 0]);
    assert_eq!(catalogue.list_objects(BUCKET, "", 9).await?.len(), 2);
    Ok(())
}

/// Versions are listed by key, and of a key the newest first; a listing continues within a key by the row.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn versions_are_listed_newest_first(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for (name, versions) in [
        ("l", &["v1", "v2"][..]),
        ("k", &["v1", "v2", "v3"]),
        ("l", &["v0"]),
    ] {
        put_all(catalogue, &account, name, versions).await?;
    }
    let all = catalogue.list_versions(BUCKET, "", i64::MAX, 99).await?;
    let shown: Vec<_> = all
        .iter()
        .map(|it| format!("{}-{}", it.key, it.version))
        .collect();
    assert_eq!(shown, ["k-v3", "k-v2", "k-v1", "l-v0", "l-v2", "l-v1"]);
    for (skipped, from) in all.iter().enumerate() {
        for limit in [1, 2, 99] {
            let page = catalogue
                .list_versions(BUCKET, &from.key, from.id, limit)
                .await?;
            let wanted: Vec<_> = all[skipped..].iter().take(limit).cloned().collect();
            assert_eq!(page, wanted);
        }
    }
    Ok(())
}
