//! The parameters of a call.

use std::collections::BTreeSet;

use gumnut_cloud_catalogue::Profile;
use gumnut_types::ImageId;

use crate::refusal::Refusal;

/// Most entries of a list, as in EC2.
const MAX_LIST: usize = 1000;
/// The version that answers name when a request has none.
const DEFAULT_VERSION: &str = "2014-10-01";

/// The decoded parameters of a call.
pub(crate) struct Parameters(pub(crate) Vec<(String, String)>);

impl Parameters {
    /// The first value of this name; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// The first value of this name, which may be empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(parameter, _)| parameter == name)
            .map(|(_, value)| value.as_str())
    }

    /// The filters: names, and values of which one must match.
    pub(crate) fn filters(&self) -> Result<Vec<(String, Vec<String>)>, Refusal> {
        self.numbers("Filter")
            .into_iter()
            .map(|number| {
                let name = self.required(&format!("Filter.{number}.Name"))?;
                Ok((
                    name.to_owned(),
                    self.list(&format!("Filter.{number}.Value")),
                ))
            })
            .collect()
    }

    /// The filters, all of which have names that are known.
    pub(crate) fn known_filters(
        &self,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, Vec<String>)>, Refusal> {
        let filters = self.filters()?;
        if let Some((name, _)) = filters.iter().find(|(name, _)| !is_known(name)) {
            let message = format!("The filter '{name}' is invalid");
            return Err(Refusal::new("InvalidParameterValue", message));
        }
        Ok(filters)
    }

    /// The first value of this name, as text of its own; an empty one is none.
    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The version that the request names, if it has the form of one.
    pub(crate) fn named_version(&self) -> Option<&str> {
        self.get("Version").filter(|version| {
            let form = version.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
            version.len() == 10 && form
        })
    }

    /// The version that the answer names.
    pub(crate) fn version(&self) -> &str {
        self.named_version().unwrap_or(DEFAULT_VERSION)
    }

    /// The values of `Name`, `Name.1`, `Name.2` and so on, in this order; a number that is left out ends nothing.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let mut values: Vec<_> = self.owned(name).into_iter().collect();
        let numbers = self.numbers(name).into_iter();
        values.extend(numbers.filter_map(|number| self.owned(&format!("{name}.{number}"))));
        values
    }

    /// The numbers behind a name: those of `Name.1` and of `Name.2.Anything`.
    pub(crate) fn numbers(&self, name: &str) -> BTreeSet<usize> {
        let behind = |parameter: &str| {
            let rest = parameter.strip_prefix(name)?.strip_prefix('.')?;
            let digits = rest.split_once('.').map_or(rest, |(digits, _)| digits);
            digits.parse().ok()
        };
        self.0
            .iter()
            .filter_map(|(parameter, _)| behind(parameter))
            .collect()
    }

    /// Insists on lists that are not too long, by the numbers in the names of parameters.
    pub(crate) fn check_lists(&self) -> Result<(), Refusal> {
        let too_long = |name: &str| {
            name.split('.').any(|piece| {
                let is_number = !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_digit());
                is_number
                    && !piece
                        .parse::<usize>()
                        .is_ok_and(|number| number <= MAX_LIST)
            })
        };
        if self.any(too_long) {
            let message = format!("A list has at most {MAX_LIST} entries");
            return Err(Refusal::new("InvalidParameterValue", message));
        }
        Ok(())
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            let message = format!("The request must contain the parameter {name}");
            Refusal::new("MissingParameter", message)
        })
    }

    /// The image that the call is about.
    pub(crate) fn image_id(&self, profile: Profile) -> Result<&str, Refusal> {
        let id = self
            .required("ImageId")
            .or_else(|missing| self.get("ImageId.1").ok_or(missing))?;
        well_formed(profile, id)?;
        Ok(id)
    }

    /// Whether any parameter begins so.
    pub(crate) fn any(&self, begins: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(name, _)| begins(name))
    }
}

/// Insists on the form of an image id.
pub(crate) fn well_formed(profile: Profile, id: &str) -> Result<(), Refusal> {
    if id.parse::<ImageId>().is_err() {
        let message = format!("Invalid id: \"{id}\"");
        return Err(Refusal::of(profile, "InvalidAMIID.Malformed", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(given: &[(&str, &str)]) -> Parameters {
        let owned = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Parameters(owned.collect())
    }

    #[test]
    fn lists_are_in_the_order_of_their_numbers_and_may_leave_some_out() {
        let found = parameters(&[
            ("Owner.10", "c"),
            ("Owner.2", "b"),
            ("Owner", "a"),
            ("Owner.4", ""),
            ("OwnerX.1", "no"),
            ("Owner.x", "no"),
            ("Owner.3.Name", "no"),
        ]);
        assert_eq!(found.list("Owner"), ["a", "b", "c"]);
    }

    #[test]
    fn filters_need_names() {
        let found = parameters(&[
            ("Filter.1.Name", "state"),
            ("Filter.3.Name", "name"),
            ("Filter.3.Value.1", "a"),
            ("Filter.3.Value.7", "b"),
        ]);
        let filters = found.filters().unwrap();
        assert_eq!(filters[0], ("state".to_owned(), Vec::new()));
        assert_eq!(filters[1].1, ["a", "b"]);
        let nameless = parameters(&[("Filter.1.Value.1", "a")]).filters();
        assert_eq!(nameless.unwrap_err().code, "MissingParameter");
    }

    #[test]
    fn a_list_has_at_most_a_thousand_entries() {
        assert!(parameters(&[("Owner.1000", "a")]).check_lists().is_ok());
        for name in [
            "Owner.1001",
            "Filter.1.Value.1001",
            "Tag.99999999999999999999999.Key",
        ] {
            let refused = parameters(&[(name, "a")]).check_lists().unwrap_err();
            assert_eq!(refused.code, "InvalidParameterValue");
        }
    }
}
