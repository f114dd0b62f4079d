//! The object store's form: `Authorization: AWS key:signature`, or a query with `Expires`.

use std::collections::BTreeMap;

use gumnut_types::SecretString;
use time::OffsetDateTime;

use crate::encode::{decode_query, header_lines, pairs, parameter};
use crate::error::Mismatch;
use crate::mac::{base64_hmac_sha1, same};
use crate::{AccessKeyId, Credentials, RequestView, SignatureError, check_skew, parse_http_date};

/// Parameters that belong to the resource and are signed with it.
const SUB_RESOURCES: [&str; 20] = [
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "requestPayment",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "publicAccessBlock",
];

/// The value of the `Authorization` header. The view has a `date` or an `x-amz-date` header; its path is the
/// resource as the server wants it signed.
pub fn sign_s3(view: &RequestView<'_>, credentials: &Credentials) -> String {
    let text = string_to_sign(view, view.path, None, Values::AsSent);
    let signature = base64_hmac_sha1(credentials.secret().expose().as_bytes(), &text);
    format!("AWS {}:{signature}", credentials.access_key())
}

/// What a request says of its own signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Claim {
    access_key: AccessKeyId,
    signature: String,
    /// The `Expires` of a query, as it stands.
    expires: Option<String>,
}

impl S3Claim {
    /// Reads the header or the query; `None` when the request has neither.
    ///
    /// # Errors
    /// When something of it is missing or malformed.
    pub fn of(view: &RequestView<'_>) -> Result<Option<Self>, SignatureError> {
        if let Some(header) = view.header("authorization") {
            let Some(pair) = header.strip_prefix("AWS ") else {
                return Ok(None);
            };
            let (access_key, signature) = pair
                .trim()
                .rsplit_once(':')
                .ok_or(SignatureError::Malformed("the Authorization header"))?;
            return Ok(Some(Self {
                access_key: AccessKeyId::new(access_key),
                signature: signature.to_owned(),
                expires: None,
            }));
        }
        let parameters = decode_query(&view.query.replace('+', "%2B"));
        let Some(access_key) = parameter(&parameters, "AWSAccessKeyId") else {
            return Ok(None);
        };
        let signature =
            parameter(&parameters, "Signature").ok_or(SignatureError::Missing("Signature"))?;
        let expires =
            parameter(&parameters, "Expires").ok_or(SignatureError::Missing("Expires"))?;
        Ok(Some(Self {
            access_key: AccessKeyId::new(access_key),
            signature: signature.to_owned(),
            expires: Some(expires.to_owned()),
        }))
    }

    /// Who claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// Insists that the request is neither too old nor too new.
    ///
    /// # Errors
    /// [`SignatureError::Skewed`], [`SignatureError::Expired`], or a missing or malformed date.
    pub fn check_time(
        &self,
        view: &RequestView<'_>,
        now: OffsetDateTime,
    ) -> Result<(), SignatureError> {
        if let Some(expires) = &self.expires {
            let expires: i64 = expires
                .parse()
                .map_err(|_| SignatureError::Malformed("Expires"))?;
            return if expires < now.unix_timestamp() {
                Err(SignatureError::Expired)
            } else {
                Ok(())
            };
        }
        let text = view
            .header("x-amz-date")
            .or_else(|| view.header("date"))
            .ok_or(SignatureError::Missing("the request date"))?;
        let date = parse_http_date(text)
            .or_else(|| crate::parse_amz_date(text))
            // No clock of a client stands before 1970: such a date is a mistake of writing and not of a clock.
            .filter(|date| date.unix_timestamp() >= 0)
            .ok_or(SignatureError::Malformed("the request date"))?;
        check_skew(date, now)
    }

    /// Checks the signature; one of `resources` must be the path that was signed.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`], with the text for the first resource.
    pub fn verify(
        &self,
        view: &RequestView<'_>,
        resources: &[&str],
        secret: &SecretString,
    ) -> Result<(), SignatureError> {
        let expires = self.expires.as_deref();
        for resource in resources {
            for values in [Values::AsSent, Values::Decoded] {
                let text = string_to_sign(view, resource, expires, values);
                let expected = base64_hmac_sha1(secret.expose().as_bytes(), &text);
                if same(&expected, &self.signature) {
                    return Ok(());
                }
            }
        }
        let first = resources.first().unwrap_or(&view.path);
        Err(SignatureError::Mismatch(Box::new(Mismatch {
            string_to_sign: string_to_sign(view, first, expires, Values::AsSent),
            canonical_request: None,
            provided: self.signature.clone(),
        })))
    }
}

/// Which form of a sub-resource's value is signed: clients differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    AsSent,
    Decoded,
}

fn string_to_sign(
    view: &RequestView<'_>,
    resource: &str,
    expires: Option<&str>,
    values: Values,
) -> String {
    let date = match expires {
        Some(expires) => expires,
        None if view.header("x-amz-date").is_some() => "",
        None => view.header("date").unwrap_or_default(),
    };
    let resource = if resource.is_empty() { "/" } else { resource };
    format!(
        "{}\n{}\n{}\n{date}\n{}{resource}{}",
        view.method,
        view.header("content-md5").unwrap_or_default(),
        view.header("content-type").unwrap_or_default(),
        amz_headers(view),
        sub_resources(view.query, values),
    )
}

/// The `x-amz-` headers, sorted, and those that a presigned query carries as parameters.
fn amz_headers(view: &RequestView<'_>) -> String {
    let names = view.headers.iter().map(|(name, _)| name.as_str());
    let mut headers: BTreeMap<_, _> = names
        .filter(|name| name.starts_with("x-amz-"))
        .filter_map(|name| Some((name.to_owned(), view.folded(name)?)))
        .collect();
    for (name, value) in decode_query(view.query) {
        let name = name.to_ascii_lowercase();
        if name.starts_with("x-amz-") {
            headers.entry(name).or_insert(value);
        }
    }
    header_lines(&headers)
}

/// The parameters that are part of the resource, sorted; overrides of the response are taken decoded, as
/// clients sign them.
fn sub_resources(query: &str, values: Values) -> String {
    let mut signed: Vec<_> = pairs(query)
        .filter(|(name, _)| SUB_RESOURCES.contains(name) || name.starts_with("response-"))
        .map(|(name, value)| {
            if values == Values::Decoded || name.starts_with("response-") {
                (name, decode_query(&format!("v={value}")).swap_remove(0).1)
            } else {
                (name, value.to_owned())
            }
        })
        .collect();
    signed.sort();
    let mut text = String::new();
    for (name, value) in signed {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.push_str(&value);
        }
    }
    text
}
