//! The states of an image and the way through them: available, deregistered, gone.

use gumnut_cloud_catalogue::{Caller, Image, ImageChange, ImageState, ImagesState, Profile};

use crate::{ImageError, ImageErrorKind};

/// How long a deregistered image is kept before it is gone, in milliseconds.
const GONE_AFTER: i64 = 10 * 60 * 1000;

/// Whether an image was deregistered so long ago that it is gone, be its row there or not. The clouds of 2009 and 2010 do not
/// show it for a moment.
pub(crate) fn is_gone(image: &Image, profile: Profile, now: i64) -> bool {
    image.state == ImageState::Deregistered
        && (profile.is_legacy() || image.changed < now - GONE_AFTER)
}

/// Rows of images that were deregistered before this time, in milliseconds since 1970, go with the next image that is registered.
pub(crate) fn rows_gone_before(profile: Profile, now: i64) -> i64 {
    if profile.is_legacy() {
        i64::MAX
    } else {
        now - GONE_AFTER
    }
}

/// Decides on deregistering the one image of the state: the first call hides it, the second removes it. Callers who may not see
/// it does not hear that it is there.
pub(crate) fn deregister(
    state: &ImagesState,
    caller: &Caller,
    id: &str,
    profile: Profile,
) -> Result<(ImageChange, ()), ImageError> {
    let image = state.images.iter().flatten().next();
    let image = image
        .filter(|image| image.usable_by(caller, profile) && !is_gone(image, profile, state.now))
        .ok_or_else(|| ImageError::not_found(id))?;
    if !image.administered_by(caller) {
        return Err(ImageError::of(
            profile,
            ImageErrorKind::NotAuthorized,
            "Not authorized to deregister image",
        ));
    }
    let mut change = ImageChange::default();
    match image.state {
        ImageState::Available => {
            change.state = Some((image.id.clone(), ImageState::Deregistered));
        }
        ImageState::Deregistered | ImageState::Pending | ImageState::Failed => {
            change.remove = vec![image.id.clone()];
        }
    }
    Ok((change, ()))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::Profile::{Euca16, Euca20, Euca44, Strict};

    use super::*;
    use crate::samples::{caller, image, owner, state_of, stranger};

    const ID: &str = "emi-0000000a";

    fn deregistered(changed: i64) -> Image {
        Image {
            state: ImageState::Deregistered,
            changed,
            ..image()
        }
    }

    #[test]
    fn the_first_call_hides_and_the_second_removes() {
        for who in [owner(), caller("333333333333", true)] {
            let (change, ()) = deregister(&state_of(image(), 5), &who, ID, Strict).unwrap();
            let hidden = ("emi-0000000A".to_owned(), ImageState::Deregistered);
            assert_eq!((change.state, change.remove.len()), (Some(hidden), 0));
            let state = state_of(deregistered(5), 5 + GONE_AFTER);
            let (change, ()) = deregister(&state, &who, ID, Strict).unwrap();
            assert_eq!(change.remove, ["emi-0000000A"]);
            assert_eq!(change.state, None);
        }
    }

    #[test]
    fn an_image_of_others_stays_and_a_private_one_is_not_even_found() {
        let mut public = image();
        public.launch.public = true;
        for (profile, kind) in [
            (Strict, ImageErrorKind::NotAuthorized),
            (Euca44, ImageErrorKind::Unspecific),
            (Euca20, ImageErrorKind::Unspecific),
        ] {
            let state = state_of(public.clone(), 5);
            let refused = deregister(&state, &stranger(), ID, profile).unwrap_err();
            assert_eq!(refused.kind(), kind);
            assert_eq!(refused.to_string(), "Not authorized to deregister image");
            let private = deregister(&state_of(image(), 5), &stranger(), ID, profile);
            assert_eq!(private.unwrap_err(), ImageError::not_found(ID));
        }
    }

    #[test]
    fn what_is_gone_is_not_found() {
        let ago = deregistered(5);
        let state = state_of(ago, 6 + GONE_AFTER);
        let none = ImagesState::default();
        let legacy = state_of(deregistered(5), 5);
        for (state, profile) in [
            (&state, Strict),
            (&state, Euca44),
            (&none, Strict),
            (&legacy, Euca16),
            (&legacy, Euca20),
        ] {
            let refused = deregister(state, &owner(), ID, profile).unwrap_err();
            assert_eq!(refused, ImageError::not_found(ID), "{profile}");
        }
    }

    #[test]
    fn a_failed_image_is_removed_at_once() {
        let failed = Image {
            state: ImageState::Failed,
            ..image()
        };
        let (change, ()) = deregister(&state_of(failed, 5), &owner(), ID, Strict).unwrap();
        assert_eq!(change.remove, ["emi-0000000A"]);
    }
}
