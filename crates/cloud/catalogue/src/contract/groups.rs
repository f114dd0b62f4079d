//! Security groups of accounts.

use gumnut_types::AccountId;

use super::instances::{instance, launch};
use super::races::{at_once, won};
use super::tools::{Given, Outcome, ROUNDS, Refusal, add_account};
use crate::{
    Catalogue, Cidr, GroupChange, GroupName, Instance, InstanceState, Protocol, Rule, RuleSource,
    SecurityGroup,
};

fn group(owner: &AccountId, name: &str) -> SecurityGroup {
    SecurityGroup {
        owner: owner.clone(),
        name: name.to_owned(),
        id: format!("sg-{owner}-{name}"),
        description: format!("the group {name}"),
        rules: Vec::new(),
        created: 12,
    }
}

fn rule(port: i32) -> Rule {
    let anywhere = Cidr::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
    Rule {
        protocol: Protocol::Tcp,
        from: port,
        to: port,
        source: RuleSource::Cidr(anywhere.expect("no bits are few enough")),
        description: None,
    }
}

async fn change(catalogue: &Catalogue, owner: &AccountId, change: GroupChange) -> Given<()> {
    let changed = catalogue.change_groups(owner, move |_| Ok::<_, Refusal>((change.clone(), ())));
    changed.await
}

/// Adds a group unless the account has one of its name.
async fn add(catalogue: &Catalogue, new: SecurityGroup) -> Given<()> {
    let owner = new.owner.clone();
    let changed = catalogue.change_groups(&owner, move |state| {
        if state.groups.iter().any(|known| known.name == new.name) {
            return Err(Refusal::Rule);
        }
        let change = GroupChange {
            insert: Some(new.clone()),
            ..GroupChange::default()
        };
        Ok((change, ()))
    });
    changed.await
}

/// Adds a rule to those that a group has.
async fn admit(catalogue: &Catalogue, owner: &AccountId, name: &str, new: Rule) -> Given<()> {
    let name = name.to_owned();
    let changed = catalogue.change_groups(owner, move |state| {
        let group = state.groups.iter().find(|group| group.name == name);
        let mut rules = group.ok_or(Refusal::Rule)?.rules.clone();
        rules.push(new.clone());
        let change = GroupChange {
            rules: Some((name.clone(), rules)),
            ..GroupChange::default()
        };
        Ok((change, ()))
    });
    changed.await
}

/// Groups are as they were added, listed by the bytes of their names, change, go, and each account has its own.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn groups_belong_to_an_account(catalogue: &Catalogue) -> Outcome {
    let (one, other) = (
        add_account(catalogue, 1).await?.number,
        add_account(catalogue, 2).await?.number,
    );
    for name in ["b", "default", "B"] {
        add(catalogue, group(&one, name)).await?;
    }
    add(catalogue, group(&other, "default")).await?;
    let names = ["B", "b", "default"];
    let found = catalogue.groups(&one).await?;
    assert_eq!(found.groups, names.map(|name| group(&one, name)));
    assert!(found.now > 0);
    let rules = vec![
        rule(22),
        Rule {
            protocol: Protocol::Icmp,
            from: -1,
            to: -1,
            source: RuleSource::Group {
                owner: other.to_string(),
                name: "<\"'\n".to_owned(),
            },
            description: Some("ping".to_owned()),
        },
    ];
    let opened = GroupChange {
        rules: Some(("b".to_owned(), rules.clone())),
        ..GroupChange::default()
    };
    change(catalogue, &one, opened).await?;
    let open = SecurityGroup {
        rules,
        ..group(&one, "b")
    };
    let found = catalogue.groups(&one).await?.groups;
    assert_eq!(found, [group(&one, "B"), open, group(&one, "default")]);
    for name in ["b", "b"] {
        let gone = GroupChange {
            remove: Some(name.to_owned()),
            ..GroupChange::default()
        };
        change(catalogue, &one, gone).await?;
    }
    let found = catalogue.groups(&one).await?.groups;
    assert_eq!(found, ["B", "default"].map(|name| group(&one, name)));
    let others = catalogue.groups(&other).await?.groups;
    assert_eq!(others, [group(&other, "default")]);
    Ok(())
}

/// Groups know which of them an instance of the account is in that is not terminated, and those of all accounts are listed together.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn groups_know_their_instances(catalogue: &Catalogue) -> Outcome {
    let (one, other) = (
        add_account(catalogue, 1).await?,
        add_account(catalogue, 2).await?,
    );
    for (account, name) in [(&other, "a"), (&one, "b"), (&one, "a")] {
        add(catalogue, group(&account.number, name)).await?;
    }
    let name = |account: &crate::Account, name: &str| {
        let id = group(&account.number, name).id;
        GroupName(id, name.to_owned())
    };
    let running = Instance {
        groups: vec![name(&one, "a"), name(&one, "a")],
        ..instance(&one, "i-00000001", 1)
    };
    let ended = Instance {
        state: InstanceState::Terminated,
        address: None,
        groups: vec![name(&one, "b")],
        ..instance(&one, "i-00000002", 2)
    };
    let others = Instance {
        groups: vec![name(&other, "a")],
        ..instance(&other, "i-00000003", 3)
    };
    launch(catalogue, vec![running, ended, others]).await?;
    let in_use = catalogue.groups(&one.number).await?.in_use;
    assert_eq!(in_use, [name(&one, "a").0].into());
    let in_use = catalogue.groups(&other.number).await?.in_use;
    assert_eq!(in_use, [name(&other, "a").0].into());
    let all = catalogue.all_groups().await?;
    let expected = [(&one, "a"), (&one, "b"), (&other, "a")];
    let expected = expected.map(|(account, name)| group(&account.number, name));
    assert_eq!(all, expected);
    Ok(())
}

/// Two add a group of one name: one does. Two add a rule each: both are there.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn groups_by_two(catalogue: &Catalogue) -> Outcome {
    let owner = add_account(catalogue, 1).await?.number;
    for round in 0..ROUNDS {
        let name = format!("name-{round}");
        let new = |id: &str| SecurityGroup {
            id: format!("sg-{round}-{id}"),
            ..group(&owner, &name)
        };
        let (one, other) = (add(catalogue, new("a")), add(catalogue, new("b")));
        let (one, other) = at_once(round, one, other).await;
        assert_ne!(won(one)?, won(other)?, "exactly one is added");
        let (one, other) = (
            admit(catalogue, &owner, &name, rule(1)),
            admit(catalogue, &owner, &name, rule(2)),
        );
        let (one, other) = at_once(round, one, other).await;
        one?;
        other?;
        let groups = catalogue.groups(&owner).await?.groups;
        assert_eq!(groups.len(), round + 1);
        let changed = groups.iter().find(|group| group.name == name);
        assert_eq!(changed.map(|group| group.rules.len()), Some(2));
    }
    Ok(())
}
