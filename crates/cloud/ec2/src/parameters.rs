//! The parameters of a call.

use gumnut_cloud_catalogue::Profile;
use gumnut_types::ImageId;

use crate::refusal::Refusal;

/// Most entries of a list that are looked at.
const MAX_LIST: usize = 1000;
/// Most filters of a request.
const MAX_FILTERS: usize = 200;
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
    pub(crate) fn filters(&self) -> Vec<(String, Vec<String>)> {
        (1..=MAX_FILTERS)
            .map_while(|index| {
                let name = self.owned(&format!("Filter.{index}.Name"))?;
                Some((name, self.list(&format!("Filter.{index}.Value"))))
            })
            .collect()
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

    /// The values of `Name.1`, `Name.2` and so on, or of `Name` alone.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let mut values: Vec<_> = self.owned(name).into_iter().collect();
        values.extend((1..=MAX_LIST).map_while(|index| self.owned(&format!("{name}.{index}"))));
        values
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
