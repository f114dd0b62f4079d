//! Key pairs of accounts.

use gumnut_types::AccountId;

use super::races::{at_once, won};
use super::tools::{Given, Outcome, ROUNDS, Refusal, add_account};
use crate::{Catalogue, KeyPair, KeyPairChange};

fn key_pair(owner: &AccountId, name: &str) -> KeyPair {
    KeyPair {
        owner: owner.clone(),
        name: name.to_owned(),
        id: format!("key-{owner}-{name}"),
        fingerprint: "1f:51:ae".to_owned(),
        public: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5".to_owned(),
        created: 12,
    }
}

/// Adds a key pair unless the account has one of its name.
async fn add(catalogue: &Catalogue, new: KeyPair) -> Given<()> {
    let owner = new.owner.clone();
    let changed = catalogue.change_key_pairs(&owner, move |state| {
        if state.key_pairs.iter().any(|known| known.name == new.name) {
            return Err(Refusal::Rule);
        }
        let change = KeyPairChange {
            insert: Some(new.clone()),
            remove: None,
        };
        Ok((change, ()))
    });
    changed.await
}

/// Key pairs are as they were added, listed by the bytes of their names, and each account has its own.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn key_pairs_belong_to_an_account(catalogue: &Catalogue) -> Outcome {
    let (one, other) = (
        add_account(catalogue, 1).await?.number,
        add_account(catalogue, 2).await?.number,
    );
    let names = ["Z", "a", "a b", "b"];
    for name in ["b", "a b", "Z", "a"] {
        add(catalogue, key_pair(&one, name)).await?;
    }
    add(catalogue, key_pair(&other, "a")).await?;
    let found = catalogue.key_pairs(&one).await?;
    assert_eq!(found.key_pairs, names.map(|name| key_pair(&one, name)));
    assert!(found.now > 0);
    let refused = add(catalogue, key_pair(&one, "a")).await;
    assert!(matches!(refused, Err(Refusal::Rule)));
    // A name that is not there is as good as removed.
    for name in ["a", "a", "nobody"] {
        let remove = catalogue.change_key_pairs(&one, move |_| {
            let change = KeyPairChange {
                insert: None,
                remove: Some(name.to_owned()),
            };
            Ok::<_, Refusal>((change, ()))
        });
        remove.await?;
    }
    let left = catalogue.key_pairs(&one).await?.key_pairs;
    assert_eq!(left, ["Z", "a b", "b"].map(|name| key_pair(&one, name)));
    let others = catalogue.key_pairs(&other).await?.key_pairs;
    assert_eq!(others, [key_pair(&other, "a")]);
    let nobody = "000000000009".parse()?;
    assert!(catalogue.key_pairs(&nobody).await?.key_pairs.is_empty());
    Ok(())
}

/// Two add a key pair of one name: one does.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn key_pair_names_by_two(catalogue: &Catalogue) -> Outcome {
    let owner = add_account(catalogue, 1).await?.number;
    for round in 0..ROUNDS {
        let new = |id: &str| KeyPair {
            id: format!("key-{round}-{id}"),
            ..key_pair(&owner, &format!("name-{round}"))
        };
        let (one, other) = (add(catalogue, new("a")), add(catalogue, new("b")));
        let (one, other) = at_once(round, one, other).await;
        assert_ne!(won(one)?, won(other)?, "exactly one is added");
        assert_eq!(
            catalogue.key_pairs(&owner).await?.key_pairs.len(),
            round + 1
        );
    }
    Ok(())
}
