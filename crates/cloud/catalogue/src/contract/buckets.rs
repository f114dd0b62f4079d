//! Buckets.

use super::tools::{
    BUCKET, Outcome, Refusal, add_account, begin, bucket, bucket_ref, change_bucket, change_key,
    change_upload, garbage, key, make_bucket, new_marker, new_upload, part, put, put_object,
    put_part, sorted, state, upload_ref, with_bucket,
};
use crate::{
    Acl, BucketChange, BucketRef, BucketSettings, BucketState, Catalogue, CorsRule, Grantee,
    KeyChange, LockMode, LockPeriod, NULL_VERSION, NewBucket, ObjectLock, Owner, Permission,
    PublicAccess, Tags, UploadChange, UploadRef, Versioning,
};

fn settings() -> BucketSettings {
    BucketSettings {
        versioning: Versioning::Suspended,
        location: Some("eu".to_owned()),
        tags: Some(Tags::from([("Käse".to_owned(), "\"'\\".to_owned())])),
        cors: vec![CorsRule {
            id: Some("1".to_owned()),
            origins: vec!["*".to_owned()],
            max_age: Some(-1),
            ..CorsRule::default()
        }],
        lock: Some(ObjectLock {
            default: Some((LockMode::Compliance, LockPeriod::Years(3))),
        }),
        public_access: Some(PublicAccess {
            ignore_acls: true,
            ..PublicAccess::default()
        }),
    }
}

async fn look(catalogue: &Catalogue, at: BucketRef) -> Result<BucketState, Refusal> {
    Ok(catalogue
        .change_bucket(at, |state| {
            Ok::<_, Refusal>((BucketChange::default(), state.clone()))
        })
        .await?
        .result)
}

/// A bucket is as it was made, changes one thing at a time, and goes.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_bucket_is_made_changed_and_deleted(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let nothing = look(catalogue, bucket_ref(BUCKET)).await?;
    assert_eq!(
        (nothing.bucket, nothing.owned, nothing.has_objects),
        (None, 0, false)
    );
    let new = NewBucket {
        account: account.number.to_string(),
        acl: Acl::private(&account.canonical_id).and(Grantee::AllUsers, Permission::Read),
        settings: settings(),
    };
    let create = new.clone();
    let made = catalogue.change_bucket(bucket_ref(BUCKET), move |state| {
        let change = BucketChange {
            create: Some(create.clone()),
            ..BucketChange::default()
        };
        Ok::<_, Refusal>((change, state.now))
    });
    let now = made.await?.result;
    assert!(now > 0, "the unit knows the time");

    let found = bucket(catalogue, BUCKET).await?;
    assert_eq!((found.name.as_str(), found.created), (BUCKET, now));
    assert_eq!(
        (&found.account, &found.acl, &found.settings),
        (&new.account, &new.acl, &new.settings)
    );
    let owner = Owner {
        id: account.canonical_id.clone(),
        name: account.name.clone(),
    };
    assert_eq!(found.owner, owner);
    assert_eq!(
        look(catalogue, bucket_ref(BUCKET)).await?.bucket,
        Some(found.clone())
    );
    assert_eq!(
        state(catalogue, key("k")).await?.bucket,
        Some(found.clone())
    );

    let acl = Acl::default();
    let change = BucketChange {
        acl: Some(acl.clone()),
        ..BucketChange::default()
    };
    change_bucket(catalogue, BUCKET, change).await?;
    let changed = bucket(catalogue, BUCKET).await?;
    assert_eq!((changed.acl, changed.settings), (acl, settings()));
    let change = BucketChange {
        settings: Some(BucketSettings::default()),
        ..BucketChange::default()
    };
    change_bucket(catalogue, BUCKET, change).await?;
    let changed = bucket(catalogue, BUCKET).await?;
    assert_eq!(changed.settings, BucketSettings::default());
    assert_eq!((changed.acl, changed.created), (Acl::default(), now));

    assert_eq!(catalogue.bucket("Nursery").await?, None, "case counts");
    let delete = BucketChange {
        delete: true,
        ..BucketChange::default()
    };
    assert_eq!(change_bucket(catalogue, BUCKET, delete).await?, [""; 0]);
    assert_eq!(catalogue.bucket(BUCKET).await?, None);
    make_bucket(catalogue, BUCKET, &account).await?;
    Ok(())
}

/// Buckets of an account are counted, and listed by the bytes of their names.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn buckets_are_counted_and_listed(catalogue: &Catalogue) -> Outcome {
    let (one, two) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    for name in ["b.c", "b-c", "b", "B", "b_"] {
        make_bucket(catalogue, name, &one).await?;
    }
    make_bucket(catalogue, "a", &two).await?;
    for (account, names) in [(&one, &["B", "b", "b-c", "b.c", "b_"][..]), (&two, &["a"])] {
        let number = account.number.to_string();
        let buckets = catalogue.buckets(&number).await?;
        assert!(buckets.iter().all(|bucket| bucket.account == number));
        let listed: Vec<_> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        assert_eq!(listed, names);
        let at = BucketRef {
            name: "new".to_owned(),
            count_of: Some(number),
        };
        assert_eq!(look(catalogue, at).await?.owned as usize, names.len());
    }
    assert_eq!(catalogue.buckets("000000000003").await?, []);
    Ok(())
}

/// A bucket knows whether a version is in it, be it a delete marker.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_bucket_knows_its_objects(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    make_bucket(catalogue, "other", &account).await?;
    assert!(!look(catalogue, bucket_ref(BUCKET)).await?.has_objects);
    put(catalogue, "k", new_marker(&account, NULL_VERSION)).await?;
    assert!(look(catalogue, bucket_ref(BUCKET)).await?.has_objects);
    assert!(!look(catalogue, bucket_ref("other")).await?.has_objects);
    let row = state(catalogue, key("k"))
        .await?
        .current
        .expect("the marker")
        .id;
    let delete = KeyChange {
        delete: vec![row],
        ..KeyChange::default()
    };
    change_key(catalogue, key("k"), delete).await?;
    assert!(!look(catalogue, bucket_ref(BUCKET)).await?.has_objects);
    Ok(())
}

/// Uploads to a bucket go with it, and their blobs become garbage; uploads to others are kept.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn uploads_go_with_their_bucket(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    make_bucket(catalogue, "other", &account).await?;
    for (name, id) in [("k", "u1"), ("l", "u2")] {
        begin(catalogue, &account, name, id).await?;
        for number in [1, 2] {
            let part = part(number, &format!("{id}-{number}"));
            put_part(catalogue, upload_ref(name, id), part).await?;
        }
    }
    let elsewhere = UploadRef {
        bucket: "other".to_owned(),
        ..upload_ref("k", "u3")
    };
    let create = UploadChange {
        create: Some(new_upload(&account)),
        put_part: Some(part(1, "stays")),
        abort: false,
    };
    change_upload(catalogue, elsewhere, create).await?;
    let delete = BucketChange {
        delete: true,
        ..BucketChange::default()
    };
    let given_up = change_bucket(catalogue, BUCKET, delete).await?;
    let blobs = ["u1-1", "u1-2", "u2-1", "u2-2"];
    assert_eq!(sorted(given_up), blobs);
    assert_eq!(garbage(catalogue).await?, blobs);
    assert_eq!(
        catalogue
            .list_uploads("other", Default::default(), 9)
            .await?
            .len(),
        1
    );
    make_bucket(catalogue, BUCKET, &account).await?;
    assert_eq!(
        catalogue
            .list_uploads(BUCKET, Default::default(), 9)
            .await?,
        []
    );
    put_object(catalogue, &account, "k").await?;
    Ok(())
}
