//! What is signed is accepted, and nothing else is.

use gumnut_signing::v2::{QueryClaim, S3Claim, sign_query, sign_s3};
use gumnut_signing::v4::{Claim, PayloadHash, Service, Signer};
use gumnut_signing::{RequestView, SignatureError, parse_amz_date, percent_encode};
use proptest::prelude::*;

use crate::{example, headers};

/// Dates as clients write them, the impossible ones among them.
fn date() -> impl Strategy<Value = String> {
    let http = (
        1_u8..32,
        0_u16..=9999,
        0_u8..25,
        "[+-][0-2][0-9][0-5][0-9]|GMT|UTC",
    )
        .prop_map(|(day, year, hour, zone)| {
            format!("Fri, {day:02} Dec {year:04} {hour:02}:59:59 {zone}")
        });
    let stamp = (0_u16..=9999, 1_u8..32, "Z|[+-][0-2][0-9]:[0-5][0-9]|")
        .prop_map(|(year, day, zone)| format!("{year:04}-12-{day:02}T23:59:59{zone}"));
    let amz = "[0-9]{8}T[0-9]{6}Z";
    prop_oneof![http, stamp, amz, ".{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Nobody has to have a key to send these.
    #[test]
    fn any_date_is_judged(date in date(), expires in "-?[0-9]{0,20}") {
        let now = parse_amz_date("20260102T030405Z").unwrap();
        for scheme in ["AWS4-HMAC-SHA256 Credential=AK/99991231/r/s/aws4_request,SignedHeaders=host,Signature=0", "AWS AK:0"] {
            let list = headers(&[("host", "h"), ("date", &date), ("authorization", scheme)]);
            let view = RequestView { method: "GET", path: "/", query: "", headers: &list };
            if let Ok(Some(claim)) = Claim::of(&view) {
                prop_assert!(claim.check_time(now).is_err());
            }
            if let Ok(Some(claim)) = S3Claim::of(&view) {
                prop_assert!(claim.check_time(&view, now).is_err());
            }
        }
        let presigned = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F99991231%2Fr%2Fs%2Faws4_request&X-Amz-Date={}\
             &X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=0",
            percent_encode(&date)
        );
        let view = RequestView { method: "GET", path: "/", query: &presigned, headers: &[] };
        if let Ok(Some(claim)) = Claim::of(&view) {
            prop_assert!(claim.check_time(now).is_err());
        }
        let parameters = headers(&[("AWSAccessKeyId", "AK"), ("SignatureVersion", "2"), ("Signature", "0"), ("Timestamp", &date)]);
        let claim = QueryClaim::of(&parameters).unwrap().unwrap();
        prop_assert!(claim.check_time(now).is_err());
    }

    #[test]
    fn version_2_accepts_its_own_and_refuses_changes(
        key in "[a-z/]{1,8}",
        upload in "[a-z/%]{1,8}",
        value in "[!-~]{1,12}",
        change in 0..5,
    ) {
        let credentials = example();
        let path = format!("/b/{key}");
        let query = format!("uploadId={}", percent_encode(&upload));
        let mut list = headers(&[("date", "Tue, 27 Mar 2007 21:20:26 +0000"), ("x-amz-meta-a", &value)]);
        let signature = sign_s3(&RequestView { method: "PUT", path: &path, query: &query, headers: &list }, &credentials);
        list.push(("authorization".to_owned(), signature));
        let claim = S3Claim::of(&RequestView { method: "PUT", path: &path, query: &query, headers: &list }).unwrap().unwrap();
        let longer = format!("{path}x");
        let mut view = RequestView { method: "PUT", path: &path, query: &query, headers: &list };
        prop_assert!(claim.verify(&view, &[&path], credentials.secret()).is_ok());
        let (mut others, query) = (list.clone(), format!("{query}x"));
        match change {
            0 => view.method = "GET",
            1 => view.path = &longer,
            2 => view.query = &query,
            3 => { others[0].1.push('1'); view.headers = &others; }
            _ => { others[1].1.push('1'); view.headers = &others; }
        }
        prop_assert!(claim.verify(&view, &[view.path], credentials.secret()).is_err());
    }

    /// Clients encode in three ways, and write the host as they were given it.
    #[test]
    fn query_calls_are_read_as_their_client_meant_them(
        value in "[ -~]{1,12}",
        change in 0..4,
        lower: bool,
    ) {
        let credentials = example();
        let mut parameters = headers(&[("Action", "RegisterImage"), ("Name", &value)]);
        let time = parse_amz_date("20260102T030405Z").unwrap();
        sign_query("POST", if lower { "cloud:8773" } else { "Cloud:8773" }, "/services/Eucalyptus", &mut parameters, &credentials, time);
        let claim = QueryClaim::of(&parameters).unwrap().unwrap();
        prop_assert!(claim.check_time(time).is_ok());
        let verify = |method, host, path, parameters: &[(String, String)]| {
            claim.verify(method, &["elsewhere", host], &["/", path], parameters, credentials.secret())
        };
        let (host, path) = ("Cloud:8773", "/services/Eucalyptus");
        prop_assert!(verify("POST", host, path, &parameters).is_ok());
        let mut others = parameters.clone();
        others[1].1.push('x');
        let changed = match change {
            0 => verify("GET", host, path, &parameters),
            1 => verify("POST", "cloud", path, &parameters),
            2 => verify("POST", host, "/services", &parameters),
            _ => verify("POST", host, path, &others),
        };
        prop_assert!(matches!(changed, Err(SignatureError::Mismatch(_))));
    }

    #[test]
    fn version_4_accepts_its_own_and_refuses_changes(
        method in "GET|PUT|POST|DELETE",
        segments in proptest::collection::vec(".{1,8}", 0..4),
        parameters in proptest::collection::btree_map("[^xX].{0,6}", ".{0,6}", 0..4),
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
