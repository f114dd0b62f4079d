//! `DescribeImages`

use rusqlite::Transaction;

use super::images::{self, Image};
use super::parameters::{Parameters, well_formed};
use super::selection::Wanted;
use super::{Context, Xml, filter::Filter, page, tags};
use crate::auth::Caller;
use crate::register::{Refusal, class_name};
use gumnut_cloud_catalogue::ImageRules;

/// With this id an administrator sees images in every state.
const VERBOSE: &str = "verbose";
/// How long a deregistered image stays before it is removed, in milliseconds.
const SWEEP_AFTER: i64 = 10 * 60 * 1000;
/// The version from which on an image has a name and devices.
const NAMED_SINCE: &str = "2009-10-31";

pub(super) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let rules = context.rules.clone();
    let legacy = rules.profile.is_legacy();
    let mut ids = parameters.list("ImageId");
    let verbose = ids.iter().any(|id| id == VERBOSE);
    ids.retain(|id| id != VERBOSE);
    if !legacy {
        for id in &ids {
            well_formed(rules.profile, id)?;
        }
    }
    let wanted = Wanted {
        rules: rules.clone(),
        caller: caller.clone(),
        ids,
        verbose: verbose && caller.admin,
        owners: parameters.list("Owner"),
        executable_by: parameters.list("ExecutableBy"),
        filters: Filter::of(parameters)?,
    };
    let page = page::Wanted::of(parameters)?;
    let sweep = if legacy {
        i64::MAX
    } else {
        context.now - SWEEP_AFTER
    };
    let work = move |transaction: &Transaction<'_>| {
        images::sweep(transaction, sweep)?;
        wanted.select(transaction)
    };
    let (images, next) = page.cut(context.catalogue.write(work).await?);
    let named = parameters.version() >= NAMED_SINCE;
    let mut xml = Xml::new();
    xml.element("imagesSet", |xml| {
        for image in &images {
            xml.element("item", |xml| item(xml, image, &rules, named));
        }
    });
    xml.some("nextToken", next.as_deref());
    Ok(xml)
}

fn item(xml: &mut Xml, image: &Image, rules: &ImageRules, named: bool) {
    let owner = rules.shown_owner();
    xml.leaf("imageId", &image.id);
    xml.leaf("imageLocation", &image.location);
    xml.leaf("imageState", &image.state);
    xml.leaf("imageOwnerId", image.shown_owner(owner));
    xml.leaf("isPublic", &image.launch.public.to_string());
    xml.element("productCodes", |xml| {
        for code in &image.product_codes {
            xml.element("item", |xml| xml.leaf("productCode", code));
        }
    });
    xml.leaf("architecture", &image.architecture);
    xml.leaf("imageType", class_name(image.class));
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

/// `2010-06-03T22:15:57.552Z`
fn date(millis: i64) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}
