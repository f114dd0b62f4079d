//! Multipart uploads.

use super::tools::{
    BUCKET, Outcome, Refusal, add_account, begin, change_key, change_upload, garbage, known,
    new_upload, new_version, part, put_part, segment, sorted, state, upload_ref, uploaded,
    with_bucket,
};
use crate::{
    Acl, Catalogue, ChecksumAlgorithm, Content, Identity, Initiator, KeyChange, NULL_VERSION,
    NewUpload, NewVersion, ObjectHeaders, Owner, Part, PartsChecksum, Segment, Tags, TagsAndLock,
    UploadChange,
};

/// An upload is as it was begun, and takes parts, of which a later one takes the place of one with its number.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_upload_takes_parts(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let new = NewUpload {
        acl: Acl::default(),
        headers: ObjectHeaders {
            content_encoding: Some("gzip".to_owned()),
            ..ObjectHeaders::default()
        },
        tags_and_lock: TagsAndLock {
            tags: Tags::from([("a".to_owned(), "b".to_owned())]),
            ..TagsAndLock::default()
        },
        checksum: PartsChecksum::new(ChecksumAlgorithm::Crc32c, Some(true)),
        ..new_upload(&account)
    };
    let create = new.clone();
    let begun = catalogue.change_upload(upload_ref("k", "u"), move |state| {
        assert_eq!(state.upload, None);
        let change = UploadChange {
            create: Some(create.clone()),
            ..UploadChange::default()
        };
        Ok::<_, Refusal>((change, state.now))
    });
    let now = begun.await?.result;
    let (found, parts) = catalogue.upload(upload_ref("k", "u"), 0, 9).await?;
    assert_eq!(parts, []);
    assert_eq!(found.bucket, catalogue.bucket(BUCKET).await?);
    let upload = found.upload.expect("the upload");
    assert_eq!(
        (
            upload.id.as_str(),
            upload.bucket.as_str(),
            upload.key.as_str()
        ),
        ("u", BUCKET, "k")
    );
    assert_eq!((&upload.account, upload.started), (&new.account, now));
    assert_eq!((&upload.acl, &upload.headers), (&new.acl, &new.headers));
    assert_eq!(
        (&upload.tags_and_lock, upload.checksum),
        (&new.tags_and_lock, new.checksum)
    );
    let owner = Owner {
        id: account.canonical_id,
        name: account.name,
    };
    assert_eq!(upload.owner, owner);

    let checked = Part {
        segment: Segment {
            checksum: Some("AAAA".to_owned()),
            size: 6 << 20,
            ..segment("p3")
        },
        ..part(3, "p3")
    };
    for part in [part(10_000, "last"), checked.clone(), part(1, "p1")] {
        assert_eq!(
            put_part(catalogue, upload_ref("k", "u"), part).await?,
            [""; 0]
        );
    }
    let given_up = put_part(catalogue, upload_ref("k", "u"), part(1, "p1 again")).await?;
    assert_eq!(given_up, ["p1"]);
    // The part that is there already is sent once more by a client that has lost the answer.
    assert_eq!(
        put_part(catalogue, upload_ref("k", "u"), part(1, "p1 again")).await?,
        [""; 0]
    );
    let all = [part(1, "p1 again"), checked, part(10_000, "last")];
    for (after, limit, wanted) in [
        (0, 9, &all[..]),
        (0, 1, &all[..1]),
        (1, 9, &all[1..]),
        (2, 1, &all[1..2]),
        (10_000, 9, &[]),
    ] {
        let (_, parts) = catalogue.upload(upload_ref("k", "u"), after, limit).await?;
        assert_eq!(parts, wanted, "behind {after}");
    }
    let (seen, parts) = state(catalogue, uploaded("k", "u"))
        .await?
        .upload
        .expect("the upload");
    assert_eq!((seen, parts.as_slice()), (upload, &all[..]));
    Ok(())
}

/// An upload knows the user who began it, also in a listing, or that nobody has signed for it.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_upload_knows_its_initiator(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let other = add_account(catalogue, 2).await?;
    let found = catalogue.identity("AKI-user-2").await?;
    let (user, _) = found.expect("the user was added");
    for (id, initiator) in [("u", Some(user.user_id)), ("v", None)] {
        let change = UploadChange {
            create: Some(NewUpload {
                initiator,
                ..new_upload(&account)
            }),
            ..UploadChange::default()
        };
        change_upload(catalogue, upload_ref("k", id), change).await?;
    }
    let begun = Initiator {
        user_id: user.user_id,
        account: Owner {
            id: other.canonical_id,
            name: other.name,
        },
    };
    let (by_user, _) = catalogue.upload(upload_ref("k", "u"), 0, 1).await?;
    let by_user = by_user.upload.expect("the upload");
    assert_eq!(by_user.initiator.as_ref(), Some(&begun));
    assert_eq!(by_user.owner.id, account.canonical_id);
    let caller = Identity::User(user);
    assert!(by_user.is_begun_by(&caller) && !by_user.is_begun_by(&Identity::Anonymous));
    let (by_nobody, _) = catalogue.upload(upload_ref("k", "v"), 0, 1).await?;
    let by_nobody = by_nobody.upload.expect("the upload");
    assert_eq!(by_nobody.initiator, None);
    assert!(!by_nobody.is_begun_by(&caller) && !by_nobody.is_begun_by(&Identity::Anonymous));
    let none = (String::new(), String::new());
    let listed = catalogue.list_uploads(BUCKET, none, 9).await?;
    let listed = listed.into_iter().map(|upload| upload.initiator);
    assert_eq!(listed.collect::<Vec<_>>(), [Some(begun), None]);
    Ok(())
}

/// A decision about a key sees no upload to another key; one about the upload sees it anyway.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_upload_belongs_to_its_key(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    begin(catalogue, &account, "k", "u").await?;
    assert_eq!(state(catalogue, uploaded("l", "u")).await?.upload, None);
    let (found, _) = catalogue.upload(upload_ref("l", "u"), 0, 9).await?;
    assert_eq!(found.upload.expect("whatever its key").key, "k");
    let (found, _) = catalogue.upload(upload_ref("k", "v"), 0, 9).await?;
    assert_eq!(found.upload, None);
    Ok(())
}

/// An upload that is aborted is gone, and the blobs of its parts are garbage.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_aborted_upload_gives_its_parts_up(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for id in ["u", "v"] {
        begin(catalogue, &account, "k", id).await?;
        for number in [1, 2] {
            put_part(
                catalogue,
                upload_ref("k", id),
                part(number, &format!("{id}{number}")),
            )
            .await?;
        }
    }
    let abort = UploadChange {
        abort: true,
        ..UploadChange::default()
    };
    let given_up = change_upload(catalogue, upload_ref("k", "u"), abort).await?;
    assert_eq!(sorted(given_up), ["u1", "u2"]);
    assert_eq!(garbage(catalogue).await?, ["u1", "u2"]);
    let (found, parts) = catalogue.upload(upload_ref("k", "u"), 0, 9).await?;
    assert_eq!((found.upload, parts), (None, vec![]));
    assert_eq!(known(catalogue).await?, ["v1", "v2"]);
    Ok(())
}

/// An upload that is completed is a version with the blobs that it has taken over; those of other parts are garbage.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_completed_upload_becomes_a_version(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    begin(catalogue, &account, "k", "u").await?;
    for number in 1..=4 {
        put_part(
            catalogue,
            upload_ref("k", "u"),
            part(number, &format!("p{number}")),
        )
        .await?;
    }
    let new = NewVersion {
        content: Content::Blobs(vec![segment("p1"), segment("p3")]),
        upload: Some("u".to_owned()),
        etag: "whole-2".to_owned(),
        ..new_version(&account, NULL_VERSION, "")
    };
    let complete = KeyChange {
        insert: Some(new),
        end_upload: Some("u".to_owned()),
        ..KeyChange::default()
    };
    let given_up = change_key(catalogue, uploaded("k", "u"), complete).await?;
    assert_eq!(sorted(given_up), ["p2", "p4"]);
    assert_eq!(garbage(catalogue).await?, ["p2", "p4"]);
    assert_eq!(known(catalogue).await?, ["p1", "p3"]);
    let found = state(catalogue, uploaded("k", "u")).await?;
    assert_eq!(found.upload, None);
    let made = found
        .completed
        .expect("the version that the upload has made");
    assert!(made.is_multipart() && made.current);
    assert_eq!(found.current.as_ref(), Some(&made));
    assert_eq!(state(catalogue, uploaded("k", "v")).await?.completed, None);
    assert_eq!(state(catalogue, uploaded("l", "u")).await?.completed, None);
    let read = catalogue.object(BUCKET, "k", None, true).await?;
    assert_eq!(read.content.segments(), [segment("p1"), segment("p3")]);

    // It is still known when another version has taken its place as the newest.
    let over = super::tools::put(catalogue, "k", new_version(&account, "v2", "v2")).await?;
    assert_eq!(over, [""; 0]);
    let found = state(catalogue, uploaded("k", "u")).await?;
    let completed = found
        .completed
        .expect("the version that the upload has made");
    assert_eq!((completed.id, completed.current), (made.id, false));
    Ok(())
}

/// Uploads are listed by key and id, behind a pair of them.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn uploads_are_listed_by_key_and_id(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for (name, id) in [("b", "3"), ("a", "9"), ("b", "1"), ("a b", "2"), ("B", "4")] {
        begin(catalogue, &account, name, id).await?;
    }
    let all = [("B", "4"), ("a", "9"), ("a b", "2"), ("b", "1"), ("b", "3")];
    for (after, wanted) in [
        (("", ""), &all[..]),
        (("B", "4"), &all[1..]),
        (("a", "8"), &all[1..]),
        (("a", "9"), &all[2..]),
        (("b", "1"), &all[4..]),
        (("b", "2"), &all[4..]),
        (("c", ""), &[]),
    ] {
        for limit in [1, 3, usize::MAX] {
            let after = (after.0.to_owned(), after.1.to_owned());
            let uploads = catalogue.list_uploads(BUCKET, after, limit).await?;
            let pairs = uploads.iter().map(|it| (it.key.as_str(), it.id.as_str()));
            let wanted: Vec<_> = wanted.iter().take(limit).copied().collect();
            assert_eq!(pairs.collect::<Vec<_>>(), wanted);
        }
    }
    Ok(())
}
