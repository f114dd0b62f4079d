//! Answers in pages.

use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// Most entries of a page, as in EC2.
const MAX_PAGE: usize = 1000;

/// Which page is wanted. Entries come in the order of their ids, and the token is the last id of the page before.
pub(crate) struct Wanted {
    most: usize,
    after: Option<String>,
}

impl Wanted {
    /// The page that a request wants: all when it does not say.
    ///
    /// A token is refused that is not an id.
    pub(crate) fn of(
        parameters: &Parameters,
        is_id: impl Fn(&str) -> bool,
    ) -> Result<Self, Refusal> {
        let most = match parameters.get("MaxResults") {
            None => usize::MAX,
            Some(text) => match text.parse() {
                Ok(most) if (1..=MAX_PAGE).contains(&most) => most,
                _ => return Err(Refusal::invalid_value("MaxResults", text)),
            },
        };
        let after = parameters.get("NextToken").map(str::to_owned);
        if let Some(token) = after.as_ref().filter(|token| !is_id(token)) {
            return Err(Refusal::invalid_value("NextToken", token));
        }
        Ok(Self { most, after })
    }

    /// Whether all entries are wanted at once, so that their order is free.
    pub(crate) fn is_all(&self) -> bool {
        self.most == usize::MAX && self.after.is_none()
    }

    /// The page, and the token of the next one.
    pub(crate) fn cut<T>(
        &self,
        mut entries: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        if let Some(after) = &self.after {
            let after = after.to_ascii_lowercase();
            entries.retain(|entry| id(entry).to_ascii_lowercase() > after);
        }
        let more = entries.len() > self.most;
        entries.truncate(self.most);
        let next = entries.last().filter(|_| more);
        let next = next.map(|entry| id(entry).to_owned());
        (entries, next)
    }
}
