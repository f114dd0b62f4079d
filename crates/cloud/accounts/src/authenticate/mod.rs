//! Who asks: the signatures of requests. What a client is answered is up to the front end.

pub(crate) mod form;
pub(crate) mod object_store;
pub(crate) mod query;
pub(crate) mod scope;

/// The port that clients and servers of these clouds assume when a `Host` header has none.
const DEFAULT_PORT: u16 = 8773;
