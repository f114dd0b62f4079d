//! The fields of a form, each once.

use std::collections::BTreeMap;

use super::FormError;

/// Stands in a field for the name of the file.
const FILE_NAME: &str = "${filename}";
/// Fields that are the signature or what was signed, which the policy cannot name. They are taken as they are.
const SIGNATURE: [&str; 4] = ["awsaccesskeyid", "policy", "signature", "x-amz-signature"];

/// The fields of a form that stand before its file: names in lower case, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormFields(BTreeMap<String, String>);

impl FormFields {
    /// Adds a field.
    pub(super) fn add(&mut self, name: String, value: String) -> Result<(), FormError> {
        if self.0.contains_key(&name) && !Self::has_no_effect(&name) {
            return Err(FormError::Repeated(name));
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// Whether a field of this name means nothing: the button of a form, and `x-ignore-` fields.
    pub(super) fn has_no_effect(name: &str) -> bool {
        name == "submit" || name.starts_with("x-ignore-")
    }

    /// Whether a policy need not name a field of this name.
    pub(super) fn is_exempt(name: &str) -> bool {
        SIGNATURE.contains(&name) || Self::has_no_effect(name)
    }

    /// The value of a field, whose name is given in lower case; `None` when the form does not have it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Puts the name of the file where fields ask for it by `${filename}`. What is signed or is the signature is not changed.
    pub fn name_file(&mut self, name: &str) {
        for (field, value) in &mut self.0 {
            if !Self::is_exempt(field) && value.contains(FILE_NAME) {
                *value = value.replace(FILE_NAME, name);
            }
        }
    }
}
