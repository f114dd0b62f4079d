//! Filters of `DescribeImages`.

use super::images::Image;
use super::parameters::Parameters;
use crate::register::{Refusal, class_name};

/// Most filters of a request.
const MAX_FILTERS: usize = 200;

/// A filter: one of its values must match.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    name: String,
    values: Vec<String>,
}

/// Filters whose values no image here has.
const NEVER: [&str; 15] = [
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "hypervisor",
    "owner-alias",
    "product-code.type",
    "state-reason-code",
    "state-reason-message",
    "tag-key",
    "tag-value",
    "creation-date",
    "ena-support",
    "image-owner-alias",
    "sriov-net-support",
];

impl Filter {
    /// The filters of a request.
    pub(super) fn of(parameters: &Parameters) -> Result<Vec<Self>, Refusal> {
        let mut filters = Vec::new();
        for index in 1..=MAX_FILTERS {
            let Some(name) = parameters.get(&format!("Filter.{index}.Name")) else {
                break;
            };
            let values = parameters.list(&format!("Filter.{index}.Value"));
            let filter = Self {
                name: name.to_owned(),
                values,
            };
            if !filter.is_known() {
                let message = format!("The filter '{name}' is invalid");
                return Err(Refusal::new("InvalidParameterValue", message));
            }
            filters.push(filter);
        }
        Ok(filters)
    }

    fn is_known(&self) -> bool {
        let name = self.name.as_str();
        NEVER.contains(&name) || name.starts_with("tag:") || KNOWN.contains(&name)
    }

    /// Whether the image has one of the values.
    pub(super) fn matches(&self, image: &Image) -> bool {
        let found = values(&self.name, image);
        self.values
            .iter()
            .any(|pattern| found.iter().any(|value| glob(pattern, value)))
    }
}

/// Filters that [`values`] answers.
const KNOWN: [&str; 17] = [
    "architecture",
    "block-device-mapping.device-name",
    "description",
    "image-id",
    "image-type",
    "is-public",
    "kernel-id",
    "manifest-location",
    "name",
    "owner-id",
    "platform",
    "product-code",
    "ramdisk-id",
    "root-device-name",
    "root-device-type",
    "state",
    "virtualization-type",
];

fn values(name: &str, image: &Image) -> Vec<String> {
    let some = |text: &Option<String>| text.clone().into_iter().collect();
    match name {
        "architecture" => vec![image.architecture.clone()],
        "block-device-mapping.device-name" => image
            .block_devices
            .iter()
            .map(|(_, device)| device.clone())
            .collect(),
        "description" => some(&image.description),
        // Ids are compared without regard to case.
        "image-id" => vec![
            image.id.clone(),
            image.id.to_ascii_uppercase(),
            image.id.to_ascii_lowercase(),
        ],
        "image-type" => vec![class_name(image.class).to_owned()],
        "is-public" => vec![image.launch.public.to_string()],
        "kernel-id" => some(&image.kernel),
        "manifest-location" => vec![image.location.clone()],
        "name" => some(&image.name),
        "owner-id" => vec![image.owner.to_string()],
        "platform" => some(&image.platform),
        "product-code" => image.product_codes.clone(),
        "ramdisk-id" => some(&image.ramdisk),
        "root-device-name" => some(&image.root_device),
        "root-device-type" => vec!["instance-store".to_owned()],
        "state" => vec![image.state.clone()],
        "virtualization-type" => vec![image.virtualization.clone()],
        _ => Vec::new(),
    }
}

/// Whether `text` fits a pattern in which `*` is any text and `?` any character. Takes time in proportion to
/// the product of the lengths at most.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut in_text) = (0, 0);
    let mut star = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                // The last star takes one character more, and the rest is tried again.
                Some((star_at, taken)) => {
                    at = star_at + 1;
                    in_text = taken + 1;
                    star = Some((star_at, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("a?c", "abc"),
            ("*b*", "abc"),
            ("a*c*e", "abcde"),
            ("**a", "a"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("a?c", "ac"),
            ("*b", "abc"),
            ("A", "a"),
            ("a*b", "acbd"),
        ] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
        assert!(!glob(&"*a".repeat(500), &"b".repeat(5000)));
    }
}
