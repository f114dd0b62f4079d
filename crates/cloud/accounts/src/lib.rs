#![doc = include_str!("../README.md")]

mod access_keys;
mod authenticate;
mod authority;
mod credentials;
mod error;
mod files;
mod keys;
mod make;
mod master_key;
mod secret_files;
mod secrets;
mod users;
mod wait;

use gumnut_cloud_catalogue::{AccountsChange, Catalogue, CatalogueError, Clock};
use gumnut_crypto::{Certificate, PublicKey};
use gumnut_types::AccountId;

pub use access_keys::AccessKeys;
pub use authenticate::form::{FormAuthError, SignedForm, authenticate_form};
pub use authenticate::object_store::{ObjectStoreAuthError, Payload, authenticate_object_store};
pub use authenticate::query::{QueryAuthError, authenticate_query};
pub use authenticate::scope::{Regions, ScopeError};
pub use authority::{ServerCertificate, Tls, Trust, names};
pub use credentials::Credentials;
pub use error::AccountsError;
pub use keys::{CloudKeys, Keys};
pub use master_key::MasterKeyFile;
pub use secret_files::SecretFiles;
pub use secrets::Secrets;
pub use users::{User, Users};
use wait::wait;

/// Name of the first account, and of its user.
const FIRST_ACCOUNT: &str = "eucalyptus";
const FIRST_USER: &str = "admin";

/// Makes the administrator's account with an access key, unless there are accounts. The keys that it gives are to be made.
///
/// It blocks: call it where that is allowed.
///
/// # Errors
/// When the master key or the catalogue cannot be used.
pub fn init(
    catalogue: &Catalogue,
    files: &SecretFiles,
    clock: &Clock,
) -> Result<Keys, AccountsError> {
    let first = make::user(make::account(FIRST_ACCOUNT)?, FIRST_USER, true)?;
    wait(catalogue.change_accounts(move |state| {
        let change = AccountsChange {
            add: state.accounts.is_empty().then(|| first.clone()),
            ..AccountsChange::default()
        };
        Ok::<_, AccountsError>((change, ()))
    }))?;
    // A directory with a master key and no account would look like one that has lost its catalogue.
    let secrets = files.open(catalogue)?;
    Ok(Keys::new(secrets, catalogue.clone(), clock.clone()))
}

/// The public keys of an account's good certificates.
///
/// # Errors
/// When the catalogue cannot be used.
pub async fn certificate_keys(
    catalogue: &Catalogue,
    account: &AccountId,
) -> Result<Vec<PublicKey>, CatalogueError> {
    let pems = catalogue.certificates(account).await?;
    // A certificate that cannot be read any more has signed nothing.
    Ok(pems
        .iter()
        .filter_map(|pem| Certificate::from_pem(pem.as_bytes()).ok())
        .map(|certificate| certificate.public_key().clone())
        .collect())
}

#[cfg(test)]
mod tests;
