//! ACLs on the wire: canned, in headers, and as documents.

use std::collections::HashMap;

use gumnut_cloud_catalogue::{Acl, CannedAcl, Grant, Grantee, Owner, Permission};
use gumnut_cloud_objects::{AclRequest, GranteeName, ObjectError, ObjectStore};
use http::HeaderMap;
use s3s::{S3Request, dto};

use crate::context::caller;
use crate::convert::{self, object_ref};
use crate::options::{RefuseAcl, S3Options};

/// Most grants of a list, as in S3.
const MAX_GRANTS: usize = 100;

/// The ACL that a request asks for in its headers; `None`: it does not have that header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AclHeaders<'a> {
    /// `x-amz-acl`
    pub(super) canned: Option<&'a str>,
    /// `x-amz-grant-full-control`
    pub(super) full_control: Option<&'a str>,
    /// `x-amz-grant-read`
    pub(super) read: Option<&'a str>,
    /// `x-amz-grant-read-acp`
    pub(super) read_acp: Option<&'a str>,
    /// `x-amz-grant-write`
    pub(super) write: Option<&'a str>,
    /// `x-amz-grant-write-acp`
    pub(super) write_acp: Option<&'a str>,
}

/// The headers of an input that ask for an ACL; the inputs that have them name them alike. Those of new objects lack
/// `grant_write`, which comes from the headers of the request.
macro_rules! acl_headers {
    ($input:expr, grant_write) => {
        $crate::acl::acl_headers!($input, $input.grant_write.as_deref())
    };
    ($input:expr, $write:expr) => {
        $crate::acl::AclHeaders {
            canned: $input.acl.as_ref().map(|acl| acl.as_str()),
            full_control: $input.grant_full_control.as_deref(),
            read: $input.grant_read.as_deref(),
            read_acp: $input.grant_read_acp.as_deref(),
            write: $write,
            write_acp: $input.grant_write_acp.as_deref(),
        }
    };
}
pub(super) use acl_headers;

/// `x-amz-grant-write` of a request that makes an object, as its headers are.
pub(super) fn grant_write(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-grant-write")?.to_str().ok()
}

impl AclHeaders<'_> {
    /// What is asked for; `refuse` says how canned ACLs are refused.
    pub(super) fn request(&self, refuse: Option<RefuseAcl>) -> Result<AclRequest, ObjectError> {
        let grants = self.grants()?;
        let Some(name) = self.canned else {
            return Ok(if grants.is_empty() {
                AclRequest::Default
            } else {
                AclRequest::Grants(grants)
            });
        };
        if !grants.is_empty() {
            return Err(ObjectError::invalid_request(
                "Specifying both Canned ACLs and Header Grants is not allowed",
            ));
        }
        let canned = CannedAcl::parse(name).ok_or_else(|| unknown_acl(name))?;
        match refuse {
            Some(RefuseAcl::Always) => Err(ObjectError::AccessControlListNotSupported),
            Some(RefuseAcl::Foreign) if canned.is_foreign() => Err(unknown_acl(name)),
            _ => Ok(AclRequest::Canned(canned)),
        }
    }

    /// The grants of the five headers, in the order in which ACLs list permissions.
    fn grants(&self) -> Result<Vec<(GranteeName, Permission)>, ObjectError> {
        let mut grants = Vec::new();
        for (header, permission) in [
            (self.full_control, Permission::FullControl),
            (self.read, Permission::Read),
            (self.read_acp, Permission::ReadAcp),
            (self.write, Permission::Write),
            (self.write_acp, Permission::WriteAcp),
        ] {
            let names = header.unwrap_or_default().split(',').map(str::trim);
            for name in names.filter(|name| !name.is_empty()) {
                grants.push((grantee_name(name)?, permission));
            }
        }
        check_count(grants.len())?;
        Ok(grants)
    }
}

fn unknown_acl(name: &str) -> ObjectError {
    ObjectError::argument(format!("Unknown canned ACL {name:?}"))
}

/// `id="..."`, `emailAddress="..."` or `uri="..."`, with or without quotes.
fn grantee_name(text: &str) -> Result<GranteeName, ObjectError> {
    let (kind, value) = text.split_once('=').ok_or_else(malformed_grantee)?;
    let name = value.trim().trim_matches('"').to_owned();
    match kind.trim().to_ascii_lowercase().as_str() {
        "id" => Ok(GranteeName::Id(name)),
        "emailaddress" => Ok(GranteeName::Email(name)),
        "uri" => Ok(GranteeName::Group(name)),
        _ => Err(malformed_grantee()),
    }
}

fn malformed_grantee() -> ObjectError {
    ObjectError::argument("Argument format not recognized")
}

/// Refuses more grants than an ACL may have.
fn check_count(count: usize) -> Result<(), ObjectError> {
    if count > MAX_GRANTS {
        return Err(ObjectError::MalformedAcl);
    }
    Ok(())
}

/// The list of a document; the owner it names, if any, must be the one there is.
fn of_document(policy: dto::AccessControlPolicy, owner: &Owner) -> Result<AclRequest, ObjectError> {
    // An empty document would take every permission away.
    if policy.owner.is_none() && policy.grants.is_none() {
        return Err(ObjectError::MalformedAcl);
    }
    let named = policy.owner.and_then(|owner| owner.id);
    if named.is_some_and(|id| id != owner.id) {
        return Err(ObjectError::AccessDenied);
    }
    let grants = policy.grants.unwrap_or_default();
    check_count(grants.len())?;
    let grants = grants.into_iter().map(of_grant);
    Ok(AclRequest::Grants(grants.collect::<Result<_, _>>()?))
}

/// A grant of a document.
fn of_grant(grant: dto::Grant) -> Result<(GranteeName, Permission), ObjectError> {
    let permission = grant
        .permission
        .and_then(|permission| Permission::parse(permission.as_str()))
        .ok_or(ObjectError::MalformedAcl)?;
    let grantee = grant.grantee.ok_or(ObjectError::MalformedAcl)?;
    let name = match (grantee.id, grantee.uri, grantee.email_address) {
        (Some(id), None, None) => GranteeName::Id(id),
        (None, Some(uri), None) => GranteeName::Group(uri),
        (None, None, Some(email)) => GranteeName::Email(email),
        _ => return Err(ObjectError::MalformedAcl),
    };
    Ok((name, permission))
}

/// What a request on `?acl` asks for: a document or headers.
fn of_request(
    in_headers: AclRequest,
    document: Option<dto::AccessControlPolicy>,
    owner: &Owner,
) -> Result<AclRequest, ObjectError> {
    match (in_headers, document) {
        (AclRequest::Default, Some(document)) => of_document(document, owner),
        (AclRequest::Default, None) => Err(ObjectError::MissingSecurityHeader),
        (_, Some(_)) => Err(ObjectError::UnexpectedContent),
        (asked, None) => Ok(asked),
    }
}

/// The grants of an ACL, with the names of the accounts.
async fn grants(store: &ObjectStore, acl: Acl) -> Result<Vec<dto::Grant>, ObjectError> {
    let names = store.account_names(&acl).await?;
    // Groups first, as Ceph's gateway lists them: its clients and suites rely on it.
    let (accounts, groups): (Vec<_>, Vec<_>) =
        (acl.0.into_iter()).partition(|grant| matches!(grant.grantee, Grantee::Account(_)));
    Ok(groups
        .into_iter()
        .chain(accounts)
        .map(|grant| written_grant(&grant, &names))
        .collect())
}

/// A grant as documents have it; `names` are display names by canonical user id.
fn written_grant(grant: &Grant, names: &HashMap<String, String>) -> dto::Grant {
    let (id, kind) = match &grant.grantee {
        Grantee::Account(id) => (Some(id.clone()), dto::Type::CANONICAL_USER),
        _ => (None, dto::Type::GROUP),
    };
    dto::Grant {
        grantee: Some(dto::Grantee {
            display_name: id.as_ref().and_then(|id| names.get(id).cloned()),
            email_address: None,
            id,
            type_: dto::Type::from_static(kind),
            uri: grant.grantee.group().map(str::to_owned),
        }),
        permission: Some(dto::Permission::from_static(grant.permission.as_str())),
    }
}

/// `GetBucketAcl`
pub(super) async fn get_of_bucket(
    store: &ObjectStore,
    request: S3Request<dto::GetBucketAclInput>,
) -> Result<dto::GetBucketAclOutput, ObjectError> {
    let caller = caller(&request);
    let name = request.input.bucket;
    let bucket = store.bucket(&caller, &name, Permission::ReadAcp).await?;
    Ok(dto::GetBucketAclOutput {
        grants: Some(grants(store, bucket.acl).await?),
        owner: Some(convert::owner(bucket.owner)),
    })
}

/// `PutBucketAcl`
pub(super) async fn put_of_bucket(
    store: &ObjectStore,
    options: &S3Options,
    request: S3Request<dto::PutBucketAclInput>,
) -> Result<dto::PutBucketAclOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let bucket = store
        .bucket(&caller, &input.bucket, Permission::WriteAcp)
        .await?;
    let asked = acl_headers!(input, grant_write).request(options.refuse_acl)?;
    let acl = of_request(asked, input.access_control_policy, &bucket.owner)?;
    store.set_bucket_acl(&caller, &input.bucket, acl).await?;
    Ok(dto::PutBucketAclOutput::default())
}

/// `GetObjectAcl`
pub(super) async fn get_of_object(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectAclInput>,
) -> Result<dto::GetObjectAclOutput, ObjectError> {
    let caller = caller(&request);
    let at = object_ref!(request.input);
    let object = store
        .object(&caller, &at, Permission::ReadAcp)
        .await?
        .object;
    Ok(dto::GetObjectAclOutput {
        grants: Some(grants(store, object.acl).await?),
        owner: Some(convert::owner(object.owner)),
        ..dto::GetObjectAclOutput::default()
    })
}

/// `PutObjectAcl`
pub(super) async fn put_of_object(
    store: &ObjectStore,
    options: &S3Options,
    request: S3Request<dto::PutObjectAclInput>,
) -> Result<dto::PutObjectAclOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let at = object_ref!(input);
    let object = store
        .object(&caller, &at, Permission::WriteAcp)
        .await?
        .object;
    let asked = acl_headers!(input, grant_write).request(options.refuse_acl)?;
    let acl = of_request(asked, input.access_control_policy, &object.owner)?;
    store.set_object_acl(&caller, &at, acl).await?;
    Ok(dto::PutObjectAclOutput::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_in_headers() {
        let headers = AclHeaders {
            read: Some("id=\"abc\", uri=http://x , emailAddress=\"a@b\""),
            write_acp: Some("ID=abc"),
            ..AclHeaders::default()
        };
        let id = || GranteeName::Id("abc".to_owned());
        let expected = vec![
            (id(), Permission::Read),
            (GranteeName::Group("http://x".to_owned()), Permission::Read),
            (GranteeName::Email("a@b".to_owned()), Permission::Read),
            (id(), Permission::WriteAcp),
        ];
        assert_eq!(headers.request(None).unwrap(), AclRequest::Grants(expected));
        let both = AclHeaders {
            canned: Some("private"),
            ..headers
        };
        let both = both.request(None).unwrap_err();
        assert_eq!(both.code(), "InvalidRequest");
        let unknown = AclHeaders {
            canned: Some("mine"),
            ..AclHeaders::default()
        };
        assert_eq!(unknown.request(None).unwrap_err().code(), "InvalidArgument");
    }

    #[test]
    fn acls_are_refused_as_other_stores_refuse_them() {
        let code = |refuse: RefuseAcl, name: &str| {
            let headers = AclHeaders {
                canned: Some(name),
                ..AclHeaders::default()
            };
            headers
                .request(Some(refuse))
                .err()
                .map(|error| error.code())
        };
        let foreign = "aws-exec-read";
        assert_eq!(
            code(RefuseAcl::Always, foreign),
            Some("AccessControlListNotSupported")
        );
        assert_eq!(code(RefuseAcl::Foreign, foreign), Some("InvalidArgument"));
        assert_eq!(code(RefuseAcl::Foreign, "public-read"), None);
    }
}
