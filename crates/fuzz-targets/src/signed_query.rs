//! Any bytes are two requests, of which one is signed.

use std::collections::BTreeSet;

use gumnut_signing::v2::{QueryClaim, S3Claim, sign_query, sign_s3};
use gumnut_signing::v4::{Claim, PayloadHash, Service, Signer};
use gumnut_signing::{
    AccessKeyId, Credentials, Query, RESPONSE_OVERRIDES, RequestView, SUB_RESOURCES, decode_path,
};
use gumnut_types::SecretString;
use time::OffsetDateTime;

/// What a request is about, as far as its signature says.
type Asked = (String, BTreeSet<(String, String)>);

/// Reads the bytes as two requests of which the first is signed, in every version: four lines, path and query of the one and path and
/// query of the other.
///
/// # Panics
/// When the signature of the one is good for the other, and the other asks for something else.
pub fn signed_query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let one = (format!("/{}", line()), line());
    let other = (format!("/{}", line()), line());
    let credentials = Credentials::new(AccessKeyId::new("AK"), SecretString::new("secret"));
    version_4((&one.0, one.1), (&other.0, other.1), &credentials);
    version_2((&one.0, one.1), (&other.0, other.1), &credentials);
    query_api(one.1, other.1, &credentials);
}

/// What a request is about; `keep` says which parameters are signed.
fn asked((path, query): (&str, &str), keep: impl Fn(&str) -> bool) -> Option<Asked> {
    let query = Query::parse(query).ok()?;
    query.check_unique().ok()?;
    let mut pairs = query.into_pairs();
    pairs.retain(|(name, _)| keep(name));
    Some((decode_path(path).ok()?, pairs.into_iter().collect()))
}

fn version_4(one: (&str, &str), other: (&str, &str), credentials: &Credentials) {
    let mut headers = vec![("host".to_owned(), "h".to_owned())];
    let signer = Signer {
        credentials,
        region: "r",
        service: Service::S3,
    };
    let payload = PayloadHash::Unsigned;
    let view = view(one, &headers);
    let Ok(added) = signer.sign(&view, &payload, OffsetDateTime::UNIX_EPOCH) else {
        return;
    };
    headers.extend(added);
    let is_good = |request| {
        let view = self::view(request, &headers);
        let claim = Claim::of(&view).ok().flatten();
        claim.is_some_and(|claim| {
            claim
                .verify(&view, payload.as_str(), credentials.secret())
                .is_ok()
        })
    };
    let is_signed = |name: &str| name != "X-Amz-Signature";
    let asked_one = asked(one, is_signed);
    assert!(
        asked_one.is_none() || is_good(one),
        "its own signature is not good"
    );
    if is_good(other) {
        assert_eq!(asked_one, asked(other, is_signed));
    }
}

fn version_2(one: (&str, &str), other: (&str, &str), credentials: &Credentials) {
    let mut headers = vec![(
        "date".to_owned(),
        "Thu, 01 Jan 1970 00:00:00 GMT".to_owned(),
    )];
    let authorization = sign_s3(&view(one, &headers), credentials);
    headers.push(("authorization".to_owned(), authorization));
    let view = view(other, &headers);
    let claim = S3Claim::of(&view).ok().flatten();
    let is_good = claim.is_some_and(|claim| {
        claim
            .verify(&view, &[view.path], credentials.secret())
            .is_ok()
    });
    if is_good {
        let is_signed =
            |name: &str| SUB_RESOURCES.contains(&name) || RESPONSE_OVERRIDES.contains(&name);
        let signed = asked(one, is_signed);
        assert!(signed.is_none() || signed == asked(other, is_signed));
        let headers = |request: (&str, &str)| {
            let (_, pairs) = asked(request, |name| {
                name.to_ascii_lowercase().starts_with("x-amz-")
            })?;
            let lower = pairs
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value));
            Some(lower.collect::<BTreeSet<_>>())
        };
        assert!(signed.is_none() || headers(one) == headers(other));
    }
}

fn query_api(one: &str, other: &str, credentials: &Credentials) {
    let read = |text: &str| {
        let query = Query::parse(text).ok()?;
        query.check_unique().ok()?;
        Some(query.into_pairs())
    };
    let (Some(mut one), Some(mut other)) = (read(one), read(other)) else {
        return;
    };
    let of_signature = |name: &str| {
        name.starts_with("Signature") || ["AWSAccessKeyId", "Timestamp", "Expires"].contains(&name)
    };
    one.retain(|(name, _)| !of_signature(name));
    other.retain(|(name, _)| !of_signature(name));
    let asked_one: BTreeSet<_> = one.iter().cloned().collect();
    let asked_other: BTreeSet<_> = other.iter().cloned().collect();
    let unsigned = one.len();
    sign_query(
        "GET",
        "h",
        "/",
        &mut one,
        credentials,
        OffsetDateTime::UNIX_EPOCH,
    );
    other.extend_from_slice(&one[unsigned..]);
    let Ok(Some(claim)) = QueryClaim::of(&other) else {
        panic!("a signature is lost");
    };
    let verified = claim.verify("GET", &["h"], &["/"], &other, credentials.secret());
    assert_eq!(verified.is_ok(), asked_one == asked_other);
}

fn view<'a>((path, query): (&'a str, &'a str), headers: &'a [(String, String)]) -> RequestView<'a> {
    RequestView {
        method: "GET",
        path,
        query,
        headers,
    }
}
