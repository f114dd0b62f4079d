//! Buckets that are made, change and go.

use gumnut_cloud_catalogue::{
    BucketChange, BucketSettings, BucketState, Identity, KnownAccounts, NewBucket, Permission,
};

use crate::access;
use crate::acl_request::AclRequest;
use crate::error::ObjectError;
use crate::setting::{IfExists, SettingChange};

/// A bucket to be made.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    pub(crate) caller: Identity,
    pub(crate) acl: AclRequest,
    /// The accounts that the ACL names.
    pub(crate) known: KnownAccounts,
    pub(crate) settings: BucketSettings,
    pub(crate) if_exists: IfExists,
    /// Most buckets of an account.
    pub(crate) limit: u32,
}

/// Decides whether a bucket is created. Creating one that the caller owns already changes nothing.
pub(crate) fn create(
    state: &BucketState,
    request: &Creation,
) -> Result<(BucketChange, ()), ObjectError> {
    let user = request.caller.user().ok_or(ObjectError::AccessDenied)?;
    let id = &user.canonical_id;
    if let Some(bucket) = &state.bucket {
        if bucket.account != user.account.as_str() {
            return Err(ObjectError::BucketExists);
        }
        let acl = request.acl.resolve(&request.known, id, id)?;
        return match request.if_exists {
            IfExists::Refuse => Err(ObjectError::BucketOwned),
            IfExists::AcceptIfOwned if acl == bucket.acl => Ok((BucketChange::default(), ())),
            IfExists::AcceptIfOwned => Err(ObjectError::BucketExists),
        };
    }
    if state.owned >= request.limit {
        return Err(ObjectError::TooManyBuckets);
    }
    let change = BucketChange {
        create: Some(NewBucket {
            account: user.account.as_str().to_owned(),
            acl: request.acl.resolve(&request.known, id, id)?,
            settings: request.settings.clone(),
        }),
        ..BucketChange::default()
    };
    Ok((change, ()))
}

/// Decides whether a bucket goes, and with it the uploads to it.
pub(crate) fn delete(
    state: &BucketState,
    caller: &Identity,
) -> Result<(BucketChange, ()), ObjectError> {
    access::owned_bucket(state.bucket.as_ref(), caller)?;
    if state.has_objects {
        return Err(ObjectError::BucketNotEmpty);
    }
    let change = BucketChange {
        delete: true,
        ..BucketChange::default()
    };
    Ok((change, ()))
}

/// Decides whether a bucket gets an ACL.
pub(crate) fn set_acl(
    state: &BucketState,
    caller: &Identity,
    acl: &AclRequest,
    known: &KnownAccounts,
) -> Result<(BucketChange, ()), ObjectError> {
    let bucket = access::bucket(state.bucket.as_ref(), caller, Permission::WriteAcp)?;
    let acl = acl.resolve(known, &bucket.owner.id, &bucket.owner.id)?;
    access::check_new_acl(bucket, &acl)?;
    let change = BucketChange {
        acl: Some(acl),
        ..BucketChange::default()
    };
    Ok((change, ()))
}

/// Decides whether a setting of a bucket changes.
pub(crate) fn change_settings(
    state: &BucketState,
    caller: &Identity,
    setting: &SettingChange,
) -> Result<(BucketChange, ()), ObjectError> {
    let bucket = access::owned_bucket(state.bucket.as_ref(), caller)?;
    let change = BucketChange {
        settings: Some(setting.apply(&bucket.settings)?),
        ..BucketChange::default()
    };
    Ok((change, ()))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{Acl, Bucket, CannedAcl, PublicAccess, Versioning};

    use super::*;
    use crate::acl_request::GranteeName;
    use crate::fixture;

    fn creation(caller: Identity) -> Creation {
        Creation {
            caller,
            acl: AclRequest::Default,
            known: fixture::known_accounts(),
            settings: BucketSettings {
                location: Some("EU".to_owned()),
                ..BucketSettings::default()
            },
            if_exists: IfExists::AcceptIfOwned,
            limit: 2,
        }
    }

    fn state(bucket: Option<Bucket>) -> BucketState {
        BucketState {
            bucket,
            ..BucketState::default()
        }
    }

    fn code<T>(decided: Result<T, ObjectError>) -> &'static str {
        decided.map_or_else(|error| error.code(), |_| "")
    }

    #[test]
    fn a_new_bucket_is_the_callers() {
        let (change, ()) = create(&state(None), &creation(fixture::alice())).unwrap();
        let new = change.create.unwrap();
        assert_eq!(new.account, "111111111111");
        assert_eq!(new.acl, Acl::private("alice-id"));
        assert_eq!(new.settings.location.as_deref(), Some("EU"));
        let anonymous = creation(Identity::Anonymous);
        assert_eq!(code(create(&state(None), &anonymous)), "AccessDenied");
    }

    #[test]
    fn an_account_has_so_many_buckets() {
        let of = |owned| BucketState {
            owned,
            ..BucketState::default()
        };
        assert_eq!(code(create(&of(1), &creation(fixture::alice()))), "");
        assert_eq!(
            code(create(&of(2), &creation(fixture::alice()))),
            "TooManyBuckets"
        );
        // The limit comes before grantees that there are not.
        let mut unknown = creation(fixture::alice());
        let nobody = GranteeName::Email("nobody@example.org".to_owned());
        unknown.acl = AclRequest::Grants(vec![(nobody, Permission::Read)]);
        assert_eq!(code(create(&of(2), &unknown)), "TooManyBuckets");
        assert_eq!(
            code(create(&of(0), &unknown)),
            "UnresolvableGrantByEmailAddress"
        );
    }

    #[test]
    fn a_bucket_that_is_there() {
        let there = state(Some(fixture::bucket()));
        let mut alice = creation(fixture::alice());
        let (change, ()) = create(&there, &alice).unwrap();
        assert_eq!(change, BucketChange::default());
        assert_eq!(
            code(create(&there, &creation(fixture::bob()))),
            "BucketAlreadyExists"
        );
        alice.acl = AclRequest::Canned(CannedAcl::PublicRead);
        assert_eq!(code(create(&there, &alice)), "BucketAlreadyExists");
        alice.if_exists = IfExists::Refuse;
        assert_eq!(code(create(&there, &alice)), "BucketAlreadyOwnedByYou");
    }

    #[test]
    fn only_an_empty_bucket_goes_by_its_owner() {
        let mut there = state(Some(fixture::bucket()));
        assert_eq!(
            code(delete(&state(None), &fixture::alice())),
            "NoSuchBucket"
        );
        assert_eq!(code(delete(&there, &fixture::bob())), "AccessDenied");
        assert!(delete(&there, &fixture::alice()).unwrap().0.delete);
        there.has_objects = true;
        assert_eq!(code(delete(&there, &fixture::bob())), "AccessDenied");
        assert_eq!(code(delete(&there, &fixture::alice())), "BucketNotEmpty");
    }

    #[test]
    fn acls() {
        let known = fixture::known_accounts();
        let public = AclRequest::Canned(CannedAcl::PublicRead);
        let mut there = state(Some(fixture::bucket()));
        let (change, ()) = set_acl(&there, &fixture::alice(), &public, &known).unwrap();
        assert!(change.acl.unwrap().is_public());
        assert_eq!(
            code(set_acl(&there, &fixture::bob(), &public, &known)),
            "AccessDenied"
        );
        if let Some(bucket) = &mut there.bucket {
            bucket.settings.public_access = Some(PublicAccess {
                block_acls: true,
                ..PublicAccess::default()
            });
        }
        assert_eq!(
            code(set_acl(&there, &fixture::alice(), &public, &known)),
            "AccessDenied"
        );
        assert_eq!(
            code(set_acl(
                &there,
                &fixture::alice(),
                &AclRequest::Default,
                &known
            )),
            ""
        );
    }

    #[test]
    fn settings_are_the_owners() {
        let there = state(Some(fixture::bucket()));
        let enable = SettingChange::Versioning(Versioning::Enabled);
        let (change, ()) = change_settings(&there, &fixture::alice(), &enable).unwrap();
        assert_eq!(change.settings.unwrap().versioning, Versioning::Enabled);
        assert_eq!(
            code(change_settings(&there, &fixture::bob(), &enable)),
            "AccessDenied"
        );
        assert_eq!(
            code(change_settings(&state(None), &fixture::bob(), &enable)),
            "NoSuchBucket"
        );
    }
}
