//! What the signer of a form allows.

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::FormFields;

/// The condition whose value is that of the request itself.
const BUCKET: &str = "bucket";

/// Why a form is not what its policy allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document is none, and why.
    #[error("Invalid Policy: {0}")]
    Malformed(&'static str),
    /// The time of the policy is over.
    #[error("Invalid according to Policy: Policy expired.")]
    Expired,
    /// A condition is not met.
    #[error("Invalid according to Policy: Policy Condition failed: {0}")]
    Failed(String),
    /// The policy says nothing of a field of the form.
    #[error("Invalid according to Policy: Extra input fields: {0}")]
    Extra(String),
    /// The policy is for every bucket.
    #[error("Invalid according to Policy: Policy names no bucket.")]
    NoBucket,
}

/// What the signer of a form allows: conditions on its fields and on the length of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: OffsetDateTime,
    conditions: Vec<Condition>,
    /// The least and the greatest length of the file, in bytes.
    length: (u64, u64),
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    /// The name in lower case.
    field: String,
    value: String,
    /// Whether the value of the field need only begin so.
    prefix: bool,
}

#[derive(Deserialize)]
struct Document {
    expiration: String,
    conditions: Vec<Value>,
}

impl PostPolicy {
    /// Reads the field `policy`: a document in Base64.
    ///
    /// # Errors
    /// [`PolicyError::Malformed`]
    pub fn parse(field: &str) -> Result<Self, PolicyError> {
        let mut base64 = field.to_owned();
        base64.retain(|c| !c.is_ascii_whitespace());
        let json = BASE64
            .decode(base64.as_bytes())
            .map_err(|_| PolicyError::Malformed("it is not Base64."))?;
        let document: Document = serde_json::from_slice(&json).map_err(|_| {
            PolicyError::Malformed("it is not a JSON document with 'expiration' and 'conditions'.")
        })?;
        let mut policy = Self {
            expiration: expiration(&document.expiration)
                .ok_or(PolicyError::Malformed("Invalid 'expiration' value."))?,
            conditions: Vec::new(),
            length: (0, u64::MAX),
        };
        for condition in &document.conditions {
            policy
                .add(condition)
                .ok_or(PolicyError::Malformed("Invalid condition."))?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Option<()> {
        let condition = match condition {
            Value::Object(fields) if fields.len() == 1 => {
                let (field, value) = fields.iter().next()?;
                Condition::new(field, value, false)?
            }
            Value::Array(items) => {
                let [operator, field, value] = items.as_slice() else {
                    return None;
                };
                match operator.as_str()?.to_ascii_lowercase().as_str() {
                    "eq" => Condition::new(field.as_str()?, value, false)?,
                    "starts-with" => Condition::new(field.as_str()?, value, true)?,
                    "content-length-range" => {
                        let (least, most) = (length(field)?, length(value)?);
                        self.length = (self.length.0.max(least), self.length.1.min(most));
                        return (least <= most).then_some(());
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        self.conditions.push(condition);
        Some(())
    }

    /// The least and the greatest length of the file, in bytes.
    pub fn length_range(&self) -> (u64, u64) {
        self.length
    }

    /// Insists that the form is what the policy allows, at `now` and in this bucket. The length of the file is for the caller to
    /// compare, when it is known.
    ///
    /// Every field must be named by a condition but those of the signature itself, `policy`, `submit` and `x-ignore-` ones; and a
    /// condition must name the bucket, else the form were good for all buckets that its signer may write to.
    ///
    /// # Errors
    /// [`PolicyError::Expired`], [`PolicyError::Failed`], [`PolicyError::Extra`], [`PolicyError::NoBucket`].
    pub fn check(
        &self,
        fields: &FormFields,
        bucket: &str,
        now: OffsetDateTime,
    ) -> Result<(), PolicyError> {
        if now >= self.expiration {
            return Err(PolicyError::Expired);
        }
        if !self.names(BUCKET) {
            return Err(PolicyError::NoBucket);
        }
        for condition in &self.conditions {
            let value = if condition.field == BUCKET {
                Some(bucket)
            } else {
                fields.get(&condition.field)
            };
            if !condition.is_met(value) {
                return Err(PolicyError::Failed(condition.to_string()));
            }
        }
        let mut extra = fields
            .iter()
            .filter(|(name, _)| !FormFields::is_exempt(name) && !self.names(name));
        match extra.next() {
            Some((name, _)) => Err(PolicyError::Extra(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Whether a condition is about this field.
    fn names(&self, field: &str) -> bool {
        self.conditions.iter().any(|one| one.field == field)
    }
}

impl Condition {
    fn new(field: &str, value: &Value, prefix: bool) -> Option<Self> {
        Some(Self {
            field: field
                .strip_prefix('$')
                .unwrap_or(field)
                .to_ascii_lowercase(),
            value: value.as_str()?.to_owned(),
            prefix,
        })
    }

    /// A field that is not there is equal to nothing, and begins with an empty text.
    fn is_met(&self, value: Option<&str>) -> bool {
        if self.prefix {
            value.unwrap_or_default().starts_with(&self.value)
        } else {
            value == Some(&self.value)
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = if self.prefix { "starts-with" } else { "eq" };
        write!(f, "[{operator:?}, \"${}\", {:?}]", self.field, self.value)
    }
}

/// A length: a number, or one in a text.
fn length(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        value => value.as_u64(),
    }
}

/// A time of the one form that policies have: `2030-01-01T00:00:00.000Z`.
fn expiration(text: &str) -> Option<OffsetDateTime> {
    let is_form = text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .filter(|_| is_form)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 01:00 UTC);

    fn parse(json: &str) -> Result<PostPolicy, PolicyError> {
        PostPolicy::parse(&BASE64.encode(json.as_bytes()))
    }

    fn policy(conditions: &str) -> Result<PostPolicy, PolicyError> {
        parse(&format!(
            "{{\"expiration\": \"2095-01-01T00:00:00Z\", \"conditions\": [{conditions}]}}"
        ))
    }

    fn fields(list: &[(&str, &str)]) -> FormFields {
        let mut fields = FormFields::default();
        for (name, value) in list {
            fields.add((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        fields
    }

    #[test]
    fn documents_that_are_policies_and_others() {
        let time = |text: &str| {
            parse(&format!(
                "{{\"expiration\": \"{text}\", \"conditions\": []}}"
            ))
        };
        assert!(time("2095-01-01T00:00:00Z").is_ok());
        assert!(time("2095-01-01T00:00:00.000Z").is_ok());
        for bad in [
            "2095-01-01 00:00:00+00:00",
            "2095-01-01T00:00:00",
            "soon",
            "",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
        for bad in [
            "",
            "[]",
            "{\"expiration\": \"2095-01-01T00:00:00Z\"}",
            "{\"EXPIRATION\": \"2095-01-01T00:00:00Z\", \"conditions\": []}",
            "{\"expiration\": \"2095-01-01T00:00:00Z\", \"conditions\": [], \"conditions\": [{\"a\": \"b\"}]}",
        ] {
            assert!(
                matches!(parse(bad), Err(PolicyError::Malformed(_))),
                "{bad}"
            );
        }
        assert!(PostPolicy::parse("no base64!").is_err());
        for bad in [
            "{}",
            "{\"acl\": \"a\", \"key\": \"b\"}",
            "{\"acl\": 1}",
            "[\"eq\", \"$acl\"]",
            "[\"ends-with\", \"$acl\", \"a\"]",
            "[\"content-length-range\", 0]",
            "[\"content-length-range\", -1, 0]",
            "[\"content-length-range\", 2, 1]",
            "\"acl\"",
        ] {
            assert!(policy(bad).is_err(), "{bad}");
        }
        let ranges = "[\"content-length-range\", 1, 10], [\"content-length-range\", \"2\", \"20\"]";
        assert_eq!(policy(ranges).unwrap().length_range(), (2, 10));
    }

    #[test]
    fn every_field_that_has_an_effect_is_bound() {
        let form = [
            ("key", "user/k"),
            ("acl", "private"),
            ("awsaccesskeyid", "AK"),
            ("policy", "p"),
            ("signature", "s"),
            ("submit", "Upload"),
            ("x-ignore-a", "b"),
        ];
        let check = |conditions: &str| policy(conditions).unwrap().check(&fields(&form), "b", NOW);
        let all =
            "{\"Bucket\": \"b\"}, [\"STARTS-WITH\", \"$Key\", \"user/\"], {\"acl\": \"private\"}";
        assert_eq!(check(all), Ok(()));
        let without = "{\"bucket\": \"b\"}, [\"starts-with\", \"$key\", \"\"]";
        assert_eq!(check(without), Err(PolicyError::Extra("acl".to_owned())));
        let other = all.replace("\"private\"", "\"public-read\"");
        let failed = PolicyError::Failed("[\"eq\", \"$acl\", \"public-read\"]".to_owned());
        assert_eq!(check(&other), Err(failed));
        let elsewhere = all.replace("\"b\"", "\"c\"");
        assert!(matches!(check(&elsewhere), Err(PolicyError::Failed(_))));
        let unbound = all.replace("{\"Bucket\": \"b\"}, ", "");
        assert_eq!(check(&unbound), Err(PolicyError::NoBucket));
        // What is asked for must be there.
        let more = format!("{all}, {{\"x-amz-meta-a\": \"\"}}");
        assert!(matches!(check(&more), Err(PolicyError::Failed(_))));
        let late = policy(all).unwrap();
        let late = late.check(&fields(&form), "b", datetime!(2095-01-01 00:00 UTC));
        assert_eq!(late, Err(PolicyError::Expired));
    }
}
