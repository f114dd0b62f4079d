//! What is signed is accepted, and nothing else is.

use gumnut_signing::v4::{Claim, PayloadHash, Service, Signer};
use gumnut_signing::{RequestView, SignatureError, parse_amz_date, percent_encode};
use proptest::prelude::*;

use crate::example;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn version_4_accepts_its_own_and_refuses_changes(
        method in "GET|PUT|POST|DELETE",
        segments in proptest::collection::vec(".{1,8}", 0..4),
        parameters in proptest::collection::vec((".{1,6}", ".{0,6}"), 0..4),
        value in "[ -~]{1,20}",
        body: Vec<u8>,
        change in 0..6,
    ) {
        let credentials = example();
        let segments: Vec<_> = segments.iter().map(|segment| percent_encode(segment)).collect();
        let path = segments.join("/");
        let path = format!("/{path}");
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
            .collect();
        let query = query.join("&");
        let mut headers = vec![("host".to_owned(), "h:8773".to_owned()), ("x-amz-meta-a".to_owned(), value)];
        let view = RequestView { method: &method, path: &path, query: &query, headers: &headers };
        let signer = Signer { credentials: &credentials, region: "r", service: Service::Ec2 };
        let payload = PayloadHash::of(&body);
        let time = parse_amz_date("20260102T030405Z").unwrap();
        let added = signer.sign(&view, &payload, time).unwrap();
        headers.extend(added);
        let mut view = RequestView { method: &method, path: &path, query: &query, headers: &headers };
        let claim = Claim::of(&view).unwrap().unwrap();
        prop_assert!(claim.verify(&view, payload.as_str(), credentials.secret()).is_ok());

        let longer_path = format!("{path}x");
        let longer_query = format!("{query}&x=1");
        let mut others = headers.clone();
        let mut payload = payload.as_str().to_owned();
        match change {
            0 => view.method = "HEAD",
            1 => view.path = &longer_path,
            2 => view.query = &longer_query,
            3 => { others[0].1.push('x'); view.headers = &others; }
            4 => { others[1].1.push('x'); view.headers = &others; }
            _ => payload.push('0'),
        }
        let result = claim.verify(&view, &payload, credentials.secret());
        prop_assert!(matches!(result, Err(SignatureError::Mismatch(_))), "{result:?}");
    }
}
