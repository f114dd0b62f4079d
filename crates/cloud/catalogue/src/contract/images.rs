//! Images, their launch permissions and tags.

use std::collections::BTreeSet;

use gumnut_types::ImageClass;

use super::tools::{Given, Outcome, Refusal, add_account};
use crate::{
    Account, Catalogue, CatalogueError, Conflict, Image, ImageChange, ImageRef, ImageState,
    LaunchPermissions, ResourceTag, Tag,
};

/// A usable image of an account whose name, if it has one, no other may have.
pub(super) fn image(account: &Account, id: &str, name: Option<&str>) -> Image {
    Image {
        id: id.to_owned(),
        location: "nursery/image.manifest.xml".to_owned(),
        state: ImageState::Available,
        owner: account.number.clone(),
        user: "user".to_owned(),
        account_name: account.name.clone(),
        class: ImageClass::Machine,
        architecture: "x86_64".to_owned(),
        name: name.map(str::to_owned),
        name_is_unique: name.is_some(),
        description: None,
        kernel: None,
        ramdisk: None,
        platform: None,
        root_device: None,
        block_devices: Vec::new(),
        product_codes: Vec::new(),
        ancestry: Vec::new(),
        virtualization: "hvm".to_owned(),
        launch: LaunchPermissions::default(),
        size: 1 << 40,
        bundled_size: 7,
        manifest_sha256: "digest".to_owned(),
        signature: "signature".to_owned(),
        profile: "strict".to_owned(),
        created: 11,
        changed: 12,
        tags: Vec::new(),
    }
}

/// An image with something in every field.
fn full(account: &Account, id: &str) -> Image {
    Image {
        class: ImageClass::Ramdisk,
        description: Some("<\"'\n".to_owned()),
        kernel: Some("eki-11111111".to_owned()),
        ramdisk: Some("eri-11111111".to_owned()),
        platform: Some("windows".to_owned()),
        root_device: Some("/dev/sda1".to_owned()),
        block_devices: vec![
            ("ami".to_owned(), "sda1".to_owned()),
            ("a".to_owned(), "b".to_owned()),
        ],
        product_codes: vec!["z".to_owned(), "a".to_owned()],
        ancestry: vec!["emi-22222222".to_owned()],
        launch: LaunchPermissions {
            public: true,
            accounts: ["000000000002", "user"].map(str::to_owned).into(),
        },
        ..image(account, id, Some("Käse"))
    }
}

pub(super) async fn change(catalogue: &Catalogue, change: ImageChange) -> Given<()> {
    catalogue
        .change_images(ImageRef::default(), move |_| {
            Ok::<_, Refusal>((change.clone(), ()))
        })
        .await
}

pub(super) async fn register(catalogue: &Catalogue, image: Image) -> Given<()> {
    let insert = ImageChange {
        insert: Some(Box::new(image)),
        ..ImageChange::default()
    };
    change(catalogue, insert).await
}

async fn set_state(catalogue: &Catalogue, id: &str, state: ImageState) -> Given<i64> {
    let id = id.to_owned();
    catalogue
        .change_images(ImageRef::default(), move |images| {
            let change = ImageChange {
                state: Some((id.clone(), state)),
                ..ImageChange::default()
            };
            Ok::<_, Refusal>((change, images.now))
        })
        .await
}

/// The image with this id, as a decision sees it; a reader sees the same.
async fn one(catalogue: &Catalogue, id: &str) -> Given<Option<Image>> {
    let at = ImageRef {
        ids: vec![id.to_owned()],
        tags_of: None,
    };
    let mut seen = catalogue
        .change_images(at.clone(), |state| {
            Ok::<_, Refusal>((ImageChange::default(), state.clone()))
        })
        .await?;
    assert_eq!(catalogue.images_by_id(at).await?.images, seen.images);
    assert_eq!(seen.images.len(), 1);
    Ok(seen.images.remove(0))
}

/// What is taken, of a refusal that must be a conflict.
fn conflict(refused: Given<()>) -> Conflict {
    match refused {
        Err(Refusal::Catalogue(CatalogueError::Conflict(conflict))) => conflict,
        other => panic!("no conflict, but {other:?}"),
    }
}

/// An image is as it was registered, and is found by its id in any case.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_image_is_as_it_was_registered(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    assert_eq!(catalogue.images(None).await?, []);
    let images = [
        full(&account, "eri-0000000A"),
        image(&account, "emi-0000000b", None),
    ];
    for image in &images {
        register(catalogue, image.clone()).await?;
    }
    let [first, second] = images;
    for id in ["eri-0000000A", "ERI-0000000a"] {
        assert_eq!(one(catalogue, id).await?.as_ref(), Some(&first), "{id}");
    }
    assert_eq!(
        catalogue.images(None).await?,
        [second.clone(), first.clone()]
    );
    let at = ImageRef {
        ids: ["emi-0000000B", "emi-0", "eri-0000000a", "emi-0000000b"]
            .map(str::to_owned)
            .to_vec(),
        tags_of: None,
    };
    let found = catalogue.images_by_id(at).await?;
    assert_eq!(
        found.images,
        [Some(second.clone()), None, Some(first), Some(second)]
    );
    Ok(())
}

/// State, launch permissions, description and product codes of an image change one at a time.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_image_changes(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let other = image(&account, "emi-2", None);
    register(catalogue, other.clone()).await?;
    let mut expected = full(&account, "emi-1");
    register(catalogue, expected.clone()).await?;
    let id = || "EMI-1".to_owned();
    let launch = LaunchPermissions {
        public: false,
        accounts: ["000000000003", "user"].map(str::to_owned).into(),
    };
    expected.launch = launch.clone();
    let to = ImageChange {
        launch: Some((id(), launch)),
        ..ImageChange::default()
    };
    change(catalogue, to).await?;
    assert_eq!(one(catalogue, "emi-1").await?.as_ref(), Some(&expected));
    expected.description = Some("new".to_owned());
    let to = ImageChange {
        description: Some((id(), "new".to_owned())),
        ..ImageChange::default()
    };
    change(catalogue, to).await?;
    assert_eq!(one(catalogue, "emi-1").await?.as_ref(), Some(&expected));
    expected.product_codes = vec!["b".to_owned()];
    let to = ImageChange {
        product_codes: Some((id(), expected.product_codes.clone())),
        ..ImageChange::default()
    };
    change(catalogue, to).await?;
    assert_eq!(one(catalogue, "emi-1").await?.as_ref(), Some(&expected));
    for state in [
        ImageState::Pending,
        ImageState::Failed,
        ImageState::Deregistered,
    ] {
        expected.changed = set_state(catalogue, "emi-1", state).await?;
        expected.state = state;
        expected.name_is_unique = state == ImageState::Pending;
        assert_eq!(one(catalogue, "emi-1").await?.as_ref(), Some(&expected));
    }
    assert_eq!(one(catalogue, "emi-2").await?, Some(other));
    Ok(())
}

/// An image id is taken once, in any case; who comes second leaves nothing.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_image_id_is_taken_once(catalogue: &Catalogue) -> Outcome {
    let (first, second) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    let kept = full(&first, "emi-a");
    register(catalogue, kept.clone()).await?;
    let taken = register(catalogue, image(&second, "EMI-A", Some("other"))).await;
    assert_eq!(conflict(taken), Conflict::ImageId("EMI-A".to_owned()));
    assert_eq!(catalogue.images(None).await?, [kept]);
    Ok(())
}

/// A unique name is held once by the usable images of an account, until the holder is usable no more.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_image_name_is_held_once(catalogue: &Catalogue) -> Outcome {
    let (first, second) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    register(catalogue, image(&first, "emi-1", Some("name"))).await?;
    register(catalogue, image(&second, "emi-2", Some("name"))).await?;
    register(catalogue, image(&first, "emi-3", Some("Name"))).await?;
    let unchecked = Image {
        name_is_unique: false,
        ..image(&first, "emi-4", Some("name"))
    };
    register(catalogue, unchecked).await?;
    let failed = Image {
        state: ImageState::Failed,
        ..image(&first, "emi-5", Some("name"))
    };
    register(catalogue, failed).await?;
    assert!(
        !one(catalogue, "emi-5")
            .await?
            .expect("the image")
            .name_is_unique
    );

    let taken = || Conflict::ImageName {
        name: "name".to_owned(),
        id: "emi-1".to_owned(),
    };
    let again = || register(catalogue, image(&first, "emi-6", Some("name")));
    assert_eq!(conflict(again().await), taken());
    set_state(catalogue, "emi-1", ImageState::Pending).await?;
    assert_eq!(conflict(again().await), taken());
    assert_eq!(one(catalogue, "emi-6").await?, None);
    // A name that was not checked is found, too, but holds nothing.
    for (id, next) in [("emi-1", Some("emi-4")), ("emi-4", None)] {
        let found = catalogue.image_named(&first.number, "name").await?;
        assert_eq!(found.as_deref(), Some(id));
        set_state(catalogue, id, ImageState::Deregistered).await?;
        let found = catalogue.image_named(&first.number, "name").await?;
        assert_eq!(found.as_deref(), next);
    }
    again().await?;
    assert_eq!(
        catalogue
            .image_named(&first.number, "name")
            .await?
            .as_deref(),
        Some("emi-6")
    );
    assert_eq!(
        catalogue
            .image_named(&second.number, "name")
            .await?
            .as_deref(),
        Some("emi-2")
    );
    for number in 7..9 {
        register(catalogue, image(&first, &format!("emi-{number}"), None)).await?;
    }
    Ok(())
}

/// Images are listed by their ids, without regard to case.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn images_are_listed_by_id(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    for id in ["emi-C", "emi-b", "emi-a", "eki-z", "emi-D"] {
        register(catalogue, image(&account, id, None)).await?;
    }
    let images = catalogue.images(None).await?;
    let ids: Vec<_> = images.iter().map(|image| image.id.as_str()).collect();
    assert_eq!(ids, ["eki-z", "emi-a", "emi-b", "emi-C", "emi-D"]);
    Ok(())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// Puts tags of an account.
async fn put_tags(
    catalogue: &Catalogue,
    id: &str,
    account: &Account,
    tags: &[(&str, &str)],
) -> Given<()> {
    let tags = tags.iter();
    let put_tags =
        tags.map(|(key, value)| (id.to_owned(), account.number.to_string(), tag(key, value)));
    let put = ImageChange {
        put_tags: put_tags.collect(),
        ..ImageChange::default()
    };
    change(catalogue, put).await
}

/// Tags belong to the account that gave them, and are listed by key.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn tags_belong_to_an_account(catalogue: &Catalogue) -> Outcome {
    let (first, second) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    register(catalogue, full(&first, "eri-B")).await?;
    register(catalogue, image(&first, "emi-a", None)).await?;
    put_tags(
        catalogue,
        "eri-b",
        &first,
        &[("z", "1"), ("a", ""), ("Z", "2")],
    )
    .await?;
    put_tags(catalogue, "eri-B", &first, &[("z", "3")]).await?;
    put_tags(catalogue, "eri-B", &second, &[("z", "other")]).await?;
    put_tags(catalogue, "emi-a", &first, &[("k", "v")]).await?;
    let (one, two) = (first.number.to_string(), second.number.to_string());

    let of_b = [tag("Z", "2"), tag("a", ""), tag("z", "3")];
    let images = catalogue.images(Some(&one)).await?;
    let tags: Vec<_> = images.iter().map(|image| image.tags.as_slice()).collect();
    assert_eq!(tags, [&[tag("k", "v")][..], &of_b]);
    let accounts = BTreeSet::from(["000000000002".to_owned(), "user".to_owned()]);
    assert_eq!(images[1].launch.accounts, accounts);
    assert!(
        catalogue
            .images(None)
            .await?
            .iter()
            .all(|image| image.tags.is_empty())
    );
    for (account, wanted) in [(&one, &of_b[..]), (&two, &[tag("z", "other")])] {
        let at = ImageRef {
            ids: vec!["ERI-b".to_owned()],
            tags_of: Some(account.clone()),
        };
        let found = catalogue.images_by_id(at).await?.images.remove(0);
        assert_eq!(found.expect("the image").tags, wanted);
    }
    let on = |resource: &str, class, tag| ResourceTag {
        resource: resource.to_owned(),
        class,
        tag,
    };
    let mut wanted = vec![on("emi-a", ImageClass::Machine, tag("k", "v"))];
    wanted.extend(of_b.map(|tag| on("eri-B", ImageClass::Ramdisk, tag)));
    assert_eq!(catalogue.tags(&one).await?, wanted);

    let delete = ImageChange {
        delete_tags: ["z", "nothing"]
            .map(|key| ("ERI-B".to_owned(), one.clone(), key.to_owned()))
            .to_vec(),
        ..ImageChange::default()
    };
    change(catalogue, delete).await?;
    wanted.pop();
    assert_eq!(catalogue.tags(&one).await?, wanted);
    assert_eq!(catalogue.tags(&two).await?.len(), 1);
    Ok(())
}

/// Images go at once or when they have been deregistered for long, and what was said of them goes with them.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn images_go_with_their_tags(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let ids = ["emi-1", "emi-2", "emi-3", "emi-4"];
    for id in ids {
        register(catalogue, full_unnamed(&account, id)).await?;
        put_tags(catalogue, id, &account, &[("k", id)]).await?;
    }
    let remove = ImageChange {
        remove: vec!["EMI-1".to_owned()],
        ..ImageChange::default()
    };
    change(catalogue, remove).await?;
    let hidden = set_state(catalogue, "emi-2", ImageState::Deregistered).await?;
    for (before, left) in [(hidden, &ids[1..]), (hidden + 1, &ids[2..])] {
        let sweep = ImageChange {
            remove_deregistered_before: Some(before),
            ..ImageChange::default()
        };
        change(catalogue, sweep).await?;
        let images = catalogue.images(None).await?;
        assert_eq!(
            images
                .iter()
                .map(|image| image.id.as_str())
                .collect::<Vec<_>>(),
            left
        );
        let tags = catalogue.tags(account.number.as_str()).await?;
        assert_eq!(
            tags.iter()
                .map(|it| it.tag.value.as_str())
                .collect::<Vec<_>>(),
            left
        );
    }
    // An image that takes a free id has nothing of the one before.
    register(catalogue, image(&account, "emi-1", None)).await?;
    let again = one(catalogue, "emi-1").await?.expect("the new image");
    assert_eq!(again, image(&account, "emi-1", None));
    assert_eq!(catalogue.tags(account.number.as_str()).await?.len(), 2);
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}

fn full_unnamed(account: &Account, id: &str) -> Image {
    Image {
        name: None,
        name_is_unique: false,
        ..full(account, id)
    }
}
