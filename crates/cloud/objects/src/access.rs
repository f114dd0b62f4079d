//! Who may do what: rights of a caller to buckets and objects that have been looked up.

use gumnut_cloud_catalogue::{Acl, Bucket, Identity, ObjectVersion, Permission};

use crate::error::ObjectError;

/// The bucket; the caller is not checked.
pub(crate) fn any_bucket(bucket: Option<&Bucket>) -> Result<&Bucket, ObjectError> {
    bucket.ok_or(ObjectError::NoSuchBucket)
}

/// The bucket, if it is the caller's.
pub(crate) fn owned_bucket<'b>(
    bucket: Option<&'b Bucket>,
    caller: &Identity,
) -> Result<&'b Bucket, ObjectError> {
    let bucket = any_bucket(bucket)?;
    if caller.owns(&bucket.owner.id) {
        Ok(bucket)
    } else {
        Err(ObjectError::AccessDenied)
    }
}

/// The bucket, if the caller may do to it what `permission` says.
pub(crate) fn bucket<'b>(
    bucket: Option<&'b Bucket>,
    caller: &Identity,
    permission: Permission,
) -> Result<&'b Bucket, ObjectError> {
    let bucket = any_bucket(bucket)?;
    if allows(bucket, &bucket.acl, caller, &bucket.owner.id, permission) {
        Ok(bucket)
    } else {
        Err(ObjectError::AccessDenied)
    }
}

/// Whether the caller decides what is kept in the bucket and for how long: its owner's account, and who has `FULL_CONTROL` of
/// it. `WRITE` is not enough to remove versions, to lock objects or to pass locks by.
pub(crate) fn controls(bucket: &Bucket, caller: &Identity) -> bool {
    caller.owns(&bucket.owner.id)
        || allows(
            bucket,
            &bucket.acl,
            caller,
            &bucket.owner.id,
            Permission::FullControl,
        )
}

/// Refuses callers who do not [control](controls) the bucket.
pub(crate) fn check_controls(bucket: &Bucket, caller: &Identity) -> Result<(), ObjectError> {
    if controls(bucket, caller) {
        Ok(())
    } else {
        Err(ObjectError::AccessDenied)
    }
}

/// The object, if the caller may do to it what `permission` says. Whether an object is missing is shown only to those who
/// may list the bucket. `is_named` says whether the request names a version.
pub(crate) fn object<'o>(
    found: Option<&Bucket>,
    object: Option<&'o ObjectVersion>,
    is_named: bool,
    caller: &Identity,
    permission: Permission,
) -> Result<&'o ObjectVersion, ObjectError> {
    let bucket = any_bucket(found)?;
    let missing = match object {
        None if is_named => ObjectError::NoSuchVersion,
        None => ObjectError::NoSuchKey,
        Some(marker) if marker.marker && !is_named => ObjectError::deleted(&marker.version),
        Some(object) => {
            if !allows(bucket, &object.acl, caller, &object.owner.id, permission) {
                return Err(ObjectError::AccessDenied);
            }
            if object.marker {
                return Err(ObjectError::is_marker(&object.version));
            }
            return Ok(object);
        }
    };
    let may_list = allows(
        bucket,
        &bucket.acl,
        caller,
        &bucket.owner.id,
        Permission::Read,
    );
    Err(if may_list {
        missing
    } else {
        ObjectError::AccessDenied
    })
}

/// Whether an ACL in this bucket allows something, be it the bucket's own or that of an object of `owner`.
fn allows(
    bucket: &Bucket,
    acl: &Acl,
    caller: &Identity,
    owner: &str,
    permission: Permission,
) -> bool {
    let access = bucket.settings.public_access.unwrap_or_default();
    if access.ignore_acls {
        let closed = acl.clone().without_public();
        closed.allows(caller, owner, permission)
    } else {
        acl.allows(caller, owner, permission)
    }
}

/// Refuses a new ACL that opens something to the public where that is blocked.
pub(crate) fn check_new_acl(bucket: &Bucket, acl: &Acl) -> Result<(), ObjectError> {
    let access = bucket.settings.public_access.unwrap_or_default();
    if access.block_acls && acl.is_public() {
        return Err(ObjectError::AccessDenied);
    }
    Ok(())
}

/// The account that owns a new object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewOwner<'a> {
    /// The number of the account.
    pub(crate) account: &'a str,
    /// The canonical user id.
    pub(crate) id: &'a str,
}

/// Whose a new object is: what an anonymous caller puts into an open bucket is the bucket owner's.
pub(crate) fn new_owner<'a>(caller: &'a Identity, bucket: &'a Bucket) -> NewOwner<'a> {
    match caller.user() {
        Some(user) => NewOwner {
            account: user.account.as_str(),
            id: &user.canonical_id,
        },
        None => NewOwner {
            account: &bucket.account,
            id: &bucket.owner.id,
        },
    }
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{CannedAcl, Grantee, PublicAccess};

    use super::*;
    use crate::fixture;

    fn code<T>(result: Result<T, ObjectError>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "")
    }

    #[test]
    fn buckets_are_for_their_owner_and_for_whom_the_acl_names() {
        let (alice, bob) = (fixture::alice(), fixture::bob());
        let mut mine = fixture::bucket();
        assert_eq!(code(owned_bucket(None, &alice)), "NoSuchBucket");
        assert_eq!(code(owned_bucket(Some(&mine), &alice)), "");
        assert_eq!(code(owned_bucket(Some(&mine), &bob)), "AccessDenied");
        assert_eq!(code(bucket(None, &bob, Permission::Read)), "NoSuchBucket");
        assert_eq!(
            code(bucket(Some(&mine), &bob, Permission::Read)),
            "AccessDenied"
        );
        mine.acl = mine
            .acl
            .and(Grantee::Account("bob-id".to_owned()), Permission::Read);
        assert_eq!(code(bucket(Some(&mine), &bob, Permission::Read)), "");
        assert_eq!(
            code(bucket(Some(&mine), &bob, Permission::Write)),
            "AccessDenied"
        );
    }

    #[test]
    fn writing_is_not_control() {
        let (alice, bob) = (fixture::alice(), fixture::bob());
        let anonymous = Identity::Anonymous;
        let mut mine = fixture::bucket();
        mine.acl = CannedAcl::PublicReadWrite.grants("alice-id", "alice-id");
        assert!(!controls(&mine, &bob) && !controls(&mine, &anonymous));
        // The owner's rights are grants that can be taken away, but not this one.
        mine.acl = Acl::default().and(
            Grantee::Account("bob-id".to_owned()),
            Permission::FullControl,
        );
        assert!(controls(&mine, &alice) && controls(&mine, &bob));
        assert_eq!(code(check_controls(&mine, &anonymous)), "AccessDenied");
        assert_eq!(code(check_controls(&mine, &bob)), "");
    }

    #[test]
    fn what_is_missing_is_told_to_those_who_may_list() {
        let bucket = fixture::bucket();
        let marker = ObjectVersion {
            marker: true,
            ..fixture::object(1)
        };
        for (found, named, owner, stranger) in [
            (None, false, "NoSuchKey", "AccessDenied"),
            (None, true, "NoSuchVersion", "AccessDenied"),
            (Some(&marker), false, "NoSuchKey", "AccessDenied"),
            (Some(&marker), true, "MethodNotAllowed", "AccessDenied"),
            (Some(&fixture::object(1)), false, "", "AccessDenied"),
            (Some(&fixture::object(1)), true, "", "AccessDenied"),
        ] {
            let ask = |caller: &Identity| {
                code(object(
                    Some(&bucket),
                    found,
                    named,
                    caller,
                    Permission::Read,
                ))
            };
            assert_eq!(ask(&fixture::alice()), owner, "{found:?} {named}");
            assert_eq!(ask(&fixture::bob()), stranger, "{found:?} {named}");
        }
    }

    #[test]
    fn markers_name_their_version_in_headers() {
        let marker = ObjectVersion {
            marker: true,
            ..fixture::object(1)
        };
        let bucket = fixture::bucket();
        let hidden = object(
            Some(&bucket),
            Some(&marker),
            false,
            &fixture::alice(),
            Permission::Read,
        );
        let headers = hidden.unwrap_err().headers().to_vec();
        assert_eq!(headers[0], ("x-amz-delete-marker", "true".to_owned()));
        assert_eq!(headers[1], ("x-amz-version-id", marker.version));
    }

    #[test]
    fn the_public_access_block_outweighs_acls() {
        let mut bucket_of_all = fixture::bucket();
        let public = CannedAcl::PublicRead.grants("alice-id", "alice-id");
        bucket_of_all.acl = public.clone();
        let anonymous = Identity::Anonymous;
        assert_eq!(
            code(bucket(Some(&bucket_of_all), &anonymous, Permission::Read)),
            ""
        );
        assert_eq!(code(check_new_acl(&bucket_of_all, &public)), "");
        bucket_of_all.settings.public_access = Some(PublicAccess {
            ignore_acls: true,
            block_acls: true,
            ..PublicAccess::default()
        });
        let refused = bucket(Some(&bucket_of_all), &anonymous, Permission::Read);
        assert_eq!(code(refused), "AccessDenied");
        assert_eq!(
            code(bucket(
                Some(&bucket_of_all),
                &fixture::alice(),
                Permission::Read
            )),
            ""
        );
        assert_eq!(code(check_new_acl(&bucket_of_all, &public)), "AccessDenied");
        assert_eq!(
            code(check_new_acl(&bucket_of_all, &Acl::private("alice-id"))),
            ""
        );
    }

    #[test]
    fn what_nobody_in_particular_puts_is_the_bucket_owners() {
        let bucket = fixture::bucket();
        let bob = fixture::bob();
        assert_eq!(new_owner(&bob, &bucket).id, "bob-id");
        let owner = new_owner(&Identity::Anonymous, &bucket);
        assert_eq!((owner.account, owner.id), ("111111111111", "alice-id"));
    }
}
