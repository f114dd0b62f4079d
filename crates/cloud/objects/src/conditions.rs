//! `If-Match` and its relatives.

use gumnut_cloud_catalogue::ObjectVersion;

use crate::error::ObjectError;

/// Conditions on the present state of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<EtagMatch>,
    /// `If-None-Match`.
    pub if_none_match: Option<EtagMatch>,
    /// `If-Modified-Since`, in seconds since 1970.
    pub modified_since: Option<i64>,
    /// `If-Unmodified-Since`, in seconds since 1970.
    pub unmodified_since: Option<i64>,
}

/// What an `ETag` is compared with in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtagMatch {
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
    ///
    /// # Errors
    /// [`ObjectError::PreconditionFailed`], or [`ObjectError::NotModified`] with the `ETag` in its headers.
    pub fn for_reading(&self, object: &ObjectVersion) -> Result<(), ObjectError> {
        let modified = object.modified.div_euclid(1000);
        match (&self.if_match, self.unmodified_since) {
            (Some(wanted), _) if !wanted.holds(&object.etag) => {
                return Err(ObjectError::PreconditionFailed);
            }
            (None, Some(date)) if modified > date => return Err(ObjectError::PreconditionFailed),
            _ => {}
        }
        match (&self.if_none_match, self.modified_since) {
            (Some(known), _) if known.holds(&object.etag) => {
                Err(ObjectError::not_modified(&object.etag))
            }
            (None, Some(date)) if modified <= date => Err(ObjectError::not_modified(&object.etag)),
            _ => Ok(()),
        }
    }

    /// Decides on the source of a copy, where there is no answer "not modified".
    ///
    /// # Errors
    /// [`ObjectError::PreconditionFailed`].
    pub fn for_copying(&self, object: &ObjectVersion) -> Result<(), ObjectError> {
        self.for_reading(object)
            .map_err(|_| ObjectError::PreconditionFailed)
    }

    /// Decides on writing in the place of `old`, the present object; `None` when there is none.
    ///
    /// # Errors
    /// [`ObjectError::PreconditionFailed`], or [`ObjectError::NoSuchKey`] for `If-Match` where there is no object.
    pub fn for_writing(&self, old: Option<&ObjectVersion>) -> Result<(), ObjectError> {
        let etag = old.map(|object| object.etag.as_str());
        match (&self.if_match, etag) {
            (Some(_), None) => return Err(ObjectError::NoSuchKey),
            (Some(wanted), Some(etag)) if !wanted.holds(etag) => {
                return Err(ObjectError::PreconditionFailed);
            }
            _ => {}
        }
        match (&self.if_none_match, etag) {
            (Some(known), Some(etag)) if known.holds(etag) => Err(ObjectError::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

/// Conditions on an object that is to be deleted: the version that is named, or the newest one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteConditions {
    /// `If-Match`, or `ETag` in a list of deletions.
    pub if_match: Option<EtagMatch>,
    /// `x-amz-if-match-size`, or `Size` in a list of deletions: in bytes.
    pub size: Option<u64>,
    /// `x-amz-if-match-last-modified-time`, or `LastModifiedTime` in a list of deletions: in seconds since 1970.
    pub modified: Option<i64>,
}

impl DeleteConditions {
    /// Decides on the deletion of `object`; `None` when there is none, or a delete marker.
    ///
    /// An object that is not there has no `ETag` that could match, but size and time are asked only of one that is there.
    ///
    /// # Errors
    /// [`ObjectError::PreconditionFailed`].
    pub fn for_deleting(&self, object: Option<&ObjectVersion>) -> Result<(), ObjectError> {
        let holds = match object {
            None => self.if_match.is_none(),
            Some(object) => {
                let is_same = self.if_match.as_ref().map(|etag| etag.holds(&object.etag));
                let has_size = self.size.map(|size| size == object.size);
                let has_time = self
                    .modified
                    .map(|time| time == object.modified.div_euclid(1000));
                [is_same, has_size, has_time]
                    .into_iter()
                    .flatten()
                    .all(|it| it)
            }
        };
        if holds {
            Ok(())
        } else {
            Err(ObjectError::PreconditionFailed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn code(result: Result<(), ObjectError>) -> &'static str {
        result.map_or_else(|error| error.code(), |()| "")
    }

    #[test]
    fn writing() {
        let object = fixture::object(1);
        let (any, is) = (EtagMatch::Any, EtagMatch::Is(object.etag.clone()));
        let other = EtagMatch::Is("other".to_owned());
        for (if_match, if_none_match, present, absent) in [
            (None, None, "", ""),
            (Some(any.clone()), None, "", "NoSuchKey"),
            (Some(is.clone()), None, "", "NoSuchKey"),
            (Some(other.clone()), None, "PreconditionFailed", "NoSuchKey"),
            (None, Some(any), "PreconditionFailed", ""),
            (None, Some(is), "PreconditionFailed", ""),
            (None, Some(other), "", ""),
        ] {
            let conditions = Conditions {
                if_match,
                if_none_match,
                ..Conditions::default()
            };
            let decided = code(conditions.for_writing(Some(&object)));
            assert_eq!(decided, present, "{conditions:?}");
            assert_eq!(code(conditions.for_writing(None)), absent, "{conditions:?}");
        }
    }

    #[test]
    fn deleting() {
        // It was made at second 1 and half another.
        let object = fixture::object(1_500);
        let is = EtagMatch::Is(object.etag.clone());
        let other = EtagMatch::Is("other".to_owned());
        for (if_match, size, modified, present, absent) in [
            (None, None, None, "", ""),
            (Some(EtagMatch::Any), None, None, "", "PreconditionFailed"),
            (Some(is.clone()), Some(3), Some(1), "", "PreconditionFailed"),
            (
                Some(is),
                Some(4),
                None,
                "PreconditionFailed",
                "PreconditionFailed",
            ),
            (
                Some(other),
                None,
                None,
                "PreconditionFailed",
                "PreconditionFailed",
            ),
            (None, Some(3), None, "", ""),
            (None, Some(2), None, "PreconditionFailed", ""),
            (None, None, Some(2), "PreconditionFailed", ""),
        ] {
            let conditions = DeleteConditions {
                if_match,
                size,
                modified,
            };
            let decided = code(conditions.for_deleting(Some(&object)));
            assert_eq!(decided, present, "{conditions:?}");
            let decided = code(conditions.for_deleting(None));
            assert_eq!(decided, absent, "{conditions:?}");
        }
    }

    #[test]
    fn reading_and_copying() {
        // It was made at second 1 and half another.
        let object = fixture::object(1_500);
        let is = Some(EtagMatch::Is(object.etag.clone()));
        let other = Some(EtagMatch::Is("other".to_owned()));
        let none = Conditions::default;
        for (conditions, answer) in [
            (none(), ""),
            (
                Conditions {
                    if_match: is.clone(),
                    unmodified_since: Some(0),
                    ..none()
                },
                "",
            ),
            (
                Conditions {
                    if_match: other.clone(),
                    ..none()
                },
                "PreconditionFailed",
            ),
            (
                Conditions {
                    unmodified_since: Some(0),
                    ..none()
                },
                "PreconditionFailed",
            ),
            (
                Conditions {
                    unmodified_since: Some(1),
                    ..none()
                },
                "",
            ),
            (
                Conditions {
                    if_none_match: is,
                    ..none()
                },
                "NotModified",
            ),
            (
                Conditions {
                    if_none_match: other,
                    modified_since: Some(9),
                    ..none()
                },
                "",
            ),
            (
                Conditions {
                    modified_since: Some(1),
                    ..none()
                },
                "NotModified",
            ),
            (
                Conditions {
                    modified_since: Some(0),
                    ..none()
                },
                "",
            ),
        ] {
            assert_eq!(
                code(conditions.for_reading(&object)),
                answer,
                "{conditions:?}"
            );
            let copied = if answer.is_empty() {
                ""
            } else {
                "PreconditionFailed"
            };
            assert_eq!(
                code(conditions.for_copying(&object)),
                copied,
                "{conditions:?}"
            );
        }
    }
}
