//! What is signed for one request is not good for another.

use std::collections::HashSet;

use gumnut_signing::v4::{Claim, PayloadHash, Service, Signer};
use gumnut_signing::{Query, RequestView, decode_path, parse_amz_date};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{example, headers};

/// Texts in which the same letters stand for many things.
fn text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a", "%61", "%2561", "/", "%2F", "%2f", "%252F", "=", "%3D", "+", "%2B", "%20", "~", "%7e",
        "%", "%25", "*", "%2A", "!",
    ];
    vec(select(pieces), 0..5).prop_map(|pieces| pieces.concat())
}

fn query() -> impl Strategy<Value = String> {
    let names = select(vec!["acl", "%61cl", "prefix", "a", "%61", "x-amz-acl"]);
    let pair = (names, text()).prop_map(|(name, value)| format!("{name}={value}"));
    vec(pair, 0..3).prop_map(|pairs| pairs.join("&"))
}

/// What a request is about: the decoded path and the decoded parameters.
fn asked(path: &str, query: &str) -> (String, HashSet<(String, String)>) {
    let pairs = Query::parse(query).unwrap().into_pairs();
    (decode_path(path).unwrap(), pairs.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn version_4_is_good_for_one_path_and_one_query(
        path in text(), other_path in text(), query in query(), other_query in query(), again: bool, change in 0..3,
    ) {
        let (path, other_path) = (format!("/b/{path}"), format!("/b/{other_path}"));
        let legible = |path: &str, query: &str| decode_path(path).is_ok() && Query::parse(query).is_ok();
        if !legible(&path, &query) || !legible(&other_path, &other_query) {
            return Ok(());
        }
        let other_path = if change == 0 { &path } else { &other_path };
        let other_query = if change == 1 { &query } else { &other_query };
        // A client signs the path as it sends it, or encodes it for the signature alone.
        let signed_path = if again { gumnut_signing::encode_path(&decode_path(&path).unwrap()) } else { path.clone() };
        let credentials = example();
        let mut list = headers(&[("host", "h")]);
        let signer = Signer { credentials: &credentials, region: "r", service: Service::S3 };
        let payload = PayloadHash::of(b"");
        let time = parse_amz_date("20260102T030405Z").unwrap();
        let view = RequestView { method: "GET", path: &signed_path, query: &query, headers: &list };
        let added = signer.sign(&view, &payload, time).unwrap();
        list.extend(added);
        let verify = |path: &str, query: &str| {
            let view = RequestView { method: "GET", path, query, headers: &list };
            let claim = Claim::of(&view).unwrap().unwrap();
            claim.verify(&view, payload.as_str(), credentials.secret())
        };
        if Query::parse(&query).unwrap().check_unique().is_ok() {
            prop_assert!(verify(&path, &query).is_ok());
        }
        if verify(other_path, other_query).is_ok() {
            prop_assert_eq!(asked(&path, &query), asked(other_path, other_query));
        }
    }
}
