//! Forms, with the signatures of the vendor's manual and of a client.

use gumnut_signing::SignatureError;
use gumnut_signing::form::{FormClaim, FormFields, FormParser, FormPiece, PostPolicy};
use gumnut_types::SecretString;
use proptest::prelude::*;
use time::macros::datetime;

use crate::example;

/// The fields of a form with these parts and an empty file.
fn fields(parts: &[(&str, &str)]) -> FormFields {
    let part = |(name, value): &(&str, &str)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body: String = parts.iter().chain(&[("file", "")]).map(part).collect();
    let mut parser = FormParser::new("multipart/form-data; boundary=x").unwrap();
    parser.feed((body + "--x--").as_bytes());
    match parser.next_piece().unwrap() {
        Some(FormPiece::Fields(fields, _)) => fields,
        other => panic!("{other:?}"),
    }
}

/// The example of the manual: a browser-based upload signed with version 4.
const POLICY: &str = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
const SIGNATURE: &str = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";

fn manual(changed: &str, value: &str) -> Vec<(String, String)> {
    let fields = [
        ("key", "user/user1/${filename}"),
        ("acl", "public-read"),
        (
            "success_action_redirect",
            "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
        ),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        (
            "X-Amz-Credential",
            "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
        ),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Date", "20151229T000000Z"),
        ("x-amz-meta-tag", ""),
        ("Policy", POLICY),
        ("X-Amz-Signature", SIGNATURE),
    ];
    fields
        .into_iter()
        .map(|(name, old)| {
            (
                name.to_owned(),
                if name == changed { value } else { old }.to_owned(),
            )
        })
        .collect()
}

fn read(list: &[(String, String)]) -> FormFields {
    let list: Vec<_> = list
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields(&list)
}

#[test]
fn the_form_of_the_manual() {
    let now = datetime!(2015-12-29 01:00 UTC);
    let mut form = read(&manual("", ""));
    let claim = FormClaim::of(&form).unwrap().unwrap();
    assert_eq!(claim.access_key().as_str(), "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(claim.scope(), Some(("s3", "us-east-1")));
    claim.check_time(now).unwrap();
    claim.verify(example().secret()).unwrap();
    form.name_file("a.jpg");
    assert_eq!(form.get("key"), Some("user/user1/a.jpg"));
    let policy = PostPolicy::parse(claim.policy()).unwrap();
    policy.check(&form, "sigv4examplebucket", now).unwrap();
    assert!(policy.check(&form, "another", now).is_err());
    for (name, value) in [
        ("key", "user/user2/${filename}"),
        ("acl", "private"),
        ("X-Amz-Date", "20151229T000001Z"),
        ("x-amz-meta-uuid", "1"),
    ] {
        let changed = read(&manual(name, value));
        assert!(
            policy.check(&changed, "sigv4examplebucket", now).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_signature_is_of_the_policy_and_of_one_version() {
    let v2 = |signature: &str| {
        let fields = fields(&[
            ("AWSAccessKeyId", "AK"),
            ("Policy", "cG9saWN5"),
            ("Signature", signature),
        ]);
        FormClaim::of(&fields).unwrap().unwrap()
    };
    let secret = SecretString::new("secret");
    // printf %s cG9saWN5 | openssl dgst -sha1 -hmac secret -binary | base64
    assert_eq!(v2("xjcOd3+I0tu58AF8jUmwdfvwgBU=").verify(&secret), Ok(()));
    assert!(matches!(
        v2("AAAA").verify(&secret),
        Err(SignatureError::Mismatch(_))
    ));
    assert_eq!(v2("AAAA").scope(), None);
    let error = |list: &[(&str, &str)]| FormClaim::of(&fields(list)).unwrap_err();
    assert_eq!(
        error(&[("policy", "a")]),
        SignatureError::Missing("Signature")
    );
    assert_eq!(
        error(&[("signature", "a")]),
        SignatureError::Missing("Policy")
    );
    let both = [
        ("policy", "a"),
        ("signature", "a"),
        ("x-amz-signature", "a"),
    ];
    assert_eq!(
        error(&both),
        SignatureError::Repeated("signature".to_owned())
    );
    assert_eq!(FormClaim::of(&fields(&[("key", "a")])), Ok(None));
    let late = datetime!(2016-01-05 00:00:01 UTC);
    let manual = FormClaim::of(&read(&manual("", ""))).unwrap().unwrap();
    assert_eq!(manual.check_time(late), Err(SignatureError::Expired));
    assert_eq!(
        manual.check_time(datetime!(2015-12-28 23:44 UTC)),
        Err(SignatureError::NotYetValid)
    );
}

proptest! {
    /// However a body is cut, it is read the same way, and nothing is kept beyond the bound.
    #[test]
    fn cuts_do_not_matter(
        body in "(--x(\r\n|--)|Content-Disposition: form-data; name=\"(a|b|file)\"|\r\n|--x|[ -~]){0,20}",
        cuts in proptest::collection::vec(1..9_usize, 1..40),
    ) {
        let read = |cuts: &mut dyn Iterator<Item = usize>| {
            let mut parser = FormParser::new("multipart/form-data; boundary=x").unwrap();
            let (mut found, mut file, mut rest) = (None, Vec::new(), body.as_bytes());
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(cuts.next().unwrap_or(usize::MAX).min(rest.len()));
                rest = behind;
                parser.feed(piece);
                while let Some(piece) = parser.next_piece().ok()? {
                    match piece {
                        FormPiece::Fields(fields, part) => found = Some((fields, part)),
                        FormPiece::File(bytes) => file.extend(bytes),
                    }
                }
            }
            parser.finish().ok().map(|()| (found, file))
        };
        prop_assert_eq!(read(&mut std::iter::empty()), read(&mut cuts.into_iter()));
    }
}
