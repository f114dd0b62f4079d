//! `If-Match` and its relatives.

use super::StoreError;
use crate::catalogue::objects::Object;

/// Conditions on the present state of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) is: Option<EtagMatch>,
    pub(crate) is_not: Option<EtagMatch>,
    /// Seconds since 1970.
    pub(crate) modified_since: Option<i64>,
    /// Seconds since 1970.
    pub(crate) unmodified_since: Option<i64>,
}

/// What an `ETag` is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EtagMatch {
    /// `*`: any object.
    Any,
    /// This one, without quotes.
    Is(String),
}

impl EtagMatch {
    fn holds(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => wanted == etag,
        }
    }
}

impl Conditions {
    /// Decides on reading; `If-Match` outweighs the date beside it, and so does `If-None-Match`.
    pub(crate) fn for_reading(&self, object: &Object) -> Result<(), StoreError> {
        let modified = object.modified.div_euclid(1000);
        match (&self.is, self.unmodified_since) {
            (Some(wanted), _) if !wanted.holds(&object.etag) => {
                return Err(StoreError::PreconditionFailed);
            }
            (None, Some(date)) if modified > date => return Err(StoreError::PreconditionFailed),
            _ => {}
        }
        match (&self.is_not, self.modified_since) {
            (Some(known), _) if known.holds(&object.etag) => {
                Err(StoreError::not_modified(&object.etag))
            }
            (None, Some(date)) if modified <= date => Err(StoreError::not_modified(&object.etag)),
            _ => Ok(()),
        }
    }

    /// Decides on the source of a copy, where there is no answer "not modified".
    pub(crate) fn for_copying(&self, object: &Object) -> Result<(), StoreError> {
        match self.for_reading(object) {
            Err(error) if error.is_refusal() => Err(StoreError::PreconditionFailed),
            other => other,
        }
    }

    /// Decides on writing in the place of `old`.
    pub(crate) fn for_writing(&self, old: Option<&Object>) -> Result<(), StoreError> {
        let etag = old.map(|object| object.etag.as_str());
        match (&self.is, etag) {
            (Some(_), None) => return Err(StoreError::NoSuchKey),
            (Some(wanted), Some(etag)) if !wanted.holds(etag) => {
                return Err(StoreError::PreconditionFailed);
            }
            _ => {}
        }
        match (&self.is_not, etag) {
            (Some(known), Some(etag)) if known.holds(etag) => Err(StoreError::PreconditionFailed),
            _ => Ok(()),
        }
    }
}
