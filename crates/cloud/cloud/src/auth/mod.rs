//! Who is asking.

use gumnut_types::SecretString;

use crate::catalogue::{Catalogue, identities};
use crate::store::StoreError;

pub(crate) use gumnut_cloud_catalogue::{Caller, Identity};

/// The port that clients and servers of these clouds assume when a `Host` header has none.
pub(crate) const DEFAULT_PORT: u16 = 8773;

/// The user with this access key, and the secret to it.
pub(crate) async fn find_key(
    catalogue: &Catalogue,
    access_key: &str,
) -> Result<Option<(Caller, SecretString)>, StoreError> {
    let access_key = access_key.to_owned();
    let find = move |c: &rusqlite::Connection| Ok(identities::by_access_key(c, &access_key)?);
    catalogue.read(find).await
}
