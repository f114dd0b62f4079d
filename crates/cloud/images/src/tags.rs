//! Tags: an account's own notes on images.

use gumnut_cloud_catalogue::{Caller, Image, ImageChange, ImagesState, Profile, Tag};

use crate::{ImageError, ImageErrorKind};

/// Most tags of an account on an image, as in EC2.
pub const MAX_TAGS: usize = 50;

/// The images of a state, of which the caller must be allowed to run each; `ids` are those that were asked for.
fn visible<'s>(
    state: &'s ImagesState,
    ids: &[String],
    caller: &Caller,
    profile: Profile,
) -> Result<Vec<&'s Image>, ImageError> {
    state
        .images
        .iter()
        .zip(ids)
        .map(|(image, id)| {
            image
                .as_ref()
                .filter(|image| image.usable_by(caller, profile))
                .ok_or_else(|| ImageError::not_found(id))
        })
        .collect()
}

/// Decides on giving images tags; one with the same key is replaced.
pub(crate) fn put(
    state: &ImagesState,
    ids: &[String],
    caller: &Caller,
    profile: Profile,
    tags: &[Tag],
) -> Result<(ImageChange, ()), ImageError> {
    let mut change = ImageChange::default();
    for image in visible(state, ids, caller, profile)? {
        let kept = image
            .tags
            .iter()
            .filter(|old| tags.iter().all(|new| new.key != old.key));
        let mut keys: Vec<_> = tags.iter().map(|tag| &tag.key).collect();
        keys.sort();
        keys.dedup();
        if kept.count() + keys.len() > MAX_TAGS {
            let message = "A resource has at most 50 tags";
            return Err(ImageError::new(ImageErrorKind::TagLimitExceeded, message));
        }
        for tag in tags {
            let account = caller.account.to_string();
            change
                .put_tags
                .push((image.id.clone(), account, tag.clone()));
        }
    }
    Ok((change, ()))
}

/// Decides on taking tags from images: keys with a value go if that is the value they have, others whatever it is.
pub(crate) fn delete(
    state: &ImagesState,
    ids: &[String],
    caller: &Caller,
    profile: Profile,
    keys: &[(String, Option<String>)],
) -> Result<(ImageChange, ()), ImageError> {
    let mut change = ImageChange::default();
    for image in visible(state, ids, caller, profile)? {
        for tag in &image.tags {
            let goes = keys.iter().any(|(key, value)| {
                *key == tag.key && value.as_ref().is_none_or(|value| *value == tag.value)
            });
            if goes {
                let account = caller.account.to_string();
                change
                    .delete_tags
                    .push((image.id.clone(), account, tag.key.clone()));
            }
        }
    }
    Ok((change, ()))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::Profile::Strict;

    use super::*;
    use crate::samples::{image, owner, state_of, stranger};

    const ID: &str = "emi-0000000a";

    fn tag(key: &str, value: &str) -> Tag {
        Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn tagged(tags: Vec<Tag>) -> ImagesState {
        let image = Image { tags, ..image() };
        state_of(image, 0)
    }

    #[test]
    fn an_image_has_at_most_fifty_tags() {
        let state = tagged((0..49).map(|number| tag(&number.to_string(), "")).collect());
        let ids = [ID.to_owned()];
        let put = |tags: &[Tag]| put(&state, &ids, &owner(), Strict, tags).map(|decided| decided.0);
        let one_more = put(&[tag("new", "1"), tag("new", "2"), tag("0", "replaced")]).unwrap();
        assert_eq!(one_more.put_tags.len(), 3);
        assert_eq!(one_more.put_tags[0].0, "emi-0000000A");
        let refused = put(&[tag("a", ""), tag("b", "")]).unwrap_err();
        assert_eq!(refused.kind(), ImageErrorKind::TagLimitExceeded);
    }

    #[test]
    fn tags_go_by_key_and_by_value_where_one_is_given() {
        let state = tagged(vec![tag("a", "1"), tag("b", "2"), tag("c", "3")]);
        let keys = [
            ("a".to_owned(), None),
            ("b".to_owned(), Some("other".to_owned())),
            ("c".to_owned(), Some("3".to_owned())),
            ("d".to_owned(), None),
        ];
        let (change, ()) = delete(&state, &[ID.to_owned()], &owner(), Strict, &keys).unwrap();
        let gone: Vec<_> = change.delete_tags.iter().map(|(_, _, key)| key).collect();
        assert_eq!(gone, ["a", "c"]);
    }

    #[test]
    fn an_image_that_the_caller_may_not_run_refuses_all() {
        let mut state = tagged(Vec::new());
        state.images.push(None);
        let ids = [ID.to_owned(), "emi-FFFFFFFF".to_owned()];
        for (who, missing) in [(stranger(), &ids[0]), (owner(), &ids[1])] {
            let refused = put(&state, &ids, &who, Strict, &[tag("a", "")]).unwrap_err();
            assert_eq!(refused, ImageError::not_found(missing));
            let refused = delete(&state, &ids, &who, Strict, &[("a".to_owned(), None)]);
            assert_eq!(refused.unwrap_err(), ImageError::not_found(missing));
        }
    }
}
