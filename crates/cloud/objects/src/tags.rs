//! Bounds on tags.

use gumnut_cloud_catalogue::Tags;

use crate::error::ObjectError;

/// Most tags of an object, as in S3.
const MAX_OBJECT_TAGS: usize = 10;
/// Most tags of a bucket, as in S3.
const MAX_BUCKET_TAGS: usize = 50;
/// Longest name of a tag, in characters.
const MAX_TAG_KEY: usize = 128;
/// Longest value of a tag, in characters.
const MAX_TAG_VALUE: usize = 256;

/// Tags of an object: at most 10, with names of 1 to 128 and values of up to 256 characters, no name twice.
///
/// # Errors
/// [`ObjectError::InvalidTag`] or [`ObjectError::TooManyTags`].
pub fn object_tags(tags: impl IntoIterator<Item = (String, String)>) -> Result<Tags, ObjectError> {
    check_tags(tags, MAX_OBJECT_TAGS)
}

/// Tags of a bucket: at most 50, with names of 1 to 128 and values of up to 256 characters, no name twice.
///
/// # Errors
/// [`ObjectError::InvalidTag`] or [`ObjectError::TooManyTags`].
pub fn bucket_tags(tags: impl IntoIterator<Item = (String, String)>) -> Result<Tags, ObjectError> {
    check_tags(tags, MAX_BUCKET_TAGS)
}

fn check_tags(
    tags: impl IntoIterator<Item = (String, String)>,
    most: usize,
) -> Result<Tags, ObjectError> {
    let mut checked = Tags::new();
    for (key, value) in tags {
        let fits = (1..=MAX_TAG_KEY).contains(&key.chars().count())
            && value.chars().count() <= MAX_TAG_VALUE;
        if !fits || checked.insert(key, value).is_some() {
            return Err(ObjectError::InvalidTag);
        }
        if checked.len() > most {
            return Err(ObjectError::TooManyTags);
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_bounds() {
        let many = |count: usize| (0..count).map(|n| (n.to_string(), String::new()));
        assert!(object_tags(many(10)).is_ok());
        assert_eq!(object_tags(many(11)).unwrap_err().code(), "BadRequest");
        assert!(bucket_tags(many(50)).is_ok());
        let long = |key: usize, value: usize| [("k".repeat(key), "v".repeat(value))];
        assert!(object_tags(long(128, 256)).is_ok());
        for (key, value) in [(0, 1), (129, 1), (1, 257)] {
            let refused = object_tags(long(key, value)).unwrap_err();
            assert_eq!(refused.code(), "InvalidTag");
        }
    }
}
