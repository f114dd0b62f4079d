//! Accounts, users, keys and certificates.

use super::tools::{Given, Outcome, Refusal, account, add, user};
use crate::{
    Account, AccountName, AccountsChange, AccountsState, Catalogue, CatalogueError, Conflict,
    NewCertificate, NewUser, Owner,
};

async fn change(catalogue: &Catalogue, change: AccountsChange) -> Given<()> {
    catalogue
        .change_accounts(move |_| Ok::<_, Refusal>((change.clone(), ())))
        .await
}

fn certificate(name: &str) -> NewCertificate {
    NewCertificate {
        pem: format!("PEM of {name}"),
        fingerprint: format!("fingerprint of {name}"),
    }
}

/// A user who is added has an account, an access key and a certificate, and is found by them.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn users_are_added(catalogue: &Catalogue) -> Outcome {
    assert_eq!(catalogue.accounts().await?.accounts, []);
    assert!(catalogue.access_key(None).await?.is_none());
    let (flora, robin) = (account(1), account(20));
    let first = NewUser {
        admin: true,
        certificate: Some(certificate("flora")),
        ..user(&flora, "flora")
    };
    add(catalogue, first).await?;
    add(catalogue, user(&robin, "robin")).await?;

    let AccountsState {
        accounts, users, ..
    } = catalogue.accounts().await?;
    assert_eq!(accounts, [flora.clone(), robin.clone()]);
    let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["flora", "robin"], "in the order of adding");
    assert!(users[0].id < users[1].id);
    assert_eq!((users[0].admin, users[1].admin), (true, false));
    assert_eq!((&users[0].account, &users[1].account), (&flora, &robin));
    assert_eq!(users[0].access_keys, ["AKI-flora"]);
    assert_eq!(users[0].certificates, ["fingerprint of flora"]);
    assert!(users[0].had_certificate && !users[1].had_certificate);
    assert_eq!(users[1].certificates, [""; 0]);

    let (caller, secret) = catalogue.identity("AKI-robin").await?.expect("a good key");
    assert_eq!(secret.expose(), "secret of robin");
    assert_eq!(
        (caller.user_id, caller.user.as_str()),
        (users[1].id, "robin")
    );
    assert_eq!(
        (&caller.account, &caller.account_name),
        (&robin.number, &robin.name)
    );
    assert_eq!(
        (&caller.canonical_id, caller.admin),
        (&robin.canonical_id, false)
    );
    assert!(catalogue.identity("AKI-nobody").await?.is_none());
    assert!(
        catalogue.identity("aki-robin").await?.is_none(),
        "case counts"
    );

    for (asked, found) in [(None, "flora"), (Some("robin"), "robin")] {
        let key = catalogue.access_key(asked).await?.expect("a good key");
        assert_eq!(
            (key.user.as_str(), key.access_key),
            (found, format!("AKI-{found}"))
        );
        assert_eq!(key.secret_key.expose(), format!("secret of {found}"));
    }
    assert!(catalogue.access_key(Some("nobody")).await?.is_none());
    assert_eq!(
        catalogue.certificates(&flora.number).await?,
        ["PEM of flora"]
    );
    assert_eq!(catalogue.certificates(&robin.number).await?, [""; 0]);
    Ok(())
}

/// A second user of an account does not make the account again.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn users_share_an_account(catalogue: &Catalogue) -> Outcome {
    let one = account(1);
    add(catalogue, user(&one, "flora")).await?;
    let under_another_id = Account {
        canonical_id: "another".to_owned(),
        ..one.clone()
    };
    let other = NewUser {
        certificate: Some(certificate("robin")),
        ..user(&under_another_id, "robin")
    };
    add(catalogue, other).await?;
    let state = catalogue.accounts().await?;
    assert_eq!(state.accounts, std::slice::from_ref(&one));
    assert_eq!(state.users[1].account, one);
    let certify = AccountsChange {
        certify: Some((state.users[0].id, certificate("flora"))),
        ..AccountsChange::default()
    };
    change(catalogue, certify).await?;
    let certificates = catalogue.certificates(&one.number).await?;
    assert_eq!(
        certificates,
        ["PEM of robin", "PEM of flora"],
        "the oldest first"
    );
    Ok(())
}

/// Names of accounts and of users are taken once in the whole cloud; who comes second leaves nothing.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn names_are_taken_once(catalogue: &Catalogue) -> Outcome {
    let (one, mut two) = (account(1), account(2));
    add(catalogue, user(&one, "flora")).await?;
    let before = catalogue.accounts().await?;
    let in_the_account = add(catalogue, user(&one, "flora")).await;
    let in_another = add(catalogue, user(&two, "flora")).await;
    two.name.clone_from(&one.name);
    let as_account = add(catalogue, user(&two, "robin")).await;
    for taken in [in_the_account, in_another, as_account] {
        let conflict = Refusal::Catalogue(CatalogueError::Conflict(Conflict::Name));
        let error = taken.expect_err("the name is taken");
        assert_eq!(error.to_string(), conflict.to_string());
    }
    let after = catalogue.accounts().await?;
    assert_eq!(
        (after.accounts, after.users),
        (before.accounts, before.users)
    );
    Ok(())
}

/// Keys and certificates that are revoked are no longer valid; those of others are.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn keys_and_certificates_are_revoked(catalogue: &Catalogue) -> Outcome {
    let one = account(1);
    for name in ["flora", "robin"] {
        let certificate = Some(certificate(name));
        let admin = true;
        add(
            catalogue,
            NewUser {
                admin,
                certificate,
                ..user(&one, name)
            },
        )
        .await?;
    }
    let users = catalogue.accounts().await?.users;
    let revoke = AccountsChange {
        revoke: Some(users[0].id),
        ..AccountsChange::default()
    };
    change(catalogue, revoke).await?;
    assert!(catalogue.identity("AKI-flora").await?.is_none());
    assert!(catalogue.access_key(Some("flora")).await?.is_none());
    let first = catalogue
        .access_key(None)
        .await?
        .expect("another has a good key");
    assert_eq!(first.user, "robin");
    assert_eq!(catalogue.certificates(&one.number).await?, ["PEM of robin"]);
    let users = catalogue.accounts().await?.users;
    assert_eq!(
        (users[0].access_keys.len(), users[0].certificates.len()),
        (0, 0)
    );
    assert!(users[0].had_certificate);
    assert_eq!(
        (users[1].access_keys.len(), users[1].certificates.len()),
        (1, 1)
    );
    Ok(())
}

/// Accounts are found by the names that there are, and the others are left out.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn accounts_are_found_by_name(catalogue: &Catalogue) -> Outcome {
    let one = account(1);
    add(catalogue, user(&one, "flora")).await?;
    let known = AccountName::Id(one.canonical_id.clone());
    let unknown = [
        AccountName::Id("owner-2".to_owned()),
        AccountName::Email("flora@example.org".to_owned()),
    ];
    let address = AccountName::Email("Owner-1@Example.ORG".to_owned());
    let names = unknown
        .iter()
        .chain([&known, &known, &address])
        .cloned()
        .collect();
    let found = catalogue.accounts_named(names).await?;
    let owner = Owner {
        id: one.canonical_id,
        name: one.name,
    };
    assert_eq!(found.get(&known), Some(&owner));
    assert_eq!(found.get(&address), Some(&owner));
    assert_eq!(found.0.len(), 2);
    assert_eq!(catalogue.accounts_named(Vec::new()).await?.0.len(), 0);
    Ok(())
}

/// An account gets an e-mail address and gives it up; no other has it meanwhile, in whatever case.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn an_address_belongs_to_one_account(catalogue: &Catalogue) -> Outcome {
    let (one, two) = (account(1), account(2));
    for (account, name) in [(&one, "flora"), (&two, "robin")] {
        add(catalogue, user(account, name)).await?;
    }
    let set = |account: &Account, email: Option<&str>| {
        let email = Some((account.number.clone(), email.map(str::to_owned)));
        let set = AccountsChange {
            email,
            ..AccountsChange::default()
        };
        change(catalogue, set)
    };
    set(&one, Some("new@example.org")).await?;
    let refused = set(&two, Some("NEW@example.org")).await;
    let refused = refused.expect_err("another account has it");
    let conflict = CatalogueError::Conflict(Conflict::Email).to_string();
    assert_eq!(refused.to_string(), conflict);
    set(&one, None).await?;
    set(&two, Some("NEW@example.org")).await?;
    let accounts = catalogue.accounts().await?.accounts;
    let emails: Vec<_> = accounts.iter().map(|it| it.email.as_deref()).collect();
    assert_eq!(emails, [None, Some("NEW@example.org")]);
    Ok(())
}
