//! The object store's form: `Authorization: AWS key:signature`, or a query with `Expires`.

use std::collections::BTreeMap;

use gumnut_types::SecretString;
use time::OffsetDateTime;

use crate::encode::header_lines;
use crate::error::Mismatch;
use crate::mac::{base64_hmac_sha1, same};
use crate::{
    AccessKeyId, Credentials, Parameter, Query, RESPONSE_OVERRIDES, RequestView, SUB_RESOURCES,
    SignatureError, check_skew, parse_http_date,
};

/// The value of the `Authorization` header. The view has a `date` or an `x-amz-date` header; its path is the
/// resource as the server wants it signed. For a query that [`S3Claim::verify`] refuses there is no good signature, and none is made.
pub fn sign_s3(view: &RequestView<'_>, credentials: &Credentials) -> String {
    let access_key = credentials.access_key();
    let query = Query::parse(view.query);
    let Ok((query, amz_headers)) = query.and_then(|query| {
        let amz_headers = amz_headers(view, &query)?;
        Ok((query, amz_headers))
    }) else {
        // What is left of the request would have a signature that is good for another.
        return format!("AWS {access_key}:");
    };
    let subject = Subject::new(view, amz_headers, None);
    let text = subject.string_to_sign(view.path, &signed_query(&query, Values::AsSent));
    let signature = base64_hmac_sha1(credentials.secret().expose().as_bytes(), &text);
    format!("AWS {access_key}:{signature}")
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
        let query = Query::parse(view.query)?;
        let Some(access_key) = query.get("AWSAccessKeyId") else {
            return Ok(None);
        };
        let signature = query
            .get("Signature")
            .ok_or(SignatureError::Missing("Signature"))?;
        let expires = query
            .get("Expires")
            .ok_or(SignatureError::Missing("Expires"))?;
        Ok(Some(Self {
            access_key: AccessKeyId::new(access_key),
            // Old clients leave the plus signs of Base64 as they are.
            signature: signature.replace(' ', "+"),
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
    /// [`SignatureError::Mismatch`], with the text for the first resource; [`SignatureError::Repeated`] and
    /// [`SignatureError::Malformed`] for a query that does not say one thing.
    pub fn verify(
        &self,
        view: &RequestView<'_>,
        resources: &[&str],
        secret: &SecretString,
    ) -> Result<(), SignatureError> {
        let query = Query::parse(view.query)?;
        query.check_unique()?;
        let amz_headers = amz_headers(view, &query)?;
        let subject = Subject::new(view, amz_headers, self.expires.as_deref());
        let queries = readings(&query);
        for resource in resources {
            for query in &queries {
                let text = subject.string_to_sign(resource, query);
                let expected = base64_hmac_sha1(secret.expose().as_bytes(), &text);
                if same(&expected, &self.signature) {
                    return Ok(());
                }
            }
        }
        let first = resources.first().unwrap_or(&view.path);
        Err(SignatureError::Mismatch(Box::new(Mismatch {
            string_to_sign: subject.string_to_sign(first, &signed_query(&query, Values::AsSent)),
            canonical_request: None,
            provided: self.signature.clone(),
        })))
    }
}

/// What is signed of a request before its resource.
struct Subject {
    /// Method, digest, type and date, each a line.
    head: String,
    /// The `x-amz-` headers, each a line.
    amz_headers: String,
}

impl Subject {
    fn new(view: &RequestView<'_>, amz_headers: String, expires: Option<&str>) -> Self {
        let date = match expires {
            Some(expires) => expires,
            None if view.header("x-amz-date").is_some() => "",
            None => view.header("date").unwrap_or_default(),
        };
        let lines = [
            view.method,
            view.header("content-md5").unwrap_or_default(),
            view.header("content-type").unwrap_or_default(),
            date,
        ];
        Self {
            head: lines.map(|line| format!("{line}\n")).concat(),
            amz_headers,
        }
    }

    fn string_to_sign(&self, resource: &str, query: &str) -> String {
        let resource = if resource.is_empty() { "/" } else { resource };
        format!("{}{}{resource}{query}", self.head, self.amz_headers)
    }
}

/// The `x-amz-` headers, sorted, and those that a presigned query carries as parameters.
fn amz_headers(view: &RequestView<'_>, query: &Query) -> Result<String, SignatureError> {
    let names = view.headers.iter().map(|(name, _)| name.as_str());
    let mut headers: BTreeMap<_, _> = names
        .filter(|name| name.starts_with("x-amz-"))
        .filter_map(|name| Some((name.to_owned(), view.folded(name)?)))
        .collect();
    for parameter in query {
        let name = parameter.name().to_ascii_lowercase();
        if !name.starts_with("x-amz-") {
            continue;
        }
        // A line end would make one value look like two headers.
        if !is_header(&name, parameter.value()) {
            return Err(SignatureError::Malformed("a parameter for a header"));
        }
        let value = headers
            .entry(name.clone())
            .or_insert(parameter.value().to_owned());
        if value != parameter.value() {
            return Err(SignatureError::Repeated(name));
        }
    }
    Ok(header_lines(&headers))
}

/// Whether a parameter can be a header.
fn is_header(name: &str, value: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !value.contains(char::is_control)
}

/// Which form of a sub-resource's value is signed: clients differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    AsSent,
    Decoded,
}

fn is_sub_resource(name: &str) -> bool {
    SUB_RESOURCES.contains(&name)
}

fn is_override(name: &str) -> bool {
    RESPONSE_OVERRIDES.contains(&name)
}

/// The parameters that are part of the resource, sorted; overrides of the response are taken decoded, as
/// clients sign them.
fn signed_query(query: &Query, values: Values) -> String {
    let mut signed: Vec<_> = query
        .iter()
        .filter_map(|parameter| {
            let (name, value) = (parameter.name(), parameter.value());
            match values {
                _ if is_override(name) => Some((name, value)),
                _ if !is_sub_resource(name) => None,
                Values::AsSent => Some((name, parameter.sent())),
                Values::Decoded => Some((name, value)),
            }
        })
        .collect();
    signed.sort_unstable();
    let mut text = String::new();
    for (name, value) in signed {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    text
}

/// The texts of the signed parameters that this query is meant by, and no other query is.
fn readings(query: &Query) -> Vec<String> {
    // An override is signed decoded: what is behind an ampersand in it must not look like another signed parameter.
    let hides_another = |parameter: &Parameter| {
        let mut behind = parameter.value().split('&').skip(1);
        is_override(parameter.name())
            && behind.any(|piece| {
                let name = piece.split_once('=').map_or(piece, |(name, _)| name);
                is_sub_resource(name) || is_override(name)
            })
    };
    if query.iter().any(hides_another) {
        return Vec::new();
    }
    // A decoded value must not look like another value as it is sent.
    let looks_encoded = |parameter: &Parameter| {
        is_sub_resource(parameter.name()) && parameter.value().contains(['%', '+', '&'])
    };
    let mut texts = vec![signed_query(query, Values::AsSent)];
    if !query.iter().any(looks_encoded) {
        texts.push(signed_query(query, Values::Decoded));
    }
    texts
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Queries in which the same letters stand for many things.
    fn query() -> impl Strategy<Value = String> {
        let names = vec![
            "acl",
            "%61cl",
            "versionId",
            "version%49d",
            "uploadId",
            "response-content-type",
            "%72esponse-content-type",
            "prefix",
        ];
        let pieces = vec![
            "a",
            "%61",
            "%2561",
            "&",
            "%26",
            "=",
            "%3D",
            "+",
            "%2B",
            "%20",
            "%",
            "%25",
            "acl",
            "%61cl",
            "versionId",
            "?",
        ];
        let value = vec(select(pieces), 0..4).prop_map(|pieces| pieces.concat());
        let pair = (select(names), value).prop_map(|(name, value)| format!("{name}={value}"));
        vec(pair, 0..3).prop_map(|pairs| pairs.join("&"))
    }

    /// What a query asks for that is signed.
    fn signed(query: &Query) -> Vec<(String, String)> {
        let mut signed = query.clone().into_pairs();
        signed.retain(|(name, _)| is_sub_resource(name) || is_override(name));
        signed.sort();
        signed
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn two_queries_that_ask_for_different_things_share_no_signature(one in query(), other in query()) {
            let read = |text| Query::parse(text).ok().filter(|query| query.check_unique().is_ok());
            let (Some(one), Some(other)) = (read(&one), read(&other)) else {
                return Ok(());
            };
            if signed(&one) != signed(&other) {
                let texts = readings(&other);
                prop_assert!(readings(&one).iter().all(|text| !texts.contains(text)));
            }
        }
    }

    #[test]
    fn an_ampersand_in_a_name_of_a_file_is_signed() {
        let named = |value: &str| {
            let query = format!("response-content-disposition={value}");
            readings(&Query::parse(&query).unwrap())
        };
        assert_eq!(
            named("Q%26A").first().unwrap(),
            "?response-content-disposition=Q&A"
        );
        assert!(named("a%26versionId%3D1").is_empty());
        assert!(named("a%26acl").is_empty());
    }

    #[test]
    fn headers_in_parameters_say_one_thing() {
        let text = |query: &str, headers: &[(&str, &str)]| {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let view = RequestView {
                method: "PUT",
                path: "/b/k",
                query,
                headers: &headers,
            };
            amz_headers(&view, &Query::parse(query).unwrap())
        };
        let both = "x-amz-acl:private\nx-amz-meta-a:b c\n";
        let meta = ("x-amz-meta-a", "b c");
        assert_eq!(text("%78-Amz-acl=private", &[meta]).as_deref(), Ok(both));
        assert_eq!(
            text("x-amz-acl=private&x-amz-meta-a=b+c", &[meta]).as_deref(),
            Ok(both)
        );
        let repeated = SignatureError::Repeated("x-amz-meta-a".to_owned());
        assert_eq!(text("x-amz-meta-a=d", &[meta]), Err(repeated));
        let malformed = SignatureError::Malformed("a parameter for a header");
        for bad in [
            "x-amz-meta-a=b%0Ax-amz-acl:public-read",
            "x-amz-a%0Ab=c",
            "x-amz-a%3Ab=c",
            "x-amz-a=%C2%85",
        ] {
            assert_eq!(text(bad, &[]), Err(malformed.clone()), "{bad}");
        }
    }
}
