//! Making signatures.

use time::OffsetDateTime;

use super::{ALGORITHM, MAX_EXPIRES, SigningKey, canonical};
use crate::clock::format_amz_date;
use crate::encode::percent_encode;
use crate::mac::hex_sha256;
use crate::{Credentials, RequestView, SignatureError};

/// The service a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// An object store.
    S3,
    /// The EC2 Query API.
    Ec2,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Ec2 => "ec2",
        }
    }
}

/// What a signature says of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadHash {
    /// Its SHA-256 in lower-case hex.
    Sha256(String),
    /// Nothing: `UNSIGNED-PAYLOAD`.
    Unsigned,
}

impl PayloadHash {
    /// The hash of a body in memory.
    pub fn of(body: &[u8]) -> Self {
        Self::Sha256(hex_sha256(body))
    }

    /// The text in the header and in the canonical request.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256(hash) => hash,
            Self::Unsigned => super::UNSIGNED_PAYLOAD,
        }
    }
}

/// Signs requests for one region and service.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// Whose requests.
    pub credentials: &'a Credentials,
    /// The region in the scope.
    pub region: &'a str,
    /// The service in the scope.
    pub service: Service,
}

impl Signer<'_> {
    /// Signs a request whose headers, `host` among them, are complete but for those that this gives:
    /// `x-amz-date`, `x-amz-content-sha256` and `authorization`. All headers are signed but
    /// `user-agent`, `authorization` and those that proxies change.
    ///
    /// # Errors
    /// When there is no `host` header.
    pub fn sign(
        &self,
        view: &RequestView<'_>,
        payload: &PayloadHash,
        time: OffsetDateTime,
    ) -> Result<Vec<(String, String)>, SignatureError> {
        view.header("host")
            .ok_or(SignatureError::Missing("the Host header"))?;
        let amz_date = format_amz_date(time);
        let mut added = vec![
            ("x-amz-date".to_owned(), amz_date.clone()),
            (
                "x-amz-content-sha256".to_owned(),
                payload.as_str().to_owned(),
            ),
        ];
        let headers: Vec<_> = view.headers.iter().chain(&added).cloned().collect();
        let names = signable(&headers);
        let view = RequestView {
            headers: &headers,
            ..*view
        };
        let request = canonical::request(&view, view.path, &names, payload.as_str())?;
        let scope = self.scope(&amz_date);
        let signature = self.signature(&amz_date, &scope, &request);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.credentials.access_key(),
            names.join(";"),
        );
        added.push(("authorization".to_owned(), authorization));
        Ok(added)
    }

    /// The query of a URL that anybody may use for `expires` seconds. The view's headers are `host` alone.
    ///
    /// # Errors
    /// When there is no `host` header; when `expires` is not between a second and a week, which servers refuse.
    pub fn presign(
        &self,
        view: &RequestView<'_>,
        time: OffsetDateTime,
        expires: u32,
    ) -> Result<String, SignatureError> {
        if !(1..=MAX_EXPIRES).contains(&i64::from(expires)) {
            return Err(SignatureError::Malformed("X-Amz-Expires"));
        }
        let amz_date = format_amz_date(time);
        let scope = self.scope(&amz_date);
        let credential = format!("{}/{scope}", self.credentials.access_key());
        let mut query = view.query.to_owned();
        for (name, value) in [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &amz_date),
            ("X-Amz-Expires", &expires.to_string()),
            ("X-Amz-SignedHeaders", "host"),
        ] {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&percent_encode(value));
        }
        let view = RequestView {
            query: &query,
            ..*view
        };
        let names = ["host".to_owned()];
        let request = canonical::request(&view, view.path, &names, super::UNSIGNED_PAYLOAD)?;
        let signature = self.signature(&amz_date, &scope, &request);
        Ok(format!("{query}&X-Amz-Signature={signature}"))
    }

    fn scope(&self, amz_date: &str) -> String {
        let date = amz_date.get(..8).unwrap_or_default();
        format!(
            "{date}/{}/{}/aws4_request",
            self.region,
            self.service.name()
        )
    }

    fn signature(&self, amz_date: &str, scope: &str, request: &str) -> String {
        let date = amz_date.get(..8).unwrap_or_default();
        let secret = self.credentials.secret();
        let key = SigningKey::derive(secret, date, self.region, self.service.name());
        key.sign(&canonical::string_to_sign(amz_date, scope, request))
    }
}

/// Names of the headers to sign, sorted, each once.
fn signable(headers: &[(String, String)]) -> Vec<String> {
    let changing = [
        "authorization",
        "connection",
        "expect",
        "te",
        "transfer-encoding",
        "user-agent",
    ];
    let mut names: Vec<_> = headers
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| !changing.contains(&name.as_str()))
        .collect();
    names.sort();
    names.dedup();
    names
}
