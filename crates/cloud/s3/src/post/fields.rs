//! What the fields of a form ask for. Each field has its effect, or is refused; those that S3 gives no meaning have none.

use gumnut_cloud_catalogue::{ChecksumAlgorithm, Key, Tags};
use gumnut_cloud_objects::{NewObject, ObjectError, object_tags};
use gumnut_signing::form::FormFields;
use http::HeaderName;
use s3s::dto::{self, TimestampFormat};
use s3s::xml::Deserialize as _;

use super::answer::FormAnswer;
use crate::acl::AclHeaders;
use crate::convert::{self, SentHeaders, Unsupported};
use crate::lock::new_tags_and_lock;
use crate::put;
use crate::sent_checksums::SentChecksums;
use crate::{S3Options, understood};

/// Begins the names of user metadata.
const METADATA: &str = "x-amz-meta-";
/// Begins the names of checksums.
const CHECKSUM: &str = "x-amz-checksum-";
/// Begins the names of fields about encryption.
const ENCRYPTION: &str = "x-amz-server-side-encryption";
/// Fields that are read, or that are the signature.
const KNOWN: [&str; 32] = [
    "acl",
    "awsaccesskeyid",
    "bucket",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "key",
    "policy",
    "redirect",
    "signature",
    "success_action_redirect",
    "success_action_status",
    "tagging",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write-acp",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];
/// What the names of fields begin with that S3 might give a meaning.
const MEANINGFUL: [&str; 3] = ["x-amz-", "content-", "if-"];

/// What a form asks for.
pub(super) struct Wanted {
    pub(super) object: NewObject,
    /// That which the file must have.
    pub(super) md5: Option<[u8; 16]>,
    /// Those that the file must have.
    pub(super) checksums: SentChecksums,
    pub(super) answer: FormAnswer,
}

impl Wanted {
    /// Reads the fields of a form for this bucket.
    pub(super) fn of(
        fields: &FormFields,
        bucket: &str,
        options: &S3Options,
    ) -> Result<Self, ObjectError> {
        check_names(fields)?;
        if fields.get("bucket").is_some_and(|named| named != bucket) {
            return Err(ObjectError::AccessDenied
                .saying("The field 'bucket' is not the bucket that the form was sent to."));
        }
        let key = fields.get("key").filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| {
            ObjectError::argument("Bucket POST must contain a field named 'key', before the file.")
        })?;
        let unsupported = Unsupported {
            encryption: fields.iter().any(|(name, _)| name.starts_with(ENCRYPTION)),
            redirect: fields.get("x-amz-website-redirect-location").is_some(),
            class: fields.get("x-amz-storage-class"),
        };
        unsupported.check()?;
        let acl = AclHeaders {
            canned: fields.get("acl"),
            full_control: fields.get("x-amz-grant-full-control"),
            read: fields.get("x-amz-grant-read"),
            read_acp: fields.get("x-amz-grant-read-acp"),
            write: None,
            write_acp: fields.get("x-amz-grant-write-acp"),
        };
        let mut tags_and_lock = new_tags_and_lock(
            fields.get("x-amz-tagging"),
            fields.get("x-amz-object-lock-mode"),
            time(
                fields,
                "x-amz-object-lock-retain-until-date",
                TimestampFormat::DateTime,
            )?,
            fields.get("x-amz-object-lock-legal-hold"),
        )?;
        if let Some(document) = fields.get("tagging") {
            if fields.get("x-amz-tagging").is_some() {
                return Err(ObjectError::argument(
                    "A form has its tags in 'tagging' or in 'x-amz-tagging'.",
                ));
            }
            tags_and_lock.tags = tags(document)?;
        }
        Ok(Self {
            object: NewObject {
                acl: acl.request(options.refuse_acl)?,
                headers: headers(fields)?.check()?,
                tags_and_lock,
                ..NewObject::new(bucket, Key::new(key)?)
            },
            md5: put::md5(fields.get("content-md5"))?,
            checksums: checksums(fields)?,
            answer: FormAnswer::of(fields)?,
        })
    }
}

/// Refuses fields that S3 might give a meaning which they would not have here.
fn check_names(fields: &FormFields) -> Result<(), ObjectError> {
    let is_read = |name: &str| {
        KNOWN.contains(&name)
            || [METADATA, CHECKSUM, ENCRYPTION]
                .iter()
                .any(|begin| name.starts_with(begin))
    };
    let mut unknown = fields
        .iter()
        .map(|(name, _)| name)
        .filter(|name| MEANINGFUL.iter().any(|begin| name.starts_with(begin)) && !is_read(name));
    match unknown.next() {
        Some(name) => Err(ObjectError::NotImplemented
            .saying(format!("This store does not know the form field {name:?}."))),
        None => Ok(()),
    }
}

/// The headers that are kept with the object.
fn headers(fields: &FormFields) -> Result<SentHeaders, ObjectError> {
    let text = |name: &str| fields.get(name).map(str::to_owned);
    let metadata = fields.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(METADATA)?;
        Some((name.to_owned(), value.to_owned()))
    });
    let headers = SentHeaders {
        content_type: text("content-type"),
        cache_control: text("cache-control"),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding"),
        content_language: text("content-language"),
        expires: time(fields, "expires", TimestampFormat::HttpDate)?,
        metadata: Some(metadata.collect()),
    };
    // They will be headers of answers.
    let is_legal = |(name, value): (&str, &str)| {
        let is_header = [METADATA, "content-", "cache-control"]
            .iter()
            .any(|begin| name.starts_with(begin));
        let legal_name = HeaderName::from_bytes(name.as_bytes()).is_ok();
        !is_header || legal_name && !value.contains(char::is_control)
    };
    match fields.iter().find(|field| !is_legal(*field)) {
        Some((name, _)) => Err(ObjectError::argument(format!(
            "The form field {name:?} cannot be a header."
        ))),
        None => Ok(headers),
    }
}

/// The time in a field; `None` without one, and for an empty one.
fn time(
    fields: &FormFields,
    name: &str,
    format: TimestampFormat,
) -> Result<Option<dto::Timestamp>, ObjectError> {
    let text = fields.get(name).filter(|text| !text.is_empty());
    text.map(|text| {
        dto::Timestamp::parse(format, text)
            .map_err(|_| ObjectError::argument(format!("The form field {name:?} is not a time.")))
    })
    .transpose()
}

/// The tags in a document.
fn tags(document: &str) -> Result<Tags, ObjectError> {
    understood::TAGGING.check(document.as_bytes())?;
    let mut reader = s3s::xml::Deserializer::new(document.as_bytes());
    let tagging = dto::Tagging::deserialize(&mut reader).map_err(|_| ObjectError::MalformedXml)?;
    reader.expect_eof().map_err(|_| ObjectError::MalformedXml)?;
    object_tags(convert::tags_of_document(tagging))
}

/// The checksums that the file must have.
fn checksums(fields: &FormFields) -> Result<SentChecksums, ObjectError> {
    for (name, value) in fields.iter() {
        let Some(algorithm) = name.strip_prefix(CHECKSUM) else {
            continue;
        };
        let is_known = match algorithm {
            "algorithm" => {
                let sent = format!("{CHECKSUM}{}", value.to_ascii_lowercase());
                fields.get(&sent).is_some()
            }
            "type" => value == dto::ChecksumType::FULL_OBJECT,
            algorithm => ChecksumAlgorithm::named(algorithm).is_some(),
        };
        if !is_known {
            return Err(ObjectError::NotImplemented.saying(format!(
                "This store does not know what the form field {name:?} asks for."
            )));
        }
    }
    SentChecksums::of(fields.iter(), "")
}

#[cfg(test)]
mod tests {
    use gumnut_signing::form::{FormParser, FormPiece};

    use super::*;

    /// What a form with these fields asks for.
    fn wanted(list: &[(&str, &str)]) -> Result<Wanted, ObjectError> {
        let part = |(name, value): &(&str, &str)| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body: String = list.iter().chain(&[("file", "")]).map(part).collect();
        let mut parser = FormParser::new("multipart/form-data; boundary=x").unwrap();
        parser.feed((body + "--x--").as_bytes());
        match parser.next_piece().unwrap() {
            Some(FormPiece::Fields(fields, _)) => Wanted::of(&fields, "b", &S3Options::default()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fields_have_their_effect() {
        let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
        let wanted = wanted(&[
            ("key", "k"),
            ("Content-Type", "text/plain"),
            ("x-amz-meta-A", "b"),
            ("tagging", tags),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-checksum-algorithm", "CRC32"),
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("x-amz-object-lock-legal-hold", "ON"),
            ("Filename", "no meaning"),
        ])
        .unwrap();
        assert_eq!(&*wanted.object.key, "k");
        let headers = wanted.object.headers;
        assert_eq!(headers.content_type.as_deref(), Some("text/plain"));
        assert_eq!(headers.metadata["a"], "b");
        let more = wanted.object.tags_and_lock;
        assert_eq!(
            (more.tags["a"].as_str(), more.legal_hold),
            ("b", Some(true))
        );
        assert!(wanted.md5.is_some());
        assert!(
            wanted
                .checksums
                .confirmed()
                .announces(ChecksumAlgorithm::Crc32)
        );
    }

    #[test]
    fn fields_that_would_be_dropped_are_refused() {
        for (name, value, code) in [
            ("x-amz-new", "a", "NotImplemented"),
            ("if-none-match", "*", "NotImplemented"),
            ("content-range", "a", "NotImplemented"),
            ("x-amz-server-side-encryption", "AES256", "NotImplemented"),
            (
                "x-amz-server-side-encryption-customer-key",
                "a",
                "NotImplemented",
            ),
            ("x-amz-website-redirect-location", "/", "NotImplemented"),
            ("x-amz-checksum-sha512", "a", "NotImplemented"),
            ("x-amz-checksum-algorithm", "SHA1", "NotImplemented"),
            ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
            ("x-amz-meta-a", "b\nc", "InvalidArgument"),
            ("content-type", "a\u{7}", "InvalidArgument"),
            ("expires", "soon", "InvalidArgument"),
            ("tagging", "a=b", "MalformedXML"),
            ("acl", "mine", "InvalidArgument"),
            ("bucket", "c", "AccessDenied"),
            ("content-md5", "a", "InvalidDigest"),
            ("success_action_redirect", "javascript:a", "InvalidArgument"),
        ] {
            let refused = wanted(&[("key", "k"), (name, value)]).err().unwrap();
            assert_eq!(refused.code(), code, "{name}");
        }
        for key in [&[][..], &[("key", "")]] {
            assert_eq!(wanted(key).err().unwrap().code(), "InvalidArgument");
        }
    }
}
