//! Uploads with forms, whose signature is a field beside the file. The path is not signed, so that the protocol's
//! own check serves.

use gumnut_cloud_catalogue::{Catalogue, Identity};
use gumnut_cloud_objects::{NewObject, ObjectError, ObjectStore};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{Credentials, S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, dto};

use crate::acl::AclHeaders;
use crate::context::RequestContext;
use crate::convert::{self, headers_of, refuse_unsupported};
use crate::lock::tags_and_lock_of;
use crate::put::Upload;
use crate::sent_checksums::ConfirmedChecksums;
use crate::{S3Options, error};

/// Gives the protocol the secret keys that it checks forms with.
pub(super) struct FormAuth(pub(super) Catalogue);

#[async_trait::async_trait]
impl S3Auth for FormAuth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.identity(access_key).await {
            Ok(Some((_, secret))) => Ok(secret.expose().into()),
            Ok(None) => Err(S3Error::with_message(
                S3ErrorCode::InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records.",
            )),
            Err(failure) => Err(error::answer(&failure.into())),
        }
    }
}

/// Lets every request through to the store, which decides by ACLs.
pub(super) struct Open;

#[async_trait::async_trait]
impl S3Access for Open {
    async fn check(&self, _: &mut S3AccessContext<'_>) -> S3Result<()> {
        Ok(())
    }
}

/// `PostObject`
pub(super) async fn object(
    store: &ObjectStore,
    options: &S3Options,
    catalogue: &Catalogue,
    request: S3Request<dto::PostObjectInput>,
) -> Result<dto::PostObjectOutput, ObjectError> {
    let caller = match &request.credentials {
        Some(signed) => signer(catalogue, signed).await?,
        None => Identity::Anonymous,
    };
    let form_acl = RequestContext::of(&request).form_acl;
    let input = request.input;
    refuse_unsupported!(input)?;
    let headers = headers_of!(input)?;
    let tags_and_lock = tags_and_lock_of!(input)?;
    let acl = AclHeaders {
        canned: form_acl
            .as_ref()
            .map(|acl| acl.0.as_str())
            .or(input.acl.as_ref().map(dto::ObjectCannedACL::as_str)),
        ..AclHeaders::default()
    }
    .request(options.refuse_acl)?;
    let upload = Upload {
        caller,
        object: NewObject {
            acl,
            headers,
            tags_and_lock,
            ..NewObject::new(input.bucket, input.key)
        },
        body: input.body,
        md5: None,
        // Those of the request are of the whole form.
        confirmed: ConfirmedChecksums::default(),
    };
    let stored = upload.store(store).await?;
    Ok(dto::PostObjectOutput {
        e_tag: Some(convert::etag(stored.etag)),
        version_id: stored.version,
        ..dto::PostObjectOutput::default()
    })
}

/// Who has signed a form.
async fn signer(catalogue: &Catalogue, signed: &Credentials) -> Result<Identity, ObjectError> {
    let found = catalogue.identity(&signed.access_key).await?;
    let (caller, _) = found.ok_or(ObjectError::AccessDenied)?;
    Ok(Identity::User(caller))
}
