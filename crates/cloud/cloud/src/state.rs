//! What every request handler shares.

use crate::Config;
use crate::accounts::Keys;
use crate::catalogue::Catalogue;
use crate::data_dir::DataDir;
use crate::register::Ids;
use crate::store::Store;

/// What every request handler shares; handed round as `Arc<State>`.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) data_dir: DataDir,
    pub(crate) keys: Keys,
    pub(crate) catalogue: Catalogue,
    pub(crate) store: Store,
    pub(crate) ids: Ids,
}
