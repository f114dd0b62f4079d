//! What the answers of a store mean that are no success.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

use crate::BucketError;

/// Most bytes of an answer that are looked at.
pub(crate) const MOST: usize = 64 << 10;
/// Most characters of a message that are repeated.
const LONGEST: usize = 300;

/// What an answer with this status and this document means. `place` names the bucket.
pub(crate) fn refusal(place: &str, status: u16, document: &[u8]) -> BucketError {
    let (code, message) = read(document);
    let place = place.to_owned();
    let named = || match code.as_str() {
        "" => format!("status {status}"),
        code => code.to_owned(),
    };
    match (status, code.as_str()) {
        (_, "NoSuchBucket") => BucketError::NoBucket(place),
        (_, "RequestTimeTooSkewed") => BucketError::Clock(place),
        (507, _) | (_, "QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull") => {
            BucketError::Full {
                place,
                code: named(),
            }
        }
        (401 | 403, _) => BucketError::Denied {
            place,
            code: named(),
        },
        (500..=599 | 429 | 408, _) | (_, "SlowDown" | "RequestTimeout") => BucketError::Busy {
            place,
            code: named(),
        },
        _ => BucketError::Answer {
            place,
            status,
            code,
            message,
        },
    }
}

/// Whether the document of an answer with status 404 says that the bucket is missing, and not a key.
pub(crate) fn is_without_bucket(document: &[u8]) -> bool {
    read(document).0 == "NoSuchBucket"
}

/// Code and message of a document, empty where there are none.
fn read(document: &[u8]) -> (String, String) {
    let (mut code, mut message, mut element) = (String::new(), String::new(), String::new());
    let mut reader = Reader::from_reader(document);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => start.name().as_ref().clone_into(&mut element),
            Event::End(_) => element.clear(),
            Event::Text(text) => {
                let text = text.xml_content(XmlVersion::Implicit1_0);
                match element.as_str() {
                    "Code" => code.extend(printable(&text)),
                    "Message" => message.extend(printable(&text)),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let short = |text: String| text.chars().take(LONGEST).collect();
    (short(code), short(message))
}

fn printable(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: &str = "\"b\" at http://rgw:7480";

    fn of(status: u16, code: &str) -> BucketError {
        let document = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as it is</Message></Error>"
        );
        refusal(PLACE, status, document.as_bytes())
    }

    #[test]
    fn each_refusal_has_a_message_of_its_own() {
        for (status, code, expected) in [
            (
                404,
                "NoSuchBucket",
                "there is no bucket \"b\" at http://rgw:7480; create it",
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "was denied (SignatureDoesNotMatch); check the keys",
            ),
            (403, "RequestTimeTooSkewed", "set the clocks"),
            (503, "SlowDown", "is overloaded or failing (SlowDown)"),
            (500, "", "is overloaded or failing (status 500)"),
            (403, "QuotaExceeded", "has no space left (QuotaExceeded)"),
            (507, "", "has no space left (status 507)"),
            (
                301,
                "PermanentRedirect",
                "answered 301 PermanentRedirect: as it is",
            ),
        ] {
            let text = of(status, code).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn only_what_passes_is_asked_for_again() {
        for (status, code, expected) in [
            (503, "SlowDown", true),
            (500, "InternalError", true),
            (429, "", true),
            (403, "AccessDenied", false),
            (404, "NoSuchBucket", false),
            (400, "InvalidArgument", false),
        ] {
            assert_eq!(of(status, code).is_passing(), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_missing_bucket_is_no_missing_key() {
        let of = |code| format!("<Error><Code>{code}</Code></Error>");
        assert!(is_without_bucket(of("NoSuchBucket").as_bytes()));
        for document in [of("NoSuchKey"), String::new(), "NoSuchBucket".to_owned()] {
            assert!(!is_without_bucket(document.as_bytes()), "{document}");
        }
    }

    #[test]
    fn a_message_is_cut_and_has_no_control_characters() {
        let document = format!(
            "<Error><Message>\u{1b}[31m{}</Message></Error>",
            "a".repeat(5000)
        );
        let text = refusal(PLACE, 400, document.as_bytes()).to_string();
        assert!(text.len() < 500 && !text.contains('\u{1b}'), "{text}");
    }

    proptest! {
        #[test]
        fn no_document_panics(document: Vec<u8>, status in 300..600_u16) {
            let _ = refusal(PLACE, status, &document).to_string();
        }
    }
}
