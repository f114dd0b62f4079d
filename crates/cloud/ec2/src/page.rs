//! Answers in pages.

use crate::parameters::{Parameters, well_formed};
use crate::refusal::Refusal;
use gumnut_cloud_catalogue::{Image, Profile};

/// Most images of a page, as in EC2.
const MAX_PAGE: usize = 1000;

/// Which page is wanted. Images come in the order of their ids, and the token is the last id of the page before.
pub(crate) struct Wanted {
    most: usize,
    after: Option<String>,
}

impl Wanted {
    /// The page that a request wants: all when it does not say.
    pub(crate) fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let most = match parameters.get("MaxResults") {
            None => usize::MAX,
            Some(text) => match text.parse() {
                Ok(most) if (1..=MAX_PAGE).contains(&most) => most,
                _ => return Err(Refusal::invalid_value("MaxResults", text)),
            },
        };
        let after = parameters.get("NextToken").map(str::to_owned);
        if let Some(token) = &after {
            well_formed(Profile::Strict, token)
                .map_err(|_| Refusal::invalid_value("NextToken", token))?;
        }
        Ok(Self { most, after })
    }

    /// The page, and the token of the next one.
    pub(crate) fn cut(&self, mut images: Vec<Image>) -> (Vec<Image>, Option<String>) {
        if let Some(after) = &self.after {
            let after = after.to_ascii_lowercase();
            images.retain(|image| image.id.to_ascii_lowercase() > after);
        }
        let more = images.len() > self.most;
        images.truncate(self.most);
        let next = images.last().filter(|_| more).map(|image| image.id.clone());
        (images, next)
    }
}
