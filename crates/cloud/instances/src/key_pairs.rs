//! The key pairs of accounts.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use gumnut_cloud_catalogue::{Caller, Catalogue, KeyPair, KeyPairChange, KeyPairsState, Profile};
use gumnut_types::{AccountId, SecretString};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;

use crate::error::{InstanceError, InstanceErrorKind};
use new_key::NewKey;
use ssh_key::SshKey;

mod new_key;
mod ssh_key;

pub use new_key::KeyKind;

/// Longest name of a key pair, in bytes, as in EC2.
const MAX_NAME: usize = 255;
/// Most key pairs of an account, as in EC2.
const MAX_KEY_PAIRS: usize = 5000;
/// Most keys that are made at once: each takes a processor for a while.
const KEYS_AT_ONCE: usize = 2;

/// The key pairs of a cloud. Clones share them.
#[derive(Clone, Debug)]
pub struct KeyPairs {
    catalogue: Catalogue,
    profile: Profile,
    /// Whether nothing is to change.
    dry: bool,
    turns: Arc<Semaphore>,
}

/// A key pair that was created. Its private key is nowhere else.
#[derive(Debug)]
pub struct CreatedKeyPair {
    /// The key pair; `None` in a dry run.
    pub key_pair: Option<KeyPair>,
    /// The private key, for an ssh client; empty in a dry run.
    pub material: SecretString,
}

impl KeyPairs {
    /// The key pairs in this catalogue.
    pub fn new(catalogue: Catalogue, profile: Profile) -> Self {
        Self {
            catalogue,
            profile,
            dry: false,
            turns: Arc::new(Semaphore::new(KEYS_AT_ONCE)),
        }
    }

    /// The key pairs of a dry run: what is asked of them is decided as ever, and nothing changes.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self {
            dry: true,
            ..self.clone()
        }
    }

    /// Creates a key pair for the caller's account. Its private key is not stored.
    ///
    /// # Errors
    /// When the name is taken or cannot be one, or the account has too many.
    pub async fn create(
        &self,
        caller: &Caller,
        name: &str,
        kind: KeyKind,
    ) -> Result<CreatedKeyPair, InstanceError> {
        check_name(name)?;
        // Before the work, which is not little; and again when it is done.
        insist_free(&self.catalogue.key_pairs(&caller.account).await?, name)?;
        if self.dry {
            return Ok(CreatedKeyPair {
                key_pair: None,
                material: SecretString::new(""),
            });
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| InstanceError::internal(&error))?;
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            NewKey::make(kind)
        });
        let made = made
            .await
            .map_err(|error| InstanceError::internal(&error))?;
        let made = made.map_err(|error| InstanceError::internal(&error))?;
        let key_pair = self
            .add(caller, name, &made.public, made.fingerprint)
            .await?;
        Ok(CreatedKeyPair {
            key_pair: Some(key_pair),
            material: SecretString::new(made.material.as_str()),
        })
    }

    /// Imports a public key, in any of its usual forms, as a key pair of the caller's account.
    ///
    /// # Errors
    /// When it is not a public key, the name is taken or cannot be one, or the account has too many.
    pub async fn import(
        &self,
        caller: &Caller,
        name: &str,
        material: &[u8],
    ) -> Result<KeyPair, InstanceError> {
        check_name(name)?;
        let format = || {
            let message = "Invalid or unsupported key format";
            InstanceError::new(InstanceErrorKind::KeyFormat, message)
        };
        let key = SshKey::read(material).ok_or_else(format)?;
        if self.profile != Profile::Strict && key.algorithm() != "ssh-rsa" {
            return Err(format());
        }
        let fingerprint = key.fingerprint().ok_or_else(format)?;
        self.add(caller, name, &key, fingerprint).await
    }

    async fn add(
        &self,
        caller: &Caller,
        name: &str,
        key: &SshKey,
        fingerprint: String,
    ) -> Result<KeyPair, InstanceError> {
        let mut bytes = [0; 8];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|error| InstanceError::internal(&error))?;
        let new = KeyPair {
            owner: caller.account.clone(),
            name: name.to_owned(),
            id: format!("key-0{}", HEXLOWER.encode(&bytes)),
            fingerprint,
            public: key.line(),
            created: 0,
        };
        self.change(&caller.account, move |state| {
            insist_free(state, &new.name)?;
            let new = KeyPair {
                created: state.now,
                ..new.clone()
            };
            let change = KeyPairChange {
                insert: Some(new.clone()),
                remove: None,
            };
            Ok((change, new))
        })
        .await
    }

    /// The key pairs of the caller's account that have one of these names or ids, by name; all of them when there are none.
    ///
    /// # Errors
    /// When a name or id is not there.
    pub async fn select(
        &self,
        caller: &Caller,
        names: &[String],
        ids: &[String],
    ) -> Result<Vec<KeyPair>, InstanceError> {
        let mut found = self.catalogue.key_pairs(&caller.account).await?.key_pairs;
        let missing = names
            .iter()
            .find(|name| !found.iter().any(|it| it.name == **name));
        if let Some(name) = missing {
            return Err(not_found(name));
        }
        if let Some(id) = ids.iter().find(|id| !found.iter().any(|it| it.id == **id)) {
            let message = format!("The key pair ID '{id}' does not exist");
            return Err(InstanceError::new(
                InstanceErrorKind::KeyPairNotFound,
                message,
            ));
        }
        if !names.is_empty() || !ids.is_empty() {
            found.retain(|it| names.contains(&it.name) || ids.contains(&it.id));
        }
        Ok(found)
    }

    /// The key pair of the caller's account that has this name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, caller: &Caller, name: &str) -> Result<KeyPair, InstanceError> {
        let found = self.catalogue.key_pairs(&caller.account).await?.key_pairs;
        let named = found.into_iter().find(|it| it.name == name);
        named.ok_or_else(|| not_found(name))
    }

    /// Deletes the key pair of the caller's account that has this name or id, and gives it. `None`: there was none, which is no error.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn delete(
        &self,
        caller: &Caller,
        name_or_id: &str,
    ) -> Result<Option<KeyPair>, InstanceError> {
        let wanted = name_or_id.to_owned();
        self.change(&caller.account, move |state| {
            let named = |it: &&KeyPair| it.name == wanted || it.id == wanted;
            let found = state.key_pairs.iter().find(named).cloned();
            let change = KeyPairChange {
                insert: None,
                remove: found.as_ref().map(|found| found.name.clone()),
            };
            Ok((change, found))
        })
        .await
    }

    /// Decides on a change, and makes it unless this is a dry run.
    async fn change<T: Send + 'static>(
        &self,
        account: &AccountId,
        mut decide: impl FnMut(&KeyPairsState) -> Result<(KeyPairChange, T), InstanceError>
        + Send
        + 'static,
    ) -> Result<T, InstanceError> {
        if self.dry {
            let state = self.catalogue.key_pairs(account).await?;
            return decide(&state).map(|(_, result)| result);
        }
        self.catalogue.change_key_pairs(account, decide).await
    }
}

fn not_found(name: &str) -> InstanceError {
    let message = format!("The key pair '{name}' does not exist");
    InstanceError::new(InstanceErrorKind::KeyPairNotFound, message)
}

/// Insists on a name that can be one.
fn check_name(name: &str) -> Result<(), InstanceError> {
    let reason = if !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        "Character sets beyond ASCII are not supported."
    } else if name.is_empty() || name.len() > MAX_NAME {
        "A name has 1 to 255 characters."
    } else if name.trim() != name {
        "A name neither begins nor ends with a space."
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(MAX_NAME).collect();
    let message = format!("Value ({shown}) for parameter KeyName is invalid. {reason}");
    Err(InstanceError::new(
        InstanceErrorKind::InvalidParameterValue,
        message,
    ))
}

/// Insists that the account may have one more key pair, and none of this name.
fn insist_free(state: &KeyPairsState, name: &str) -> Result<(), InstanceError> {
    if state.key_pairs.iter().any(|it| it.name == name) {
        let message = format!("The keypair '{name}' already exists.");
        return Err(InstanceError::new(
            InstanceErrorKind::KeyPairDuplicate,
            message,
        ));
    }
    if state.key_pairs.len() >= MAX_KEY_PAIRS {
        let message = format!("An account has at most {MAX_KEY_PAIRS} key pairs.");
        return Err(InstanceError::new(
            InstanceErrorKind::KeyPairLimitExceeded,
            message,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Option<InstanceErrorKind> {
        check_name(name).err().map(|error| error.kind())
    }

    #[test]
    fn names_are_printable_ascii() {
        for good in ["a", "my key.pem", "~/!", &"x".repeat(255)] {
            assert_eq!(kind(good), None, "{good}");
        }
        for bad in ["", " a", "a ", "schlüssel", "a\tb", "a\0", &"x".repeat(256)] {
            let expected = Some(InstanceErrorKind::InvalidParameterValue);
            assert_eq!(kind(bad), expected, "{bad}");
        }
    }

    #[test]
    fn an_account_has_so_many_and_each_name_once() {
        let key_pair = |name: String| KeyPair {
            owner: "000000000001".parse().unwrap(),
            id: format!("key-{name}"),
            name,
            fingerprint: String::new(),
            public: String::new(),
            created: 0,
        };
        let mut state = KeyPairsState {
            key_pairs: (1..MAX_KEY_PAIRS)
                .map(|at| key_pair(at.to_string()))
                .collect(),
            now: 0,
        };
        assert!(insist_free(&state, "new").is_ok());
        let taken = insist_free(&state, "7").unwrap_err();
        assert_eq!(taken.to_string(), "The keypair '7' already exists.");
        state.key_pairs.push(key_pair("last".to_owned()));
        let full = insist_free(&state, "new").unwrap_err();
        assert_eq!(full.kind(), InstanceErrorKind::KeyPairLimitExceeded);
    }
}
