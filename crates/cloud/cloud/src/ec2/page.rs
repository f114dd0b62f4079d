//! Answers in pages.

use super::images::Image;
use super::parameters::Parameters;
use crate::register::Refusal;

/// Most images of a page, as in EC2.
const MAX_PAGE: usize = 1000;

/// Which page is wanted. Images come in the order of their ids, and the token is the last id of the page before.
pub(super) struct Wanted {
    most: usize,
    after: Option<String>,
}

impl Wanted {
    /// The page that a request wants: all when it does not say.
    pub(super) fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let most = match parameters.get("MaxResults") {
            None => usize::MAX,
            Some(text) => match text.parse() {
                Ok(most) if (1..=MAX_PAGE).contains(&most) => most,
                _ => return Err(invalid("MaxResults", text)),
            },
        };
        let after = parameters.get("NextToken").map(str::to_owned);
        if let Some(token) = &after {
            super::parameters::well_formed(crate::Profile::Strict, token)
                .map_err(|_| invalid("NextToken", token))?;
        }
        Ok(Self { most, after })
    }

    /// The page, and the token of the next one.
    pub(super) fn cut(&self, mut images: Vec<Image>) -> (Vec<Image>, Option<String>) {
        if let Some(after) = &self.after {
            let fold = |id: &str| id.to_ascii_lowercase();
            images.retain(|image| fold(&image.id) > fold(after));
        }
        let more = images.len() > self.most;
        images.truncate(self.most);
        let last = images.last().filter(|_| more);
        let next = last.map(|image| image.id.clone());
        (images, next)
    }
}

fn invalid(parameter: &str, value: &str) -> Refusal {
    let message = format!("Value ({value}) for parameter {parameter} is invalid.");
    Refusal::new("InvalidParameterValue", message)
}
