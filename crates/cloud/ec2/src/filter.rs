//! Filters of `DescribeImages`.

use crate::parameters::Parameters;
use crate::refusal::Refusal;
use gumnut_cloud_catalogue::Image;
use gumnut_cloud_catalogue::OwnerId;

/// A filter: one of its values must match.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    name: String,
    values: Vec<String>,
}

/// Filters whose values no image here has.
const NEVER: [&str; 11] = [
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "creation-date",
    "ena-support",
    "hypervisor",
    "product-code.type",
    "sriov-net-support",
    "state-reason-code",
    "state-reason-message",
];

impl Filter {
    /// The filters of a request.
    pub(crate) fn of(parameters: &Parameters) -> Result<Vec<Self>, Refusal> {
        parameters
            .filters()?
            .into_iter()
            .map(|(name, values)| {
                let filter = Self { name, values };
                if filter.is_known() {
                    return Ok(filter);
                }
                let message = format!("The filter '{}' is invalid", filter.name);
                Err(Refusal::new("InvalidParameterValue", message))
            })
            .collect()
    }

    fn is_known(&self) -> bool {
        let name = self.name.as_str();
        NEVER.contains(&name) || name.starts_with("tag:") || KNOWN.contains(&name)
    }

    /// Whether the image has one of the values.
    pub(crate) fn matches(&self, image: &Image, owner: OwnerId) -> bool {
        let found = values(&self.name, image, owner);
        self.values
            .iter()
            .any(|pattern| found.iter().any(|value| glob(pattern, value)))
    }
}

/// Filters that [`values`] answers.
const KNOWN: [&str; 21] = [
    "architecture",
    "block-device-mapping.device-name",
    "description",
    "image-id",
    "image-owner-alias",
    "image-type",
    "is-public",
    "kernel-id",
    "manifest-location",
    "name",
    "owner-alias",
    "owner-id",
    "platform",
    "product-code",
    "ramdisk-id",
    "root-device-name",
    "root-device-type",
    "state",
    "tag-key",
    "tag-value",
    "virtualization-type",
];

fn values(name: &str, image: &Image, owner: OwnerId) -> Vec<String> {
    match name {
        "architecture" => vec![image.architecture.clone()],
        "block-device-mapping.device-name" => image
            .block_devices
            .iter()
            .map(|(_, device)| device.clone())
            .collect(),
        "description" => image.description.iter().cloned().collect(),
        "image-id" => any_case(Some(&image.id)),
        "image-type" => vec![image.class.as_str().to_owned()],
        "is-public" => vec![image.launch.public.to_string()],
        "kernel-id" => any_case(image.kernel.as_ref()),
        "manifest-location" => vec![image.location.clone()],
        "name" => image.name.iter().cloned().collect(),
        "owner-alias" | "image-owner-alias" => vec![image.alias(owner).to_owned()],
        "owner-id" => vec![image.shown_owner(owner).to_owned()],
        "platform" => image.platform.iter().cloned().collect(),
        "product-code" => image.product_codes.clone(),
        "ramdisk-id" => any_case(image.ramdisk.as_ref()),
        "root-device-name" => image.root_device.iter().cloned().collect(),
        "root-device-type" => vec!["instance-store".to_owned()],
        "state" => vec![image.state.as_str().to_owned()],
        "tag-key" => image.tags.iter().map(|tag| tag.key.clone()).collect(),
        "tag-value" => image.tags.iter().map(|tag| tag.value.clone()).collect(),
        "virtualization-type" => vec![image.virtualization.clone()],
        name => {
            let wanted = name.strip_prefix("tag:");
            image
                .tags
                .iter()
                .filter(|tag| Some(tag.key.as_str()) == wanted)
                .map(|tag| tag.value.clone())
                .collect()
        }
    }
}

/// Ids are compared without regard to case.
fn any_case(id: Option<&String>) -> Vec<String> {
    id.map_or_else(Vec::new, |id| {
        vec![id.clone(), id.to_ascii_uppercase(), id.to_ascii_lowercase()]
    })
}

/// Whether `text` fits a pattern in which `*` is any text and `?` any character. Takes time in proportion to
/// the product of the lengths at most.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
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
