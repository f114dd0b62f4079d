//! The Query API's form: the signature is a parameter beside the others.

use gumnut_types::SecretString;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::clock::in_utc;
use crate::encode::{parameter, percent_decode, percent_encode};
use crate::error::Mismatch;
use crate::mac::{base64_hmac_sha1, base64_hmac_sha256, same};
use crate::{AccessKeyId, Credentials, MAX_SKEW, SignatureError};

/// How much longer than [`MAX_SKEW`] a time stamp is good, as Eucalyptus has it.
const GRACE: time::Duration = time::Duration::seconds(20);

/// `2007-01-31T23:59:59Z`
const TIMESTAMP: &[time::format_description::BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Adds the parameters of the signature to `parameters`, with HMAC-SHA256.
pub fn sign_query(
    method: &str,
    host: &str,
    path: &str,
    parameters: &mut Vec<(String, String)>,
    credentials: &Credentials,
    time: OffsetDateTime,
) {
    let stamp = in_utc(time)
        .and_then(|time| time.format(TIMESTAMP).ok())
        .unwrap_or_default();
    for (name, value) in [
        ("AWSAccessKeyId", credentials.access_key().as_str()),
        ("SignatureMethod", "HmacSHA256"),
        ("SignatureVersion", "2"),
        ("Timestamp", &stamp),
    ] {
        parameters.push((name.to_owned(), value.to_owned()));
    }
    let host = host.to_ascii_lowercase();
    let text = string_to_sign(method, &host, path, parameters, percent_encode);
    let signature = base64_hmac_sha256(credentials.secret().expose().as_bytes(), &text);
    parameters.push(("Signature".to_owned(), signature));
}

/// What a request says of its own signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryClaim {
    access_key: AccessKeyId,
    signature: String,
    sha256: bool,
    timestamp: Option<String>,
    expires: Option<String>,
}

impl QueryClaim {
    /// Reads the decoded parameters; `None` when they carry no access key.
    ///
    /// # Errors
    /// When something of the signature is missing or not supported.
    pub fn of(parameters: &[(String, String)]) -> Result<Option<Self>, SignatureError> {
        let Some(access_key) = parameter(parameters, "AWSAccessKeyId") else {
            return Ok(None);
        };
        if parameter(parameters, "SignatureVersion") != Some("2") {
            return Err(SignatureError::Malformed("SignatureVersion"));
        }
        let sha256 = match parameter(parameters, "SignatureMethod") {
            Some("HmacSHA256") => true,
            // Clients of 2008 leave it out and mean the older hash.
            Some("HmacSHA1") | None => false,
            Some(_) => return Err(SignatureError::Malformed("SignatureMethod")),
        };
        let signature =
            parameter(parameters, "Signature").ok_or(SignatureError::Missing("Signature"))?;
        Ok(Some(Self {
            access_key: AccessKeyId::new(access_key),
            signature: signature.to_owned(),
            sha256,
            timestamp: parameter(parameters, "Timestamp").map(str::to_owned),
            expires: parameter(parameters, "Expires").map(str::to_owned),
        }))
    }

    /// Who claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// Insists that the request is neither too old nor too new.
    ///
    /// # Errors
    /// [`SignatureError::Expired`], or a missing or malformed time.
    pub fn check_time(&self, now: OffsetDateTime) -> Result<(), SignatureError> {
        match (&self.timestamp, &self.expires) {
            (Some(stamp), _) => {
                let away = (timestamp(stamp, "Timestamp")? - now).abs();
                let good = away <= GRACE + MAX_SKEW;
                if good {
                    Ok(())
                } else {
                    Err(SignatureError::Expired)
                }
            }
            (None, Some(expires)) if timestamp(expires, "Expires")? >= now => Ok(()),
            (None, Some(_)) => Err(SignatureError::Expired),
            (None, None) => Err(SignatureError::Missing("Timestamp")),
        }
    }

    /// Checks the signature; the request must have been signed for one of the hosts and one of the paths.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`], with the text for the first host and path.
    pub fn verify(
        &self,
        method: &str,
        hosts: &[&str],
        paths: &[&str],
        parameters: &[(String, String)],
        secret: &SecretString,
    ) -> Result<(), SignatureError> {
        let hash = if self.sha256 {
            base64_hmac_sha256
        } else {
            base64_hmac_sha1
        };
        let candidates = self.candidates();
        let mut first = None;
        for text in readings(method, hosts, paths, parameters) {
            let expected = hash(secret.expose().as_bytes(), &text);
            if candidates.iter().any(|one| same(one, &expected)) {
                return Ok(());
            }
            first.get_or_insert(text);
        }
        Err(SignatureError::Mismatch(Box::new(Mismatch {
            string_to_sign: first.unwrap_or_default(),
            canonical_request: None,
            provided: self.signature.clone(),
        })))
    }

    /// The signature as it came, and as it was before a client encoded it once too often, lost its
    /// padding, or had its plus signs turned to blanks.
    fn candidates(&self) -> Vec<String> {
        let decoded = percent_decode(&self.signature).into_owned();
        let mut texts = vec![self.signature.clone(), decoded];
        for text in texts.clone() {
            let text = text.trim_end_matches('=').replace(' ', "+");
            let padding = "=".repeat((4 - text.len() % 4) % 4);
            texts.push(text + &padding);
        }
        texts
    }
}

/// Every text that a client can have meant to sign: the proper one first.
fn readings(
    method: &str,
    hosts: &[&str],
    paths: &[&str],
    parameters: &[(String, String)],
) -> impl Iterator<Item = String> {
    let encodings: [fn(&str) -> String; 3] = [percent_encode, keep_star, encode_form];
    let mut hosts: Vec<_> = hosts
        .iter()
        .flat_map(|host| [host.to_ascii_lowercase(), (*host).to_owned()])
        .collect();
    hosts.dedup();
    encodings.into_iter().flat_map(move |encode| {
        hosts.clone().into_iter().flat_map(move |host| {
            paths
                .iter()
                .map(move |path| string_to_sign(method, &host, path, parameters, encode))
        })
    })
}

/// The encoding of clients that take the asterisk for unreserved.
fn keep_star(text: &str) -> String {
    percent_encode(text).replace("%2A", "*")
}

/// The encoding of HTML forms, which some clients use.
fn encode_form(text: &str) -> String {
    keep_star(text).replace("%20", "+").replace('~', "%7E")
}

/// The time in the parameter `what`.
fn timestamp(text: &str, what: &'static str) -> Result<OffsetDateTime, SignatureError> {
    parse_timestamp(text).ok_or(SignatureError::Malformed(what))
}

/// A time of RFC 3339; one without a zone is in UTC.
fn parse_timestamp(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339));
    in_utc(time.ok()?)
}

fn string_to_sign(
    method: &str,
    host: &str,
    path: &str,
    parameters: &[(String, String)],
    encode: fn(&str) -> String,
) -> String {
    let mut encoded: Vec<_> = parameters
        .iter()
        .filter(|(name, _)| name != "Signature")
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    encoded.sort();
    let query: Vec<_> = encoded
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let path = if path.is_empty() { "/" } else { path };
    format!("{method}\n{host}\n{path}\n{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Parameters in which the same letters stand for many things.
    fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
        let pieces = vec![
            "a", "&", "=", "+", " ", "%", "%20", "%2A", "*", "~", "%7E", "%2B", "\n",
        ];
        let text = move || vec(select(pieces.clone()), 0..4).prop_map(|pieces| pieces.concat());
        vec((text(), text()), 0..3)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn two_calls_that_ask_for_different_things_share_no_signature(one in parameters(), other in parameters()) {
            let sorted = |list: &[(String, String)]| {
                let mut list = list.to_vec();
                list.sort();
                list
            };
            let texts = |list: &[(String, String)]| {
                readings("GET", &["Cloud:8773", "cloud"], &["/services", "/"], list).collect::<Vec<_>>()
            };
            if sorted(&one) != sorted(&other) {
                let others = texts(&other);
                prop_assert!(texts(&one).iter().all(|text| !others.contains(text)));
            }
        }
    }
}
