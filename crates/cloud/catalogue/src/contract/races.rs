//! Two clients at once: whichever comes first, exactly one outcome is right.

use std::future::Future;

use futures::future::join;

use super::images::{image, register};
use super::tools::{
    BUCKET, Given, Outcome, ROUNDS, Refusal, account, add_account, begin, bucket, bucket_ref,
    change_key, garbage, key, make_bucket, new_version, part, put, put_object, put_part, segment,
    sorted, state, upload_ref, uploaded, user, with_bucket,
};
use crate::{
    Account, AccountsChange, Acl, BucketChange, BucketRef, BucketSettings, Catalogue,
    CatalogueError, Conflict, Content, KeyChange, KeyRef, NULL_VERSION, NewBucket, NewVersion,
    PublicAccess, Tags, TagsAndLock, UploadChange, Versioning,
};

/// Runs two clients at once, of which now the one, now the other starts first.
pub(super) async fn at_once<A, B>(
    round: usize,
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> (A, B) {
    if round.is_multiple_of(2) {
        return join(one, other).await;
    }
    let (other, one) = join(other, one).await;
    (one, other)
}

/// Whether the client was not refused; an error of the catalogue is none of the outcomes.
pub(super) fn won<T>(outcome: Given<T>) -> Given<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(Refusal::Rule) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Completes an upload with all its parts, if it is there.
async fn complete(catalogue: &Catalogue, account: &Account, name: &str, id: &str) -> Given<()> {
    let new = new_version(account, NULL_VERSION, id);
    let changed = catalogue.change_key(uploaded(name, id), move |state| {
        let (upload, parts) = state.upload.as_ref().ok_or(Refusal::Rule)?;
        let insert = NewVersion {
            content: Content::Blobs(parts.iter().map(|part| part.segment.clone()).collect()),
            upload: Some(upload.id.clone()),
            ..new.clone()
        };
        let change = KeyChange {
            delete: state.named.iter().map(|named| named.id).collect(),
            insert: Some(insert),
            end_upload: Some(upload.id.clone()),
            ..KeyChange::default()
        };
        Ok((change, ()))
    });
    changed.await.map(drop)
}

/// Changes an upload, if it is there.
async fn if_there(catalogue: &Catalogue, name: &str, id: &str, change: UploadChange) -> Given<()> {
    let changed = catalogue.change_upload(upload_ref(name, id), move |state| {
        let upload = state.upload.as_ref().ok_or(Refusal::Rule)?;
        assert_eq!(upload.bucket, BUCKET);
        Ok((change.clone(), ()))
    });
    changed.await.map(drop)
}

/// A part is sent again while its upload is completed: the object names no blob that was given up.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_part_that_an_object_has_stays(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for round in 0..ROUNDS {
        let name = format!("k{round}");
        let blobs = [format!("{round}-first"), format!("{round}-again")];
        begin(catalogue, &account, &name, &name).await?;
        put_part(catalogue, upload_ref(&name, &name), part(1, &blobs[0])).await?;
        let again = UploadChange {
            put_part: Some(part(1, &blobs[1])),
            ..UploadChange::default()
        };
        let (completed, again) = at_once(
            round,
            complete(catalogue, &account, &name, &name),
            if_there(catalogue, &name, &name, again),
        )
        .await;
        completed?;
        let came_before = won(again)?;
        let read = catalogue.object(BUCKET, &name, None, true).await?;
        assert_eq!(
            read.content.segments(),
            [segment(&blobs[usize::from(came_before)])]
        );
        let given_up = garbage(catalogue).await?;
        assert_eq!(given_up.contains(&blobs[0]), came_before, "{given_up:?}");
        assert!(!given_up.contains(&blobs[1]), "{given_up:?}");
    }
    Ok(())
}

/// An upload is completed and aborted: it is one of the two.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_upload_ends_once(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for round in 0..ROUNDS {
        let name = format!("k{round}");
        begin(catalogue, &account, &name, &name).await?;
        put_part(catalogue, upload_ref(&name, &name), part(1, &name)).await?;
        let abort = UploadChange {
            abort: true,
            ..UploadChange::default()
        };
        let (completed, aborted) = at_once(
            round,
            complete(catalogue, &account, &name, &name),
            if_there(catalogue, &name, &name, abort),
        )
        .await;
        let completed = won(completed)?;
        assert_ne!(completed, won(aborted)?);
        let found = state(catalogue, uploaded(&name, &name)).await?;
        assert_eq!((found.upload, found.completed.is_some()), (None, completed));
        assert_eq!(garbage(catalogue).await?.contains(&name), !completed);
    }
    Ok(())
}

/// Changes tags and locks of the newest version, if there is one.
async fn change_lock(
    catalogue: &Catalogue,
    name: &str,
    change: impl Fn(&mut TagsAndLock) + Send + 'static,
) -> Given<()> {
    let changed = catalogue.change_key(key(name), move |state| {
        let object = state.current.as_ref().ok_or(Refusal::Rule)?;
        let mut new = object.tags_and_lock.clone();
        change(&mut new);
        let change = KeyChange {
            tags_and_lock: Some((object.id, new)),
            ..KeyChange::default()
        };
        Ok((change, ()))
    });
    changed.await.map(drop)
}

fn hold(lock: &mut TagsAndLock) {
    lock.legal_hold = Some(true);
}

/// A version is deleted and gets a legal hold: it is there and held, or the hold comes too late.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_hold_keeps_a_version_or_comes_too_late(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for round in 0..ROUNDS {
        let name = format!("k{round}");
        put_object(catalogue, &account, &name).await?;
        let delete = catalogue.change_key(key(&name), |state| {
            let object = state.current.as_ref().ok_or(Refusal::Rule)?;
            if object.tags_and_lock.legal_hold == Some(true) {
                return Err(Refusal::Rule);
            }
            let delete = KeyChange {
                delete: vec![object.id],
                ..KeyChange::default()
            };
            Ok((delete, ()))
        });
        let (deleted, held) = at_once(round, delete, change_lock(catalogue, &name, hold)).await;
        let held = won(held)?;
        assert_ne!(won(deleted)?, held);
        let found = state(catalogue, key(&name)).await?.current;
        assert_eq!(found.is_some(), held);
        assert!(found.is_none_or(|it| it.tags_and_lock.legal_hold == Some(true)));
    }
    Ok(())
}

/// A legal hold and tags are set at once: both are kept.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn tags_and_hold_of_two_both_stay(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
    for round in 0..ROUNDS {
        let name = format!("k{round}");
        put_object(catalogue, &account, &name).await?;
        let new = tags.clone();
        let (held, tagged) = at_once(
            round,
            change_lock(catalogue, &name, hold),
            change_lock(catalogue, &name, move |lock: &mut TagsAndLock| {
                lock.tags = new.clone();
            }),
        )
        .await;
        held.and(tagged)?;
        let found = state(catalogue, key(&name))
            .await?
            .current
            .expect("the object");
        assert_eq!(found.tags_and_lock.legal_hold, Some(true));
        assert_eq!(found.tags_and_lock.tags, tags);
    }
    Ok(())
}

/// Changes what is set for a bucket.
async fn change_settings(
    catalogue: &Catalogue,
    name: &str,
    change: impl Fn(&mut BucketSettings) + Send + 'static,
) -> Given<()> {
    let changed = catalogue.change_bucket(bucket_ref(name), move |state| {
        let mut settings = state.bucket.as_ref().ok_or(Refusal::Rule)?.settings.clone();
        change(&mut settings);
        let change = BucketChange {
            settings: Some(settings),
            ..BucketChange::default()
        };
        Ok((change, ()))
    });
    changed.await.map(drop)
}

/// Two things are set for a bucket at once: both are kept.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn settings_of_two_both_stay(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    for round in 0..ROUNDS {
        let name = format!("b{round}");
        make_bucket(catalogue, &name, &account).await?;
        let (versioning, access) = at_once(
            round,
            change_settings(catalogue, &name, |it| it.versioning = Versioning::Enabled),
            change_settings(catalogue, &name, |it| {
                it.public_access = Some(PublicAccess::default());
            }),
        )
        .await;
        versioning.and(access)?;
        let settings = bucket(catalogue, &name).await?.settings;
        assert_eq!(settings.versioning, Versioning::Enabled);
        assert_eq!(settings.public_access, Some(PublicAccess::default()));
    }
    Ok(())
}

/// Puts an object where the newest version has this `ETag`; `None` for a key that has none.
async fn put_if(
    catalogue: &Catalogue,
    account: &Account,
    name: &str,
    (expected, blob): (Option<&str>, &str),
) -> Given<()> {
    let new = new_version(account, NULL_VERSION, blob);
    let expected = expected.map(str::to_owned);
    let changed = catalogue.change_key(key(name), move |state| {
        let found = state.current.as_ref().map(|current| &current.etag);
        if found != expected.as_ref() {
            return Err(Refusal::Rule);
        }
        let change = KeyChange {
            delete: state.named.iter().map(|named| named.id).collect(),
            insert: Some(new.clone()),
            ..KeyChange::default()
        };
        Ok((change, ()))
    });
    changed.await.map(drop)
}

/// Two put an object where there is none (`If-None-Match: *`): one wins.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn if_none_match_by_two(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for round in 0..ROUNDS {
        let name = format!("k{round}");
        let blobs = [format!("{round}-a"), format!("{round}-b")];
        let (a, b) = at_once(
            round,
            put_if(catalogue, &account, &name, (None, &blobs[0])),
            put_if(catalogue, &account, &name, (None, &blobs[1])),
        )
        .await;
        let (a, b) = (won(a)?, won(b)?);
        assert_ne!(a, b, "exactly one wins");
        let read = catalogue.object(BUCKET, &name, None, true).await?;
        assert_eq!(read.content.segments(), [segment(&blobs[usize::from(b)])]);
    }
    assert_eq!(garbage(catalogue).await?, [""; 0], "who loses has no row");
    Ok(())
}

/// Two put an object over the one that they know (`If-Match`): one wins, and the key has one newest version.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn if_match_by_two(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    put(catalogue, "k", new_version(&account, NULL_VERSION, "first")).await?;
    let mut last = state(catalogue, key("k"))
        .await?
        .current
        .expect("the object");
    for round in 0..ROUNDS {
        let blobs = [format!("{round}-a"), format!("{round}-b")];
        let (a, b) = at_once(
            round,
            put_if(catalogue, &account, "k", (Some(&last.etag), &blobs[0])),
            put_if(catalogue, &account, "k", (Some(&last.etag), &blobs[1])),
        )
        .await;
        let (a, b) = (won(a)?, won(b)?);
        assert_ne!(a, b, "exactly one wins");
        let found = state(catalogue, key("k"))
            .await?
            .current
            .expect("the object");
        assert_eq!(found.etag, blobs[usize::from(b)]);
        let versions = catalogue.list_versions(BUCKET, "", i64::MAX, 9).await?;
        assert_eq!(versions.len(), 1);
        assert!(versions[0].current);
        last = found;
    }
    assert_eq!(garbage(catalogue).await?.len(), ROUNDS);
    Ok(())
}

/// Two make the last bucket that an account may have: one is made.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_limit_of_buckets_is_kept(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    for round in 0..ROUNDS {
        let make = |name: String| {
            let at = BucketRef {
                name,
                count_of: Some(account.number.to_string()),
            };
            let create = NewBucket {
                account: account.number.to_string(),
                acl: Acl::default(),
                settings: BucketSettings::default(),
            };
            catalogue.change_bucket(at, move |state| {
                if state.owned as usize > round {
                    return Err(Refusal::Rule);
                }
                let change = BucketChange {
                    create: Some(create.clone()),
                    ..BucketChange::default()
                };
                Ok((change, ()))
            })
        };
        let (a, b) = at_once(round, make(format!("a{round}")), make(format!("b{round}"))).await;
        assert_ne!(won(a)?, won(b)?, "exactly one is made");
        let buckets = catalogue.buckets(account.number.as_str()).await?;
        assert_eq!(buckets.len(), round + 1);
    }
    Ok(())
}

/// A bucket is deleted while an object is put into it: one of the two is refused.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_bucket_goes_or_gets_an_object(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for round in 0..ROUNDS {
        let delete = catalogue.change_bucket(bucket_ref(BUCKET), |state| {
            if state.has_objects {
                return Err(Refusal::Rule);
            }
            let delete = BucketChange {
                delete: true,
                ..BucketChange::default()
            };
            Ok((delete, ()))
        });
        let new = new_version(&account, NULL_VERSION, &format!("{round}"));
        let put = catalogue.change_key(key("k"), move |state| {
            state.bucket.as_ref().ok_or(Refusal::Rule)?;
            let insert = KeyChange {
                insert: Some(new.clone()),
                ..KeyChange::default()
            };
            Ok((insert, ()))
        });
        let (deleted, put) = at_once(round, delete, put).await;
        let deleted = won(deleted)?;
        assert_ne!(deleted, won(put)?);
        let found = state(catalogue, key("k")).await?;
        assert_eq!(
            (found.bucket.is_none(), found.current.is_none()),
            (deleted, deleted)
        );
        if deleted {
            make_bucket(catalogue, BUCKET, &account).await?;
        } else {
            let delete = KeyChange {
                delete: found.current.iter().map(|it| it.id).collect(),
                ..KeyChange::default()
            };
            change_key(catalogue, key("k"), delete).await?;
        }
    }
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}

/// Which of two registrations were in conflict.
fn conflicts(outcomes: [Given<()>; 2]) -> Given<Vec<Conflict>> {
    let mut conflicts = Vec::new();
    for outcome in outcomes {
        match outcome {
            Err(Refusal::Catalogue(CatalogueError::Conflict(conflict))) => conflicts.push(conflict),
            other => other?,
        }
    }
    Ok(conflicts)
}

/// Two images are registered with one id: one is stored, and the other is refused.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn image_ids_by_two(catalogue: &Catalogue) -> Outcome {
    let (one, two) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    for round in 0..ROUNDS {
        let id = format!("emi-{round:08}");
        let (a, b) = at_once(
            round,
            register(catalogue, image(&one, &id, None)),
            register(catalogue, image(&two, &id, None)),
        )
        .await;
        assert_eq!(conflicts([a, b])?, [Conflict::ImageId(id)]);
        assert_eq!(catalogue.images(None).await?.len(), round + 1);
    }
    Ok(())
}

/// Two images of an account are registered with one name: one is stored, and the other is refused with its id.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn image_names_by_two(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    for round in 0..ROUNDS {
        let name = format!("name-{round}");
        let (a, b) = at_once(
            round,
            register(
                catalogue,
                image(&account, &format!("emi-{round}a"), Some(&name)),
            ),
            register(
                catalogue,
                image(&account, &format!("emi-{round}b"), Some(&name)),
            ),
        )
        .await;
        let holder = catalogue.image_named(&account.number, &name).await?;
        let id = holder.expect("one of them holds the name");
        assert_eq!(conflicts([a, b])?, [Conflict::ImageName { name, id }]);
        assert_eq!(catalogue.images(None).await?.len(), round + 1);
    }
    Ok(())
}

/// Two make the first account: one is there, and the other finds it.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn the_first_account_by_two(catalogue: &Catalogue) -> Outcome {
    let add = |number: u32| {
        let account = account(number);
        let new = user(&account, &format!("user-{number}"));
        catalogue.change_accounts(move |state| {
            if !state.users.is_empty() {
                return Err(Refusal::Rule);
            }
            let change = AccountsChange {
                add: Some(new.clone()),
                ..AccountsChange::default()
            };
            Ok((change, ()))
        })
    };
    let (one, two) = at_once(0, add(1), add(2)).await;
    assert_ne!(won(one)?, won(two)?, "exactly one is made");
    let state = catalogue.accounts().await?;
    assert_eq!((state.accounts.len(), state.users.len()), (1, 1));
    Ok(())
}

/// Two delete the same keys, each in an order of its own: each key is deleted by one of them, and its blob is given up once.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn many_keys_by_two(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let names: Vec<_> = (0..12).map(|number| format!("k{number}")).collect();
    for round in 0..ROUNDS {
        for name in &names {
            let new = new_version(&account, NULL_VERSION, &format!("{round}-{name}"));
            put(catalogue, name, new).await?;
        }
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        let backwards = keys.iter().rev().cloned().collect();
        let (one, other) = at_once(
            round,
            delete_all(catalogue, keys),
            delete_all(catalogue, backwards),
        )
        .await;
        let ((one, mut given_up), (other, more)) = (one?, other?);
        given_up.extend(more);
        assert_eq!(one + other, names.len(), "each is deleted once");
        let mut expected: Vec<_> = names.iter().map(|name| format!("{round}-{name}")).collect();
        expected.sort_unstable();
        assert_eq!(sorted(given_up), expected);
    }
    assert_eq!(catalogue.list_objects(BUCKET, "", 99).await?, []);
    Ok(())
}

/// Deletes the newest versions of keys, and gives how many there were and the garbage.
async fn delete_all(catalogue: &Catalogue, keys: Vec<KeyRef>) -> Given<(usize, Vec<String>)> {
    let changed = catalogue.change_keys(keys, |_, state| {
        let object = state.current.as_ref().ok_or(Refusal::Rule)?;
        let delete = KeyChange {
            delete: vec![object.id],
            ..KeyChange::default()
        };
        Ok::<_, Refusal>((delete, ()))
    });
    let changed = changed.await?;
    let deleted = changed.result.iter().filter(|it| it.is_ok()).count();
    Ok((deleted, changed.garbage))
}
