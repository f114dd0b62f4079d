//! `DescribeImages`

use gumnut_cloud_catalogue::{Caller, Image, ImageRules};
use gumnut_cloud_images::Selection;
use gumnut_types::ImageId;

use crate::context::Context;
use crate::dates::date;
use crate::filter::Filter;
use crate::parameters::{Parameters, well_formed};
use crate::refusal::Refusal;
use crate::xml::Xml;
use crate::{page, tags};

/// With this id an administrator sees images in every state.
const VERBOSE: &str = "verbose";
/// The version from which on an image has a name and devices.
const NAMED_SINCE: &str = "2009-10-31";

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let rules = context.rules();
    let mut ids = parameters.list("ImageId");
    let verbose = ids.iter().any(|id| id == VERBOSE);
    ids.retain(|id| id != VERBOSE);
    if !rules.profile.is_legacy() {
        for id in &ids {
            well_formed(rules.profile, id)?;
        }
    }
    let selection = Selection {
        ids,
        verbose,
        owners: parameters.list("Owner"),
        executable_by: parameters.list("ExecutableBy"),
    };
    let filters = Filter::of(parameters)?;
    let page = page::Wanted::of(parameters, |token| token.parse::<ImageId>().is_ok())?;
    let mut selected = context.services.images.select(caller, &selection).await?;
    let owner = rules.shown_owner();
    selected.retain(|image| filters.iter().all(|filter| filter.matches(image, owner)));
    let (images, next) = page.cut(selected, |image| &image.id);
    let named = parameters.version() >= NAMED_SINCE;
    let mut xml = Xml::new();
    xml.element("imagesSet", |xml| {
        for image in &images {
            xml.element("item", |xml| item(xml, image, rules, named));
        }
    });
    xml.some("nextToken", next.as_deref());
    Ok(xml)
}

fn item(xml: &mut Xml, image: &Image, rules: &ImageRules, named: bool) {
    let owner = rules.shown_owner();
    xml.leaf("imageId", &image.id);
    xml.leaf("imageLocation", &image.location);
    xml.leaf("imageState", image.state.as_str());
    xml.leaf("imageOwnerId", image.shown_owner(owner));
    xml.leaf("isPublic", &image.launch.public.to_string());
    xml.element("productCodes", |xml| {
        for code in &image.product_codes {
            xml.element("item", |xml| xml.leaf("productCode", code));
        }
    });
    xml.leaf("architecture", &image.architecture);
    xml.leaf("imageType", image.class.as_str());
    xml.some("kernelId", image.kernel.as_deref());
    xml.some("ramdiskId", image.ramdisk.as_deref());
    xml.some("platform", image.platform.as_deref());
    if !named {
        return;
    }
    xml.leaf("imageOwnerAlias", image.alias(owner));
    xml.some("name", image.name.as_deref());
    xml.some("description", image.description.as_deref());
    xml.leaf("rootDeviceType", "instance-store");
    xml.some("rootDeviceName", image.root_device.as_deref());
    xml.element("blockDeviceMapping", |xml| {
        for (virtual_name, device) in &image.block_devices {
            xml.element("item", |xml| {
                xml.leaf("deviceName", device);
                xml.leaf("virtualName", virtual_name);
            });
        }
    });
    if !rules.profile.is_legacy() {
        xml.leaf("virtualizationType", &image.virtualization);
        xml.element("tagSet", |xml| {
            for tag in &image.tags {
                xml.element("item", |xml| tags::pair(xml, tag));
            }
        });
        xml.leaf("creationDate", &date(image.created));
    }
}
