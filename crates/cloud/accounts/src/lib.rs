#![doc = include_str!("../README.md")]

mod authenticate;
mod authority;
mod credentials;
mod error;
mod files;
mod keys;
mod make;
mod users;
mod wait;

use std::path::Path;

use gumnut_cloud_catalogue::{AccountsChange, Catalogue, CatalogueError, Clock};
use gumnut_crypto::{Certificate, PublicKey};
use gumnut_types::AccountId;

pub use authenticate::form::{FormAuthError, SignedForm, authenticate_form};
pub use authenticate::object_store::{ObjectStoreAuthError, Payload, authenticate_object_store};
pub use authenticate::query::{QueryAuthError, authenticate_query};
pub use authenticate::scope::{Regions, ScopeError};
pub use authority::{ServerCertificate, Tls, names};
pub use credentials::Credentials;
pub use error::AccountsError;
pub use keys::{CloudKeys, Keys};
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
/// When the directory of keys or the catalogue cannot be used.
pub fn init(data_dir: &Path, catalogue: &Catalogue, clock: &Clock) -> Result<Keys, AccountsError> {
    let folder = files::folder(data_dir)?;
    let first = make::user(make::account(FIRST_ACCOUNT)?, FIRST_USER, true)?;
    wait(catalogue.change_accounts(move |state| {
        let change = AccountsChange {
            add: state.accounts.is_empty().then(|| first.clone()),
            ..AccountsChange::default()
        };
        Ok::<_, AccountsError>((change, ()))
    }))?;
    Ok(Keys::new(folder, catalogue.clone(), clock.clone()))
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
