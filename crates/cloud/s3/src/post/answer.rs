//! What is said to who has sent a form.

use gumnut_cloud_objects::{ObjectError, Stored};
use gumnut_signing::form::FormFields;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use s3s::dto::PostResponse;
use s3s::xml::{Serialize as _, Serializer};
use url::Url;

/// What is said to who has sent a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FormAnswer {
    /// Where to send the browser; `None` to answer with the status.
    redirect: Option<Url>,
    status: StatusCode,
}

impl FormAnswer {
    /// Reads `success_action_redirect`, which was `redirect` once, and `success_action_status`, of which 204 is taken for all that S3
    /// does not know.
    pub(super) fn of(fields: &FormFields) -> Result<Self, ObjectError> {
        let address = fields
            .get("success_action_redirect")
            .or_else(|| fields.get("redirect"));
        let redirect = address.map(|text| {
            let url = Url::parse(text).ok();
            url.filter(|url| ["http", "https"].contains(&url.scheme()))
                .ok_or_else(|| {
                    ObjectError::argument("success_action_redirect is not an http or https URL.")
                })
        });
        let status = match fields.get("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        Ok(Self {
            redirect: redirect.transpose()?,
            status,
        })
    }

    /// The answer to a form whose file is stored now.
    pub(super) fn to(&self, bucket: &str, key: &str, stored: &Stored) -> Response<s3s::Body> {
        let etag = format!("\"{}\"", stored.etag);
        let mut response = Response::new(s3s::Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        add(headers, ETAG, &etag);
        if let Some(version) = &stored.version {
            add(
                headers,
                HeaderName::from_static("x-amz-version-id"),
                version,
            );
        }
        if let Some(redirect) = &self.redirect {
            let mut url = redirect.clone();
            url.query_pairs_mut()
                .append_pair("bucket", bucket)
                .append_pair("key", key)
                .append_pair("etag", &etag);
            add(headers, LOCATION, url.as_str());
            *response.status_mut() = StatusCode::SEE_OTHER;
            return response;
        }
        if self.status == StatusCode::CREATED {
            add(headers, CONTENT_TYPE, "application/xml");
            let document = PostResponse {
                location: &format!("/{bucket}/{key}"),
                bucket,
                key,
                etag: &etag,
            };
            *response.body_mut() = s3s::Body::from(xml(&document));
        }
        response
    }
}

/// Adds a header whose value is one: ids, tags and URLs have no other characters.
fn add(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// The document, which is written to memory and cannot fail there.
fn xml(document: &PostResponse<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Serializer::new(&mut bytes);
    let written = writer.decl().and_then(|()| document.serialize(&mut writer));
    if let Err(error) = written {
        tracing::error!(%error, "the answer to a form cannot be written");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn stored() -> Stored {
        Stored {
            etag: "0a".to_owned(),
            modified: 0,
            version: Some("v1".to_owned()),
            checksums: BTreeMap::new(),
        }
    }

    #[test]
    fn browsers_are_sent_on_with_what_is_stored() {
        let answer = FormAnswer {
            redirect: Some("https://h/done?a=b#c".parse().unwrap()),
            status: StatusCode::CREATED,
        };
        let response = answer.to("b", "a b&c", &stored());
        assert_eq!(response.status(), 303);
        assert_eq!(
            response.headers()["location"],
            "https://h/done?a=b&bucket=b&key=a+b%26c&etag=%220a%22#c"
        );
    }

    #[test]
    fn a_status_may_be_chosen() {
        for (status, length) in [(200, 0), (201, 100), (204, 0)] {
            let answer = FormAnswer {
                redirect: None,
                status: StatusCode::from_u16(status).unwrap(),
            };
            let mut response = answer.to("b", "<k>", &stored());
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["etag"], "\"0a\"");
            assert_eq!(response.headers()["x-amz-version-id"], "v1");
            let body = response.body_mut().take_bytes().unwrap_or_default();
            assert!(body.len() >= length, "{status}");
            if status == 201 {
                let text = std::str::from_utf8(&body).unwrap();
                assert!(text.contains("<Key>&lt;k&gt;</Key>"), "{text}");
            }
        }
    }
}
