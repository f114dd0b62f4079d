//! Checking signatures.

use time::OffsetDateTime;

use super::{ALGORITHM, SigningKey, canonical};
use crate::clock::parse_amz_date;
use crate::encode::{decode_query, pairs, parameter};
use crate::error::Mismatch;
use crate::mac::same;
use crate::{AccessKeyId, RequestView, SignatureError, check_skew};
use gumnut_types::SecretString;

/// Longest life of a presigned URL in seconds: a week.
pub(super) const MAX_EXPIRES: i64 = 604_800;

/// What a request says of its own signature. Region and service are taken from it as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    access_key: AccessKeyId,
    date: String,
    region: String,
    service: String,
    amz_date: String,
    time: OffsetDateTime,
    /// Life in seconds, of a presigned request only.
    expires: Option<i64>,
    signed_headers: Vec<String>,
    signature: String,
}

/// A request whose signature is right; what its chunks have to be checked with.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The derived key.
    pub key: SigningKey,
    /// `20130524T000000Z`
    pub amz_date: String,
    /// `20130524/us-east-1/s3/aws4_request`
    pub scope: String,
    /// The signature of the request, which the first chunk goes on from.
    pub signature: String,
}

impl Claim {
    /// Reads the `Authorization` header, or the query of a presigned request; `None` when the request has neither.
    ///
    /// # Errors
    /// When something of it is missing or malformed.
    pub fn of(view: &RequestView<'_>) -> Result<Option<Self>, SignatureError> {
        if let Some(header) = view.header("authorization") {
            return match header.strip_prefix(ALGORITHM) {
                Some(rest) => Self::of_header(view, rest).map(Some),
                None => Ok(None),
            };
        }
        if pairs(view.query).any(|(name, _)| name == "X-Amz-Algorithm") {
            return Self::of_query(view.query).map(Some);
        }
        Ok(None)
    }

    fn of_header(view: &RequestView<'_>, fields: &str) -> Result<Self, SignatureError> {
        let amz_date = view
            .header("x-amz-date")
            .or_else(|| view.header("date"))
            .ok_or(SignatureError::Missing("the request date"))?;
        let time = parse_amz_date(amz_date)
            .or_else(|| crate::parse_http_date(amz_date))
            .ok_or(SignatureError::Malformed("the request date"))?;
        Self::new(
            field(fields, "Credential")?,
            field(fields, "SignedHeaders")?,
            field(fields, "Signature")?,
            (amz_date, time),
            None,
        )
    }

    fn of_query(query: &str) -> Result<Self, SignatureError> {
        let parameters = decode_query(query);
        if required(&parameters, "X-Amz-Algorithm")? != ALGORITHM {
            return Err(SignatureError::Scheme);
        }
        let amz_date = required(&parameters, "X-Amz-Date")?;
        let time = parse_amz_date(amz_date).ok_or(SignatureError::Malformed("X-Amz-Date"))?;
        let expires: i64 = required(&parameters, "X-Amz-Expires")?
            .parse()
            .map_err(|_| SignatureError::Malformed("X-Amz-Expires"))?;
        if !(1..=MAX_EXPIRES).contains(&expires) {
            return Err(SignatureError::Malformed("X-Amz-Expires"));
        }
        Self::new(
            required(&parameters, "X-Amz-Credential")?,
            required(&parameters, "X-Amz-SignedHeaders")?,
            required(&parameters, "X-Amz-Signature")?,
            (amz_date, time),
            Some(expires),
        )
    }

    fn new(
        credential: &str,
        signed_headers: &str,
        signature: &str,
        (date_text, time): (&str, OffsetDateTime),
        expires: Option<i64>,
    ) -> Result<Self, SignatureError> {
        // Access keys may hold slashes, so the scope is counted from the end.
        let fields: Vec<_> = credential.rsplitn(5, '/').collect();
        let [end, service, region, date, access_key] = fields[..] else {
            return Err(SignatureError::Malformed("the credential"));
        };
        let formatted = crate::format_amz_date(time);
        if end != "aws4_request" || !formatted.starts_with(date) || date.len() != 8 {
            return Err(SignatureError::Malformed("the credential"));
        }
        // The text of the date is what was signed, if it has the form that is signed.
        let amz_date = if parse_amz_date(date_text).is_some() {
            date_text.to_owned()
        } else {
            formatted
        };
        let signed_headers: Vec<_> = signed_headers.split(';').map(str::to_owned).collect();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(SignatureError::Malformed("SignedHeaders"));
        }
        Ok(Self {
            access_key: AccessKeyId::new(access_key),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            amz_date,
            time,
            expires,
            signed_headers,
            signature: signature.to_owned(),
        })
    }

    /// Who claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// Whether the signature is in the query.
    pub fn is_presigned(&self) -> bool {
        self.expires.is_some()
    }

    /// Insists that the request is neither too old nor too new.
    ///
    /// # Errors
    /// [`SignatureError::Skewed`]; of presigned requests [`SignatureError::NotYetValid`] and
    /// [`SignatureError::Expired`].
    pub fn check_time(&self, now: OffsetDateTime) -> Result<(), SignatureError> {
        let Some(expires) = self.expires else {
            return check_skew(self.time, now);
        };
        if self.time > now + crate::MAX_SKEW {
            return Err(SignatureError::NotYetValid);
        }
        if now - self.time > time::Duration::seconds(expires) {
            return Err(SignatureError::Expired);
        }
        Ok(())
    }

    /// Checks the signature. `payload_hash` is the text of `x-amz-content-sha256`, or what the service
    /// takes in its place.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`], [`SignatureError::MissingHeader`], [`SignatureError::UnsignedHeader`].
    pub fn verify(
        &self,
        view: &RequestView<'_>,
        payload_hash: &str,
        secret: &SecretString,
    ) -> Result<Verified, SignatureError> {
        self.check_amz_headers(view)?;
        let canonical_request = canonical::request(view, &self.signed_headers, payload_hash)?;
        let scope = format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        );
        let key = SigningKey::derive(secret, &self.date, &self.region, &self.service);
        let string_to_sign = canonical::string_to_sign(&self.amz_date, &scope, &canonical_request);
        let expected = key.sign(&string_to_sign);
        if !same(&expected, &self.signature) {
            return Err(SignatureError::Mismatch(Box::new(Mismatch {
                string_to_sign,
                canonical_request: Some(canonical_request),
                provided: self.signature.clone(),
            })));
        }
        Ok(Verified {
            key,
            amz_date: self.amz_date.clone(),
            scope,
            signature: expected,
        })
    }

    /// Insists that every `x-amz-` header is signed: such headers grant rights and name sources. The hash
    /// of the payload is in the signature in any case.
    fn check_amz_headers(&self, view: &RequestView<'_>) -> Result<(), SignatureError> {
        let names = view.headers.iter().map(|(name, _)| name.as_str());
        let mut unsigned = names
            .filter(|name| name.starts_with("x-amz-") && *name != "x-amz-content-sha256")
            .filter(|name| !self.signed_headers.iter().any(|signed| signed == name));
        match unsigned.next() {
            Some(name) => Err(SignatureError::UnsignedHeader(name.to_owned())),
            None => Ok(()),
        }
    }
}

/// The value of one field of an `Authorization` header, `Name=value, Name=value`.
fn field<'a>(fields: &'a str, name: &'static str) -> Result<&'a str, SignatureError> {
    fields
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .find(|(field, _)| *field == name)
        .map(|(_, value)| value)
        .ok_or(SignatureError::Missing(name))
}

/// The value of a decoded parameter that must be there.
fn required<'a>(
    parameters: &'a [(String, String)],
    name: &'static str,
) -> Result<&'a str, SignatureError> {
    parameter(parameters, name).ok_or(SignatureError::Missing(name))
}
