//! Keys and what is on them.

use super::tools::{
    BUCKET, Outcome, Refusal, add_account, bucket_ref, change_key, garbage, key, new_version, put,
    put_object, segment, sorted, state, upload_ref, versioned, with_bucket,
};
use crate::{
    AccountsChange, Acl, BucketChange, Catalogue, Content, FoundObject, Grantee, ImageChange,
    ImageRef, KeyChange, KeyRef, KeyState, LockMode, NULL_VERSION, NewVersion, ObjectHeaders,
    Owner, Permission, Retention, Segment, Tags, TagsAndLock, UploadChange,
};

/// Keys that a database might mix up or put into another order, in the order of their bytes.
const ODD_KEYS: [&str; 22] = [
    "\u{1}",
    "\t",
    " ",
    " a",
    "%",
    "'",
    "*",
    "/",
    "A",
    "[a]",
    "\\",
    "_",
    "a",
    "a ",
    "a/",
    "a/b",
    "aa",
    "e\u{301}",
    "\u{7f}",
    "\u{e9}",
    "\u{ffff}",
    "\u{10ffff}",
];

fn tags_and_lock() -> TagsAndLock {
    TagsAndLock {
        tags: Tags::from([("colour".to_owned(), "grün".to_owned())]),
        retention: Some(Retention {
            mode: LockMode::Governance,
            until: 1_900_000_000_000,
        }),
        legal_hold: Some(false),
    }
}

/// What is not there is `None`, whether bucket, key, version or upload.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn what_is_absent_is_none(catalogue: &Catalogue) -> Outcome {
    let at = KeyRef {
        version: Some("v".to_owned()),
        upload: Some("u".to_owned()),
        ..key("k")
    };
    let nothing = state(catalogue, at.clone()).await?;
    let now = nothing.now;
    let empty = KeyState {
        now,
        ..KeyState::default()
    };
    assert_eq!(nothing, empty);
    assert_eq!(
        catalogue.object(BUCKET, "k", None, true).await?,
        FoundObject::default()
    );
    let account = with_bucket(catalogue).await?;
    let bucket = catalogue.bucket(BUCKET).await?;
    for other in [false, true] {
        let found = state(catalogue, at.clone()).await?;
        assert_eq!((&found.bucket, &found.current), (&bucket, &None));
        assert_eq!(
            (found.named, found.upload, found.completed),
            (None, None, None)
        );
        assert!(found.now >= now, "time continues");
        let found = catalogue.object(BUCKET, "k", Some("v"), true).await?;
        assert_eq!(
            (&found.bucket, found.object, found.content),
            (&bucket, None, Content::default())
        );
        if !other {
            put_object(catalogue, &account, "other").await?;
        }
    }
    assert_eq!(catalogue.list_objects("elsewhere", "", 9).await?, []);
    assert_eq!(
        catalogue
            .list_versions("elsewhere", "", i64::MAX, 9)
            .await?,
        []
    );
    assert_eq!(
        catalogue
            .list_uploads(BUCKET, Default::default(), 9)
            .await?,
        []
    );
    Ok(())
}

/// A version is as it was put, for decisions, readers and listings.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_version_is_as_it_was_put(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let new = NewVersion {
        version: "v1".to_owned(),
        acl: Acl::private("owner-9").and(Grantee::AuthenticatedUsers, Permission::Read),
        headers: ObjectHeaders {
            content_type: Some("text/plain; charset=\"utf-8\"".to_owned()),
            expires: Some(-1),
            metadata: [("name".to_owned(), "Wert\n".to_owned())].into(),
            checksums: [("crc32".to_owned(), "AAAAAA==".to_owned())].into(),
            ..ObjectHeaders::default()
        },
        tags_and_lock: tags_and_lock(),
        etag: "e-2".to_owned(),
        modified: 1_275_603_357_552,
        content: Content::Blobs(vec![
            segment("z"),
            Segment {
                size: 5 << 30,
                checksum: Some("BBBBBB==".to_owned()),
                ..segment("a")
            },
        ]),
        ..new_version(&account, "v1", "z")
    };
    assert_eq!(put(catalogue, "k", new.clone()).await?, [""; 0]);

    let found = state(catalogue, versioned("k", "v1")).await?;
    let object = found.current.expect("the version");
    assert_eq!(found.named.as_ref(), Some(&object));
    assert_eq!(
        (object.version.as_str(), object.current, object.marker),
        ("v1", true, false)
    );
    assert_eq!((&object.acl, &object.headers), (&new.acl, &new.headers));
    assert_eq!(
        (&object.tags_and_lock, &object.etag),
        (&new.tags_and_lock, &new.etag)
    );
    assert_eq!(
        (object.size, object.modified),
        ((5 << 30) + 3, new.modified)
    );
    let owner = Owner {
        id: account.canonical_id,
        name: account.name,
    };
    assert_eq!(object.owner, owner);

    for version in [None, Some("v1")] {
        let read = catalogue.object(BUCKET, "k", version, true).await?;
        assert_eq!(read.bucket, found.bucket);
        assert_eq!(read.object.as_ref(), Some(&object));
        assert_eq!(read.content, new.content, "in their order");
        let head = catalogue.object(BUCKET, "k", version, false).await?;
        assert_eq!(
            (head.object.as_ref(), head.content),
            (Some(&object), Content::default())
        );
    }
    assert_eq!(
        catalogue
            .object(BUCKET, "k", Some(NULL_VERSION), true)
            .await?
            .object,
        None
    );
    for listed in [
        catalogue.list_objects(BUCKET, "", 9).await?,
        catalogue.list_versions(BUCKET, "", i64::MAX, 9).await?,
    ] {
        assert_eq!(listed.len(), 1);
        let listed = &listed[0];
        assert_eq!(
            (listed.id, listed.key.as_str(), listed.version.as_str()),
            (object.id, "k", "v1")
        );
        assert_eq!(
            (listed.current, listed.marker, listed.size),
            (true, false, object.size)
        );
        assert_eq!(
            (&listed.owner, &listed.etag, listed.modified),
            (&object.owner, &new.etag, new.modified)
        );
    }
    Ok(())
}

/// ACL, and tags and locks, of a version change one at a time; nothing else of it does.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn rights_tags_and_locks_change(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for version in ["v1", "v2"] {
        put(catalogue, "k", new_version(&account, version, version)).await?;
    }
    let both = state(catalogue, versioned("k", "v1")).await?;
    let (newest, mut object) = (both.current, both.named.expect("the older one"));
    let acl = Acl::default().and(Grantee::AllUsers, Permission::FullControl);
    let change = KeyChange {
        acl: Some((object.id, acl.clone())),
        ..KeyChange::default()
    };
    assert_eq!(
        change_key(catalogue, versioned("k", "v1"), change).await?,
        [""; 0]
    );
    object.acl = acl;
    let found = state(catalogue, versioned("k", "v1")).await?;
    assert_eq!(
        (found.named.as_ref(), &found.current),
        (Some(&object), &newest)
    );
    let change = KeyChange {
        tags_and_lock: Some((object.id, tags_and_lock())),
        ..KeyChange::default()
    };
    change_key(catalogue, versioned("k", "v1"), change).await?;
    object.tags_and_lock = tags_and_lock();
    let found = state(catalogue, versioned("k", "v1")).await?;
    assert_eq!(
        (found.named.as_ref(), &found.current),
        (Some(&object), &newest)
    );
    let read = catalogue.object(BUCKET, "k", Some("v1"), true).await?;
    assert_eq!(
        (read.object, read.content.segments()),
        (Some(object), &[segment("v1")][..])
    );
    Ok(())
}

/// Keys that differ in a byte are different keys.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn keys_are_told_apart(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for name in ODD_KEYS {
        put_object(catalogue, &account, name).await?;
    }
    assert_eq!(
        garbage(catalogue).await?,
        [""; 0],
        "none takes the place of another"
    );
    for name in ODD_KEYS {
        let read = catalogue.object(BUCKET, name, None, true).await?;
        assert_eq!(
            read.content.segments(),
            [segment(&format!("blob-{name}"))],
            "{name:?}"
        );
        let current = state(catalogue, key(name))
            .await?
            .current
            .expect("the object");
        assert_eq!(current.etag, format!("blob-{name}"), "{name:?}");
    }
    assert_eq!(
        catalogue
            .object(BUCKET, "E\u{301}", None, true)
            .await?
            .object,
        None
    );
    Ok(())
}

/// Objects are listed in the order of the bytes of their keys, from a key on, and no more than were asked for.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn objects_are_listed_by_bytes(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for name in ODD_KEYS.iter().rev() {
        put_object(catalogue, &account, name).await?;
    }
    let in_order = sorted(ODD_KEYS.map(str::to_owned).to_vec());
    for (skipped, from) in in_order.iter().enumerate() {
        for limit in [0, 1, 5, usize::MAX] {
            let wanted: Vec<_> = in_order[skipped..].iter().take(limit).collect();
            let objects = catalogue.list_objects(BUCKET, from, limit).await?;
            assert_eq!(objects.iter().map(|it| &it.key).collect::<Vec<_>>(), wanted);
            let versions = catalogue
                .list_versions(BUCKET, from, i64::MAX, limit)
                .await?;
            assert_eq!(
                versions.iter().map(|it| &it.key).collect::<Vec<_>>(),
                wanted
            );
        }
    }
    // A listing continues behind a key with the key and a zero byte.
    let behind = catalogue.list_objects(BUCKET, "a\0", 2).await?;
    assert_eq!(
        behind.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(),
        ["a ", "a/"]
    );
    Ok(())
}

/// Of several keys each is changed as if alone, in their order; who is refused leaves the others alone.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn several_keys_change_each_alone(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for number in 0..230 {
        put_object(catalogue, &account, &format!("{number:03}")).await?;
    }
    // The last two are the first two again.
    let keys: Vec<_> = (0..232)
        .map(|number| key(&format!("{:03}", number % 230)))
        .collect();
    let changed = catalogue.change_keys(keys, |index, state| {
        let Some(object) = &state.current else {
            return Ok((KeyChange::default(), format!("{index} was gone")));
        };
        if index % 7 == 1 {
            return Err(Refusal::Rule);
        }
        let delete = KeyChange {
            delete: vec![object.id],
            ..KeyChange::default()
        };
        Ok((delete, format!("{index} had {}", object.etag)))
    });
    let changed = changed.await?;
    assert_eq!(changed.result.len(), 232);
    let mut stay = Vec::new();
    for (index, result) in changed.result.iter().enumerate() {
        let name = format!("{:03}", index % 230);
        match result {
            Err(error) => {
                assert!(
                    matches!(error, Refusal::Rule) && index % 7 == 1,
                    "{index}: {error}"
                );
                stay.push(name);
            }
            Ok(said) if index == 230 => assert_eq!(said, "230 was gone"),
            Ok(said) => assert_eq!(*said, format!("{index} had blob-{name}")),
        }
    }
    stay.retain(|name| name != "001");
    let listed = catalogue.list_objects(BUCKET, "", usize::MAX).await?;
    assert_eq!(
        listed.into_iter().map(|it| it.key).collect::<Vec<_>>(),
        stay
    );
    assert_eq!(changed.garbage.len(), 230 - stay.len());
    assert_eq!(sorted(changed.garbage), garbage(catalogue).await?);
    let none = catalogue.change_keys(Vec::new(), |_, _| {
        Ok::<_, Refusal>((KeyChange::default(), ()))
    });
    assert_eq!(none.await?.result.len(), 0);
    Ok(())
}

/// A decision that refuses changes nothing, whatever it is about, and its refusal comes back.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_refusal_changes_nothing(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    add_account(catalogue, 2).await?;
    put_object(catalogue, &account, "k").await?;
    let before = state(catalogue, key("k")).await?;
    let refusals = [
        catalogue
            .change_key(key("k"), |_| Err::<(KeyChange, ()), _>(Refusal::Rule))
            .await
            .map(drop),
        catalogue
            .change_bucket(bucket_ref(BUCKET), |_| {
                Err::<(BucketChange, ()), _>(Refusal::Rule)
            })
            .await
            .map(drop),
        catalogue
            .change_upload(upload_ref("k", "u"), |_| {
                Err::<(UploadChange, ()), _>(Refusal::Rule)
            })
            .await
            .map(drop),
        catalogue
            .change_images(ImageRef::default(), |_| {
                Err::<(ImageChange, ()), _>(Refusal::Rule)
            })
            .await,
        catalogue
            .change_accounts(|_| Err::<(AccountsChange, ()), _>(Refusal::Rule))
            .await,
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Refusal::Rule)), "{refusal:?}");
    }
    let after = state(catalogue, key("k")).await?;
    assert_eq!(
        (after.bucket, after.current),
        (before.bucket, before.current)
    );
    assert_eq!(garbage(catalogue).await?, [""; 0]);
    Ok(())
}
