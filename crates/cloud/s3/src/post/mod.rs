//! Uploads with forms. The protocol's layer has no part in them: the fields are read up to the file, the signature is checked and
//! what the policy allows, and then the file goes into the store as it comes.

mod answer;
mod body;
mod fields;

use gumnut_cloud_accounts::{AccessKeys, SignedForm, authenticate_form};
use gumnut_cloud_objects::{BodyDigests, ObjectError, ObjectStore};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};

use crate::S3Options;
use crate::auth_refusal::Refusal;
use crate::payload::CheckedBody;
use body::FormBody;
use fields::Wanted;

/// `PostObject`: an object from a form.
pub(super) struct FormUpload<'a> {
    pub(super) store: &'a ObjectStore,
    pub(super) keys: &'a AccessKeys,
    pub(super) options: &'a S3Options,
    /// The bucket in the path.
    pub(super) bucket: &'a str,
}

impl FormUpload<'_> {
    /// Stores the file of a form in a request with these headers. Nothing of the file is looked at before it is known that its sender
    /// may put it there.
    pub(super) async fn store(
        &self,
        headers: &HeaderMap,
        body: CheckedBody,
    ) -> Result<Response<s3s::Body>, Refusal> {
        if self.store.any_settings(self.bucket).await?.is_none() {
            return Err(ObjectError::NoSuchBucket.into());
        }
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let mut form = FormBody::new(content_type.unwrap_or_default(), body)?;
        let fields = tokio::time::timeout(self.options.patience, form.fields())
            .await
            .map_err(|_| ObjectError::Timeout)??;
        let (now, regions) = (self.options.clock.now(), &self.options.regions);
        let SignedForm { caller, length } =
            authenticate_form(self.keys, now, regions, &fields, self.bucket)
                .await
                .map_err(Refusal::of_form)?;
        let wanted = Wanted::of(&fields, self.bucket, self.options)?;
        let mut object = wanted.object;
        self.store.check_put(&caller, self.bucket).await?;
        let digests = BodyDigests {
            md5: wanted.md5,
            checksum: None,
        };
        let confirmed = wanted.checksums.confirmed();
        let file = form.file(length, wanted.checksums);
        let received = self.store.receive(file, None, digests).await?;
        // Not before the body has ended: then they have been compared with it.
        object.headers.checksums = confirmed.take();
        let key = object.key.to_string();
        let stored = self.store.put(&caller, object, received).await?;
        Ok(wanted.answer.to(self.bucket, &key, &stored))
    }
}
