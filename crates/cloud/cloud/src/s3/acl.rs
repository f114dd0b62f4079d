//! ACLs on the wire: canned, in headers, and as documents.

use s3s::{S3Request, dto};

use super::context::caller;
use super::options::RefuseAcl;
use super::{S3Options, convert};
use crate::catalogue::Owner;
use crate::store::{
    Acl, AclRequest, CannedAcl, Grantee, GranteeName, Permission, Place, Store, StoreError,
};

/// Most grants of a list, as in S3.
const MAX_GRANTS: usize = 100;

/// The headers with grants.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GrantHeaders<'a> {
    pub(super) full_control: Option<&'a str>,
    pub(super) read: Option<&'a str>,
    pub(super) read_acp: Option<&'a str>,
    pub(super) write: Option<&'a str>,
    pub(super) write_acp: Option<&'a str>,
}

/// The ACL that a request asks for in its headers.
pub(super) fn asked(
    refuse: Option<RefuseAcl>,
    canned: Option<&str>,
    headers: &GrantHeaders<'_>,
) -> Result<AclRequest, StoreError> {
    let grants = headers.parse()?;
    let Some(name) = canned else {
        let none = grants.is_empty();
        return Ok(if none {
            AclRequest::Default
        } else {
            AclRequest::Grants(grants)
        });
    };
    if !grants.is_empty() {
        return Err(StoreError::invalid_request(
            "Specifying both Canned ACLs and Header Grants is not allowed",
        ));
    }
    let canned = CannedAcl::parse(name)
        .ok_or_else(|| StoreError::argument(format!("Unknown canned ACL {name:?}")))?;
    match refuse {
        Some(RefuseAcl::Always) => Err(StoreError::AccessControlListNotSupported),
        Some(RefuseAcl::Foreign) if canned.is_foreign() => {
            Err(StoreError::argument(format!("Unknown canned ACL {name:?}")))
        }
        _ => Ok(AclRequest::Canned(canned)),
    }
}

impl GrantHeaders<'_> {
    fn parse(&self) -> Result<Vec<(GranteeName, Permission)>, StoreError> {
        let headers = [
            (self.full_control, Permission::FullControl),
            (self.read, Permission::Read),
            (self.read_acp, Permission::ReadAcp),
            (self.write, Permission::Write),
            (self.write_acp, Permission::WriteAcp),
        ];
        let mut grants = Vec::new();
        for (header, permission) in headers {
            let names = header.unwrap_or_default().split(',').map(str::trim);
            for name in names.filter(|name| !name.is_empty()) {
                grants.push((grantee_name(name)?, permission));
            }
        }
        check_count(grants.len())?;
        Ok(grants)
    }
}

/// `id="..."`, `emailAddress="..."` or `uri="..."`, with or without quotes.
fn grantee_name(text: &str) -> Result<GranteeName, StoreError> {
    let malformed = || StoreError::argument("Argument format not recognized");
    let (kind, value) = text.split_once('=').ok_or_else(malformed)?;
    let value = value.trim().trim_matches('"').to_owned();
    match kind.trim().to_ascii_lowercase().as_str() {
        "id" => Ok(GranteeName::Id(value)),
        "emailaddress" => Ok(GranteeName::Email(value)),
        "uri" => Ok(GranteeName::Group(value)),
        _ => Err(malformed()),
    }
}

fn check_count(count: usize) -> Result<(), StoreError> {
    if count > MAX_GRANTS {
        return Err(StoreError::MalformedAcl);
    }
    Ok(())
}

/// The list of a document; the owner it names, if any, must be the one there is.
fn of_document(policy: dto::AccessControlPolicy, owner: &Owner) -> Result<AclRequest, StoreError> {
    let named = policy.owner.and_then(|owner| owner.id);
    if named.is_some_and(|id| id != owner.id) {
        return Err(StoreError::AccessDenied);
    }
    let grants = policy.grants.unwrap_or_default();
    check_count(grants.len())?;
    let grants = grants.into_iter().map(|grant| {
        let permission = grant.permission.ok_or(StoreError::MalformedAcl)?;
        let permission = Permission::parse(permission.as_str()).ok_or(StoreError::MalformedAcl)?;
        let grantee = grant.grantee.ok_or(StoreError::MalformedAcl)?;
        let name = match (grantee.id, grantee.uri, grantee.email_address) {
            (Some(id), None, None) => GranteeName::Id(id),
            (None, Some(uri), None) => GranteeName::Group(uri),
            (None, None, Some(email)) => GranteeName::Email(email),
            _ => return Err(StoreError::MalformedAcl),
        };
        Ok((name, permission))
    });
    Ok(AclRequest::Grants(grants.collect::<Result<_, _>>()?))
}

/// What a request on `?acl` asks for: a document or headers.
fn of_request(
    refuse: Option<RefuseAcl>,
    document: Option<dto::AccessControlPolicy>,
    canned: Option<&str>,
    headers: &GrantHeaders<'_>,
    owner: &Owner,
) -> Result<AclRequest, StoreError> {
    let in_headers = asked(refuse, canned, headers)?;
    match (in_headers, document) {
        (AclRequest::Default, Some(document)) => of_document(document, owner),
        (AclRequest::Default, None) => Err(StoreError::MissingSecurityHeader),
        (_, Some(_)) => Err(StoreError::UnexpectedContent),
        (asked, None) => Ok(asked),
    }
}

async fn grants(store: &Store, acl: Acl) -> Result<Vec<dto::Grant>, StoreError> {
    let names = store.account_names(&acl).await?;
    let grant = |grant: crate::store::Grant| {
        let (id, kind) = match &grant.grantee {
            Grantee::Account(id) => (Some(id.clone()), dto::Type::CANONICAL_USER),
            _ => (None, dto::Type::GROUP),
        };
        let grantee = dto::Grantee {
            display_name: id.as_ref().and_then(|id| names.get(id).cloned()),
            email_address: None,
            id,
            type_: dto::Type::from_static(kind),
            uri: grant.grantee.group().map(str::to_owned),
        };
        dto::Grant {
            grantee: Some(grantee),
            permission: Some(dto::Permission::from_static(grant.permission.as_str())),
        }
    };
    // Groups first, as Ceph's gateway lists them: its clients and suites rely on it.
    let (accounts, groups): (Vec<_>, Vec<_>) =
        (acl.0.into_iter()).partition(|grant| matches!(grant.grantee, Grantee::Account(_)));
    Ok(groups.into_iter().chain(accounts).map(grant).collect())
}

pub(super) async fn get_of_bucket(
    store: &Store,
    request: S3Request<dto::GetBucketAclInput>,
) -> Result<dto::GetBucketAclOutput, StoreError> {
    let caller = caller(&request);
    let bucket = request.input.bucket;
    let bucket = store.bucket(caller, bucket, Permission::ReadAcp).await?;
    Ok(dto::GetBucketAclOutput {
        grants: Some(grants(store, bucket.acl).await?),
        owner: Some(convert::owner(bucket.owner)),
    })
}

pub(super) async fn put_of_bucket(
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::PutBucketAclInput>,
) -> Result<dto::PutBucketAclOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let name = input.bucket;
    let bucket = store.bucket(caller.clone(), name.clone(), Permission::WriteAcp);
    let owner = bucket.await?.owner;
    let headers = GrantHeaders {
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: input.grant_write.as_deref(),
        write_acp: input.grant_write_acp.as_deref(),
    };
    let canned = input.acl.as_ref().map(dto::BucketCannedACL::as_str);
    let document = input.access_control_policy;
    let acl = of_request(options.refuse_acl, document, canned, &headers, &owner)?;
    store.set_bucket_acl(caller, name, acl).await?;
    Ok(dto::PutBucketAclOutput::default())
}

pub(super) async fn get_of_object(
    store: &Store,
    request: S3Request<dto::GetObjectAclInput>,
) -> Result<dto::GetObjectAclOutput, StoreError> {
    let caller = caller(&request);
    let dto::GetObjectAclInput {
        bucket,
        key,
        version_id,
        ..
    } = request.input;
    let place = Place {
        bucket,
        key,
        version: convert::version(version_id),
    };
    let object = store.object(caller, place, Permission::ReadAcp).await?;
    Ok(dto::GetObjectAclOutput {
        grants: Some(grants(store, object.acl).await?),
        owner: Some(convert::owner(object.owner)),
        ..dto::GetObjectAclOutput::default()
    })
}

pub(super) async fn put_of_object(
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::PutObjectAclInput>,
) -> Result<dto::PutObjectAclOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let place = Place {
        bucket: input.bucket,
        key: input.key,
        version: convert::version(input.version_id),
    };
    let object = store.object(caller.clone(), place.clone(), Permission::WriteAcp);
    let owner = object.await?.owner;
    let headers = GrantHeaders {
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: input.grant_write.as_deref(),
        write_acp: input.grant_write_acp.as_deref(),
    };
    let canned = input.acl.as_ref().map(dto::ObjectCannedACL::as_str);
    let document = input.access_control_policy;
    let acl = of_request(options.refuse_acl, document, canned, &headers, &owner)?;
    store.set_object_acl(caller, place, acl).await?;
    Ok(dto::PutObjectAclOutput::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_in_headers() {
        let headers = GrantHeaders {
            read: Some("id=\"abc\", uri=http://x , emailAddress=\"a@b\""),
            write_acp: Some("ID=abc"),
            ..GrantHeaders::default()
        };
        let id = || GranteeName::Id("abc".to_owned());
        let expected = vec![
            (id(), Permission::Read),
            (GranteeName::Group("http://x".to_owned()), Permission::Read),
            (GranteeName::Email("a@b".to_owned()), Permission::Read),
            (id(), Permission::WriteAcp),
        ];
        assert_eq!(
            asked(None, None, &headers).unwrap(),
            AclRequest::Grants(expected)
        );
        let both = asked(None, Some("private"), &headers).unwrap_err();
        assert_eq!(both.code(), "InvalidRequest");
        let none = GrantHeaders::default();
        assert_eq!(
            asked(None, Some("mine"), &none).unwrap_err().code(),
            "InvalidArgument"
        );
    }

    #[test]
    fn acls_are_refused_as_other_stores_refuse_them() {
        let code = |refuse: RefuseAcl, name: &str| {
            let asked = asked(Some(refuse), Some(name), &GrantHeaders::default());
            asked.err().map(|error| error.code())
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
