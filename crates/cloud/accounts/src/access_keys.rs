//! Access keys that have been asked for lately, with what has been derived from them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gumnut_cloud_catalogue::{Caller, Catalogue, CatalogueError};
use gumnut_signing::v4::{Claim, SigningKey, Verified};
use gumnut_types::SecretString;

/// How long a key is taken for good without asking the catalogue.
const LIFE: Duration = Duration::from_secs(5);
/// Most access keys that are kept.
const MOST_KEYS: usize = 1000;
/// Most keys for signatures that are kept of one access key: those of a day, a region and a service each.
const MOST_SCOPES: usize = 4;

/// The access keys of the users in a catalogue. Those that are used are kept for some seconds, so that most requests do not ask the
/// catalogue. Clones share them.
///
/// A catalogue that says when accounts have changed is asked for the keys again then, so that a key that was revoked is refused at once.
/// With others it is refused after five seconds.
#[derive(Clone, Debug)]
pub struct AccessKeys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalogue: Catalogue,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// [`Catalogue::accounts_version`] when the keys were looked up.
    version: Option<u64>,
    keys: HashMap<String, (Instant, Arc<AccessKeyOwner>)>,
}

/// Whose an access key is, and the secret key to it, which is zeroed when nobody has this any more.
#[derive(Debug)]
pub(crate) struct AccessKeyOwner {
    pub(crate) caller: Caller,
    pub(crate) secret: SecretString,
    /// Keys that a good signature was made with, by their scopes.
    signing: Mutex<Vec<(String, SigningKey)>>,
}

impl AccessKeys {
    /// The access keys of this catalogue.
    pub fn new(catalogue: Catalogue) -> Self {
        let kept = Mutex::default();
        Self(Arc::new(Inner { catalogue, kept }))
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// Whose this access key is; `None` when there is no such key or it is good no more.
    pub(crate) async fn find(
        &self,
        access_key: &str,
    ) -> Result<Option<Arc<AccessKeyOwner>>, CatalogueError> {
        // Before the keys are looked up: what is found may be newer than this says, and never older.
        let version = self.0.catalogue.accounts_version();
        if let Some(found) = self.kept(version).get(access_key) {
            return Ok(Some(found));
        }
        let Some((caller, secret)) = self.0.catalogue.identity(access_key).await? else {
            return Ok(None);
        };
        let owner = Arc::new(AccessKeyOwner {
            caller,
            secret,
            signing: Mutex::default(),
        });
        self.kept(version).keep(access_key, &owner);
        Ok(Some(owner))
    }

    /// What is kept of accounts of this version.
    fn kept(&self, version: Option<u64>) -> MutexGuard<'_, Kept> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != version {
            *kept = Kept {
                version,
                keys: HashMap::new(),
            };
        }
        kept
    }
}

impl Kept {
    fn get(&self, access_key: &str) -> Option<Arc<AccessKeyOwner>> {
        let (since, owner) = self.keys.get(access_key)?;
        (since.elapsed() < LIFE).then(|| Arc::clone(owner))
    }

    fn keep(&mut self, access_key: &str, owner: &Arc<AccessKeyOwner>) {
        if self.keys.len() >= MOST_KEYS {
            self.keys.retain(|_, (since, _)| since.elapsed() < LIFE);
        }
        if self.keys.len() >= MOST_KEYS {
            self.keys.clear();
        }
        let entry = (Instant::now(), Arc::clone(owner));
        self.keys.insert(access_key.to_owned(), entry);
    }
}

impl AccessKeyOwner {
    /// The key for the signature of a request.
    pub(crate) fn signing_key(&self, claim: &Claim) -> SigningKey {
        let scope = claim.scope();
        let kept = self.signing().iter().find_map(|(of, key)| {
            let is_wanted = *of == scope;
            is_wanted.then(|| key.clone())
        });
        kept.unwrap_or_else(|| claim.signing_key(&self.secret))
    }

    /// Keeps the key of a request whose signature was right: others might be of scopes that nobody ever signs for.
    pub(crate) fn keep(&self, verified: &Verified) {
        let mut signing = self.signing();
        if signing.iter().any(|(of, _)| *of == verified.scope) {
            return;
        }
        // The oldest goes, which is that of a day that is over if the client does not sign for many regions.
        if signing.len() >= MOST_SCOPES {
            signing.remove(0);
        }
        signing.push((verified.scope.clone(), verified.key.clone()));
    }

    fn signing(&self) -> MutexGuard<'_, Vec<(String, SigningKey)>> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures::executor::block_on;
    use gumnut_cloud_catalogue::{Account, AccountsChange, AccountsState, Clock, NewUser, UserRow};
    use gumnut_cloud_sqlite::SqliteCatalogue;

    use super::*;

    fn open(folder: &Path) -> Catalogue {
        let path = folder.join("catalogue.sqlite");
        Catalogue::new(SqliteCatalogue::open(&path, Clock::system()).unwrap())
    }

    fn change(
        catalogue: &Catalogue,
        decide: impl Fn(&AccountsState) -> AccountsChange + Send + 'static,
    ) {
        let changed =
            catalogue.change_accounts(move |state| Ok::<_, CatalogueError>((decide(state), ())));
        block_on(changed).unwrap();
    }

    fn add(catalogue: &Catalogue, name: &'static str) {
        change(catalogue, move |_| AccountsChange {
            add: Some(NewUser {
                account: Account {
                    number: "123456789012".parse().unwrap(),
                    name: "nursery".to_owned(),
                    canonical_id: "c0ffee".to_owned(),
                    email: None,
                },
                name: name.to_owned(),
                admin: false,
                access_key: format!("AKI-{name}"),
                secret_key: SecretString::new("secret"),
                certificate: None,
            }),
            ..AccountsChange::default()
        });
    }

    fn revoke(catalogue: &Catalogue, name: &'static str) {
        change(catalogue, move |state| {
            let is_it = |user: &&UserRow| user.name == name;
            AccountsChange {
                revoke: state.users.iter().find(is_it).map(|user| user.id),
                ..AccountsChange::default()
            }
        });
    }

    fn find(keys: &AccessKeys, name: &str) -> Option<Arc<AccessKeyOwner>> {
        block_on(keys.find(&format!("AKI-{name}"))).unwrap()
    }

    #[test]
    fn a_key_is_looked_up_once_and_refused_at_once_when_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let on_disk = open(folder.path());
        let in_memory = SqliteCatalogue::in_memory(Clock::system()).unwrap();
        let in_memory = Catalogue::new(in_memory);
        // Revoked by another handle, as that of another process is, and by the same one.
        let other = open(folder.path());
        for (catalogue, revoking) in [(&on_disk, &other), (&in_memory, &in_memory)] {
            let keys = AccessKeys::new(catalogue.clone());
            assert!(find(&keys, "flora").is_none());
            add(revoking, "flora");
            let first = find(&keys, "flora").unwrap();
            assert_eq!(first.caller.user, "flora");
            assert!(Arc::ptr_eq(&first, &find(&keys, "flora").unwrap()));
            add(revoking, "fauna");
            let again = find(&keys, "flora").unwrap();
            assert!(!Arc::ptr_eq(&first, &again), "accounts have changed");
            revoke(revoking, "flora");
            assert!(find(&keys, "flora").is_none());
            assert!(find(&keys, "fauna").is_some());
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_ages() {
        let owner = Arc::new(AccessKeyOwner {
            caller: Caller {
                user_id: 1,
                user: "flora".to_owned(),
                account: "123456789012".parse().unwrap(),
                account_name: "nursery".to_owned(),
                canonical_id: "c0ffee".to_owned(),
                admin: false,
            },
            secret: SecretString::new("secret"),
            signing: Mutex::default(),
        });
        let mut kept = Kept::default();
        for number in 0..=2 * MOST_KEYS {
            kept.keep(&number.to_string(), &owner);
            assert!(kept.keys.len() <= MOST_KEYS);
            assert!(kept.get(&number.to_string()).is_some());
        }
        let old = Instant::now().checked_sub(LIFE).unwrap();
        kept.keys.insert("old".to_owned(), (old, owner));
        assert!(kept.get("old").is_none());
    }

    #[test]
    fn keys_of_good_signatures_are_kept_and_few_of_them() {
        let catalogue = Catalogue::new(SqliteCatalogue::in_memory(Clock::system()).unwrap());
        add(&catalogue, "flora");
        let owner = find(&AccessKeys::new(catalogue), "flora").unwrap();
        for number in 0..2 * MOST_SCOPES {
            let region = number.to_string();
            let verified = Verified {
                key: SigningKey::derive(&owner.secret, "20261201", &region, "s3"),
                amz_date: String::new(),
                scope: format!("20261201/{region}/s3/aws4_request"),
                signature: String::new(),
            };
            owner.keep(&verified);
            owner.keep(&verified);
        }
        let scopes: Vec<_> = owner.signing().iter().map(|(of, _)| of.clone()).collect();
        let expected = (MOST_SCOPES..2 * MOST_SCOPES)
            .map(|region| format!("20261201/{region}/s3/aws4_request"));
        assert_eq!(scopes, expected.collect::<Vec<_>>());
        assert!(!format!("{owner:?}").contains("secret\""));
    }
}
