//! `CreateTags`, `DeleteTags`, `DescribeTags`: an account's own notes on images and instances.

use gumnut_cloud_catalogue::{Caller, ResourceTag, Tag};
use gumnut_cloud_instances::InstanceId;
use gumnut_types::ImageClass;

use crate::context::Context;
use crate::filter::glob;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

/// Longest key of a tag, in characters, as in EC2.
const MAX_KEY: usize = 127;
/// Longest value of a tag, in characters, as in EC2.
const MAX_VALUE: usize = 255;
/// The filters of `DescribeTags`.
const FILTERS: [&str; 4] = ["resource-id", "resource-type", "key", "value"];

/// Key and value of a tag.
pub(crate) fn pair(xml: &mut Xml, tag: &Tag) {
    xml.leaf("key", &tag.key);
    xml.leaf("value", &tag.value);
}

/// The tags of a request; a value that is not there is nothing.
fn tags(parameters: &Parameters) -> Result<Vec<(String, Option<String>)>, Refusal> {
    let tags = pairs(parameters, "Tag")?;
    if tags.is_empty() {
        let message = "The request must contain the parameter Tag";
        return Err(Refusal::new("MissingParameter", message));
    }
    Ok(tags)
}

/// The tags behind a name, such as `Tag`; a value that is not there is nothing.
pub(crate) fn pairs(
    parameters: &Parameters,
    name: &str,
) -> Result<Vec<(String, Option<String>)>, Refusal> {
    let mut tags = Vec::new();
    for index in parameters.numbers(name) {
        let key = parameters.required(&format!("{name}.{index}.Key"))?;
        let value = parameters.given(&format!("{name}.{index}.Value"));
        let too_long = key.chars().count() > MAX_KEY
            || value.is_some_and(|value| value.chars().count() > MAX_VALUE);
        if too_long {
            let message = "Tag keys have at most 127 characters and values at most 255";
            return Err(Refusal::new("InvalidParameterValue", message));
        }
        tags.push((key.to_owned(), value.map(str::to_owned)));
    }
    Ok(tags)
}

/// What is tagged: instances, and images with everything else, which is refused there.
struct Resources {
    instances: Vec<String>,
    images: Vec<String>,
}

fn resources(parameters: &Parameters) -> Result<Resources, Refusal> {
    let resources = parameters.list("ResourceId");
    if resources.is_empty() {
        parameters.required("ResourceId")?;
    }
    let is_instance = |id: &String| id.parse::<InstanceId>().is_ok();
    let (instances, images) = resources.into_iter().partition(is_instance);
    Ok(Resources { instances, images })
}

pub(crate) async fn create(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let tags: Vec<_> = tags(parameters)?
        .into_iter()
        .map(|(key, value)| Tag {
            key,
            value: value.unwrap_or_default(),
        })
        .collect();
    let Resources { instances, images } = resources(parameters)?;
    let services = context.services;
    // What is refused for instances leaves images as they are.
    let rehearsal = services.instances.dry_run();
    rehearsal.put_tags(caller, &instances, tags.clone()).await?;
    services
        .images
        .put_tags(caller, images, tags.clone())
        .await?;
    services
        .instances
        .put_tags(caller, &instances, tags)
        .await?;
    Ok(xml::returned(true))
}

pub(crate) async fn delete(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let tags = tags(parameters)?;
    let Resources { instances, images } = resources(parameters)?;
    let services = context.services;
    let rehearsal = services.instances.dry_run();
    rehearsal.delete_tags(caller, &instances, &tags).await?;
    services
        .images
        .delete_tags(caller, images, tags.clone())
        .await?;
    let deleted = services.instances.delete_tags(caller, &instances, &tags);
    deleted.await?;
    Ok(xml::returned(true))
}

pub(crate) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let filters = parameters.known_filters(|name| FILTERS.contains(&name))?;
    let tags = context.services.images.tags(caller).await?;
    let instances = context.services.instances.describe(caller, &[]).await?;
    let of_instances = instances.iter().flat_map(|instance| {
        let tags = instance.tags.iter();
        tags.map(|tag| [&instance.id, "instance", tag.key.as_str(), &tag.value])
    });
    let mut xml = Xml::new();
    xml.element("tagSet", |xml| {
        for row in tags.iter().map(row).chain(of_instances) {
            if filters.iter().all(|filter| fits(&row, filter)) {
                let [id, class, key, value] = row;
                xml.element("item", |xml| {
                    xml.leaf("resourceId", id);
                    xml.leaf("resourceType", class);
                    xml.leaf("key", key);
                    xml.leaf("value", value);
                });
            }
        }
    });
    Ok(xml)
}

/// Id, type, key and value of a tag, in the order of [`FILTERS`].
fn row(found: &ResourceTag) -> [&str; 4] {
    let class = match found.class {
        ImageClass::Machine => "image",
        class => class.as_str(),
    };
    [&found.resource, class, &found.tag.key, &found.tag.value]
}

fn fits(row: &[&str; 4], (name, values): &(String, Vec<String>)) -> bool {
    FILTERS
        .iter()
        .zip(row)
        .filter(|(filter, _)| *filter == name)
        .any(|(_, found)| values.iter().any(|pattern| glob(pattern, found)))
}
