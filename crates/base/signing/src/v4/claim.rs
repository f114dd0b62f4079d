//! Checking signatures.

use time::OffsetDateTime;

use super::{ALGORITHM, Scope, SigningKey, canonical};
use crate::clock::parse_amz_date;
use crate::error::Mismatch;
use crate::mac::same;
use crate::{AccessKeyId, Query, RequestView, SignatureError, check_skew};
use gumnut_types::SecretString;

/// Longest life of a presigned URL in seconds: a week.
pub(crate) const MAX_EXPIRES: i64 = 604_800;

/// What a request says of its own signature. Whether region and service are those of the server is for the server to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    access_key: AccessKeyId,
    scope: Scope,
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
    /// The signature of the request, which the first chunk continues from.
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
        let query = Query::parse(view.query)?;
        if query.has("X-Amz-Algorithm") {
            return Self::of_query(&query).map(Some);
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

    fn of_query(query: &Query) -> Result<Self, SignatureError> {
        if required(query, "X-Amz-Algorithm")? != ALGORITHM {
            return Err(SignatureError::Scheme);
        }
        let amz_date = required(query, "X-Amz-Date")?;
        let time = parse_amz_date(amz_date).ok_or(SignatureError::Malformed("X-Amz-Date"))?;
        let expires: i64 = required(query, "X-Amz-Expires")?
            .parse()
            .map_err(|_| SignatureError::Malformed("X-Amz-Expires"))?;
        if !(1..=MAX_EXPIRES).contains(&expires) {
            return Err(SignatureError::Malformed("X-Amz-Expires"));
        }
        Self::new(
            required(query, "X-Amz-Credential")?,
            required(query, "X-Amz-SignedHeaders")?,
            required(query, "X-Amz-Signature")?,
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
        let (access_key, scope) = Scope::of_credential(credential, time)?;
        // The text of the date is what was signed, if it has the form that is signed.
        let amz_date = if parse_amz_date(date_text).is_some() {
            date_text.to_owned()
        } else {
            crate::format_amz_date(time)
        };
        let signed_headers: Vec<_> = signed_headers.split(';').map(str::to_owned).collect();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(SignatureError::Malformed("SignedHeaders"));
        }
        Ok(Self {
            access_key,
            scope,
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

    /// The region of the scope.
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    /// The service of the scope.
    pub fn service(&self) -> &str {
        &self.scope.service
    }

    /// Where and when the key of the signature is good: `20130524/us-east-1/s3/aws4_request`.
    pub fn scope(&self) -> String {
        self.scope.text()
    }

    /// The key of the signature, if this is the secret key.
    pub fn signing_key(&self, secret: &SecretString) -> SigningKey {
        self.scope.key(secret)
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
    /// takes in its place. The path may be signed as it was sent, or decoded and encoded again.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`], with the text for the path as it was sent; [`SignatureError::MissingHeader`],
    /// [`SignatureError::UnsignedHeader`], [`SignatureError::Repeated`]; [`SignatureError::Malformed`] when path or query are not
    /// UTF-8.
    pub fn verify(
        &self,
        view: &RequestView<'_>,
        payload_hash: &str,
        secret: &SecretString,
    ) -> Result<Verified, SignatureError> {
        self.verify_with(view, payload_hash, &self.signing_key(secret))
    }

    /// Checks the signature as [`Claim::verify`] does, with the key that [`Claim::signing_key`] gives: deriving it costs as much as the
    /// rest, and it is the same for all requests of a day.
    ///
    /// # Errors
    /// Those of [`Claim::verify`].
    pub fn verify_with(
        &self,
        view: &RequestView<'_>,
        payload_hash: &str,
        key: &SigningKey,
    ) -> Result<Verified, SignatureError> {
        self.check_amz_headers(view)?;
        Query::parse(view.query)?.check_unique()?;
        let scope = self.scope.text();
        let mut first = None;
        for path in canonical::paths(view.path)? {
            let canonical_request =
                canonical::request(view, &path, &self.signed_headers, payload_hash)?;
            let string_to_sign =
                canonical::string_to_sign(&self.amz_date, &scope, &canonical_request);
            let expected = key.sign(&string_to_sign);
            if same(&expected, &self.signature) {
                return Ok(Verified {
                    key: key.clone(),
                    amz_date: self.amz_date.clone(),
                    scope,
                    signature: expected,
                });
            }
            first.get_or_insert((string_to_sign, canonical_request));
        }
        let (string_to_sign, canonical_request) = first.unwrap_or_default();
        Err(SignatureError::Mismatch(Box::new(Mismatch {
            string_to_sign,
            canonical_request: Some(canonical_request),
            provided: self.signature.clone(),
        })))
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

/// The value of a parameter that must be there.
fn required<'q>(query: &'q Query, name: &'static str) -> Result<&'q str, SignatureError> {
    query.get(name).ok_or(SignatureError::Missing(name))
}
