//! Instances and their tags.

use super::races::{at_once, won};
use super::tools::{Given, Outcome, ROUNDS, Refusal, add_account};
use crate::{
    Account, Catalogue, GroupName, Instance, InstanceChange, InstanceSettings, InstanceState,
    Launch, LaunchImage, LaunchKey, MetadataSettings, NewInstance, OnShutdown, Reason, Tag,
};

/// An instance that is being made.
pub(super) fn instance(account: &Account, id: &str, host: u8) -> Instance {
    Instance {
        id: id.to_owned(),
        reservation: "r-0000000A".to_owned(),
        owner: account.number.clone(),
        state: InstanceState::Pending,
        address: Some([172, 31, 0, host].into()),
        launched: 11,
        changed: 12,
        groups: Vec::new(),
        launch: Launch::default(),
        settings: InstanceSettings::default(),
        tags: Vec::new(),
    }
}

/// An instance with something in every field.
fn full(account: &Account, id: &str, host: u8) -> Instance {
    let image = |id: &str| LaunchImage {
        id: id.to_owned(),
        location: "nursery/Käse.manifest.xml".to_owned(),
        manifest_sha256: "digest".to_owned(),
    };
    Instance {
        groups: vec![GroupName("sg-0000000a".to_owned(), "<\"'".to_owned())],
        launch: Launch {
            user: "user".to_owned(),
            index: 7,
            client_token: Some("token".to_owned()),
            request: "request".to_owned(),
            image: image("emi-1"),
            kernel: Some(image("eki-1")),
            ramdisk: Some(image("eri-1")),
            architecture: "i386".to_owned(),
            virtualization: "paravirtual".to_owned(),
            platform: Some("windows".to_owned()),
            root_device: "/dev/sda1".to_owned(),
            product_codes: vec!["z".to_owned(), "a".to_owned()],
            ancestry: vec!["emi-2".to_owned()],
            instance_type: "m1.small".to_owned(),
            processors: 1,
            memory_mib: 128,
            disk_gib: 10,
            zone: "cluster01".to_owned(),
            key: Some(LaunchKey {
                name: "key".to_owned(),
                public: "ssh-rsa AAAA".to_owned(),
            }),
            block_devices: vec![("ephemeral0".to_owned(), "/dev/sda2".to_owned())],
            monitoring: true,
        },
        settings: InstanceSettings {
            reason: Some(Reason::Failed("no\0kernel".to_owned())),
            protected: true,
            on_shutdown: OnShutdown::Terminate,
            metadata: MetadataSettings {
                enabled: false,
                tokens_required: true,
                hop_limit: 64,
                tags: true,
            },
        },
        tags: vec![tag("a", ""), tag("k", "v")],
        ..instance(account, id, host)
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

async fn change(catalogue: &Catalogue, change: InstanceChange) -> Given<()> {
    catalogue
        .change_instances(move |_| Ok::<_, Refusal>((change.clone(), ())))
        .await
}

pub(super) async fn launch(catalogue: &Catalogue, instances: Vec<Instance>) -> Given<()> {
    let insert = instances.into_iter().map(|instance| NewInstance {
        instance,
        user_data: None,
    });
    let insert = InstanceChange {
        insert: insert.collect(),
        ..InstanceChange::default()
    };
    change(catalogue, insert).await
}

/// An instance without what is only loaded for an account.
fn without_tags(instance: &Instance) -> Instance {
    Instance {
        tags: Vec::new(),
        ..instance.clone()
    }
}

/// An instance is as it was launched, and its user data is found by its id in any case.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_instance_is_as_it_was_launched(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let owner = account.number.as_str();
    assert_eq!(catalogue.instances(Some(owner)).await?, []);
    let first = full(&account, "i-0000000A", 10);
    let data = b"#!\0\xff".to_vec();
    let insert = InstanceChange {
        insert: vec![NewInstance {
            instance: first.clone(),
            user_data: Some(data.clone()),
        }],
        ..InstanceChange::default()
    };
    change(catalogue, insert).await?;
    let second = instance(&account, "i-0000000b", 11);
    launch(catalogue, vec![second.clone()]).await?;
    let expected = [first.clone(), second.clone()];
    assert_eq!(catalogue.instances(Some(owner)).await?, expected);
    let seen = catalogue
        .change_instances(|state| {
            Ok::<_, Refusal>((InstanceChange::default(), state.instances.clone()))
        })
        .await?;
    let expected = [without_tags(&first), second];
    assert_eq!(seen, expected);
    assert_eq!(catalogue.instances(None).await?, expected);
    assert_eq!(catalogue.instances(Some("000000000009")).await?, expected);
    assert_eq!(catalogue.user_data("I-0000000a").await?, Some(data));
    for none in ["i-0000000B", "i-1", "i\0"] {
        assert_eq!(catalogue.user_data(none).await?, None, "{none:?}");
    }
    Ok(())
}

/// State, address, groups and settings of an instance change, and nothing else; in one unit an address passes to another.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_instance_changes(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let before = full(&account, "i-0000000A", 10);
    let other = instance(&account, "i-0000000c", 12);
    launch(catalogue, vec![before.clone(), other.clone()]).await?;
    for state in InstanceState::ALL {
        let after = Instance {
            state,
            changed: 99,
            groups: Vec::new(),
            settings: InstanceSettings::default(),
            ..before.clone()
        };
        let update = InstanceChange {
            update: vec![Instance {
                id: "I-0000000a".to_owned(),
                reservation: "other".to_owned(),
                launched: 0,
                launch: Launch::default(),
                ..after.clone()
            }],
            ..InstanceChange::default()
        };
        change(catalogue, update).await?;
        let found = catalogue.instances(Some(account.number.as_str())).await?;
        assert_eq!(found, [after, other.clone()], "{state}");
    }
    let ended = Instance {
        state: InstanceState::Terminated,
        address: None,
        ..before.clone()
    };
    let new = instance(&account, "i-0000000d", 10);
    let pass = InstanceChange {
        update: vec![ended.clone()],
        insert: vec![NewInstance {
            instance: new.clone(),
            user_data: None,
        }],
        ..InstanceChange::default()
    };
    change(catalogue, pass).await?;
    let expected = [without_tags(&ended), other, new];
    assert_eq!(catalogue.instances(None).await?, expected);
    Ok(())
}

/// Instances are listed in the order of their launch, those of one moment by their ids.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn instances_are_listed_by_launch(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let at = |id: &str, host, launched| Instance {
        launched,
        ..instance(&account, id, host)
    };
    let launched = vec![
        at("i-0000000B", 10, 7),
        at("i-0000000a", 11, 7),
        at("i-0000000f", 12, 3),
        at("i-00000001", 13, 9),
    ];
    launch(catalogue, launched).await?;
    let found = catalogue.instances(None).await?;
    let ids: Vec<_> = found.iter().map(|instance| instance.id.as_str()).collect();
    assert_eq!(
        ids,
        ["i-0000000f", "i-0000000a", "i-0000000B", "i-00000001"]
    );
    Ok(())
}

/// Tags of instances belong to an account, and go with their instance; images and instances have the same table.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn instances_go_with_their_tags(catalogue: &Catalogue) -> Outcome {
    let (first, second) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    let kept = instance(&first, "i-0000000b", 11);
    launch(
        catalogue,
        vec![full(&first, "i-0000000A", 10), kept.clone()],
    )
    .await?;
    let on = |id: &str, account: &Account, key: &str, value: &str| {
        (id.to_owned(), account.number.to_string(), tag(key, value))
    };
    let put = InstanceChange {
        put_tags: vec![
            on("I-0000000A", &first, "k", "new"),
            on("i-0000000a", &second, "k", "other"),
            on("i-0000000b", &first, "z", "1"),
            on("i-0000000b", &first, "b", "2"),
        ],
        delete_tags: vec![(
            "I-0000000a".to_owned(),
            first.number.to_string(),
            "a".to_owned(),
        )],
        ..InstanceChange::default()
    };
    change(catalogue, put).await?;
    let tags_of = async |account: &Account| -> Given<Vec<Vec<Tag>>> {
        let found = catalogue.instances(Some(account.number.as_str())).await?;
        Ok(found.into_iter().map(|instance| instance.tags).collect())
    };
    let of_kept = vec![tag("b", "2"), tag("z", "1")];
    assert_eq!(
        tags_of(&first).await?,
        [vec![tag("k", "new")], of_kept.clone()]
    );
    assert_eq!(tags_of(&second).await?, [vec![tag("k", "other")], vec![]]);
    // Those of images are listed without those of instances.
    assert_eq!(catalogue.tags(first.number.as_str()).await?, []);
    let remove = InstanceChange {
        remove: vec!["i-0000000a".to_owned()],
        ..InstanceChange::default()
    };
    change(catalogue, remove).await?;
    assert_eq!(tags_of(&first).await?, [of_kept]);
    // An instance that takes a free id has nothing of the one before.
    launch(catalogue, vec![instance(&first, "i-0000000A", 12)]).await?;
    for account in [&first, &second] {
        let all = tags_of(account).await?;
        assert!(all[0].is_empty(), "{all:?}");
    }
    Ok(())
}

/// Two launch at once where there is room for one more: one of them gets it.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_limit_of_instances_is_kept(catalogue: &Catalogue) -> Outcome {
    let account = add_account(catalogue, 1).await?;
    let launch_below = |limit: usize, id: String| {
        let account = account.clone();
        catalogue.change_instances(move |state| {
            let count = state.instances.len();
            if count >= limit {
                return Err(Refusal::Rule);
            }
            let host = u8::try_from(count).unwrap_or(u8::MAX);
            let change = InstanceChange {
                insert: vec![NewInstance {
                    instance: instance(&account, &id, host),
                    user_data: None,
                }],
                ..InstanceChange::default()
            };
            Ok((change, ()))
        })
    };
    for round in 0..ROUNDS {
        let ids = ["a", "b"].map(|letter| format!("i-{round:07}{letter}"));
        let [one, other] = ids.map(|id| launch_below(round + 1, id));
        let (one, other) = at_once(round, one, other).await;
        assert!(won(one)? != won(other)?, "round {round}");
        assert_eq!(catalogue.instances(None).await?.len(), round + 1);
    }
    Ok(())
}
