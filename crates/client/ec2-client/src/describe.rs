//! Listing images.

use gumnut_transport::{TransportError, xml::Element};
use gumnut_types::ImageId;

use crate::Ec2Client;
use crate::client::{Parameters, answer, malformed};
use crate::filter::Filter;
use crate::register::{DeviceMapping, DeviceTarget, Volume};

/// Which images are wanted; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct DescribeImages {
    /// Only these; none means all.
    pub ids: Vec<ImageId>,
    /// Only of these owners: account numbers or `self`.
    pub owners: Vec<String>,
    /// Only those that these may run: account numbers, `self` or `all`.
    pub executable_by: Vec<String>,
    /// Only those that match every filter.
    pub filters: Vec<Filter>,
}

/// An image as the cloud describes it. What the cloud does not say is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The id, in the cloud's case.
    pub image_id: String,
    /// `bucket/key` of the manifest.
    pub location: Option<String>,
    /// `available`, `pending`, `failed`, `deregistered`.
    pub state: Option<String>,
    /// Account number or user name.
    pub owner_id: Option<String>,
    /// Whether everybody may run it.
    pub is_public: bool,
    /// Product codes.
    pub product_codes: Vec<String>,
    /// `i386`, `x86_64` and so on.
    pub architecture: Option<String>,
    /// `machine`, `kernel` or `ramdisk`.
    pub image_type: Option<String>,
    /// The kernel that starts it.
    pub kernel_id: Option<String>,
    /// The ramdisk that starts it.
    pub ramdisk_id: Option<String>,
    /// `windows`, or nothing.
    pub platform: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// When it was registered, as in `2010-06-03T23:02:37.552Z`.
    pub created: Option<String>,
    /// `instance-store` or `ebs`.
    pub root_device_type: Option<String>,
    /// As in `/dev/sda1`.
    pub root_device_name: Option<String>,
    /// `paravirtual` or `hvm`.
    pub virtualization_type: Option<String>,
    /// `xen`, `kvm`; Eucalyptus never says.
    pub hypervisor: Option<String>,
    /// The owner's name, where the cloud has names for owners.
    pub owner_alias: Option<String>,
    /// Its block devices.
    pub block_devices: Vec<DeviceMapping>,
    /// Its tags: key and value.
    pub tags: Vec<(String, String)>,
}

impl Ec2Client {
    /// Lists images, in the order of the cloud.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense.
    pub async fn describe_images(
        &self,
        wanted: &DescribeImages,
    ) -> Result<Vec<Image>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("ImageId", &wanted.ids);
        parameters.add_all("Owner", &wanted.owners);
        parameters.add_all("ExecutableBy", &wanted.executable_by);
        parameters.add_filters(&wanted.filters);
        let answer = self.call("DescribeImages", parameters).await?;
        images(&answer)
    }
}

impl Image {
    /// Reads the body of an answer to `DescribeImages`.
    ///
    /// # Errors
    /// [`TransportError::Malformed`].
    pub fn read_all(body: &[u8]) -> Result<Vec<Self>, TransportError> {
        images(&answer("DescribeImages", body)?)
    }
}

fn images(answer: &Element) -> Result<Vec<Image>, TransportError> {
    let images: Option<_> = answer.items("imagesSet").map(image).collect();
    images.ok_or_else(|| malformed("DescribeImages", "an image has no id".to_owned()))
}

fn image(item: &Element) -> Option<Image> {
    let text = |name: &str| item.text_of(name).map(str::to_owned);
    let codes = item.items("productCodes");
    Some(Image {
        image_id: text("imageId")?,
        location: text("imageLocation"),
        state: text("imageState"),
        owner_id: text("imageOwnerId"),
        is_public: item.text_of("isPublic") == Some("true"),
        product_codes: codes
            .filter_map(|code| code.text_of("productCode"))
            .map(str::to_owned)
            .collect(),
        architecture: text("architecture"),
        image_type: text("imageType"),
        kernel_id: text("kernelId"),
        ramdisk_id: text("ramdiskId"),
        platform: text("platform"),
        name: text("name"),
        description: text("description"),
        created: text("creationDate"),
        root_device_type: text("rootDeviceType"),
        root_device_name: text("rootDeviceName"),
        virtualization_type: text("virtualizationType"),
        hypervisor: text("hypervisor"),
        owner_alias: text("imageOwnerAlias"),
        block_devices: item
            .items("blockDeviceMapping")
            .filter_map(device)
            .collect(),
        tags: item.items("tagSet").filter_map(tag).collect(),
    })
}

/// A device of an image or of an attribute.
pub(crate) fn device(item: &Element) -> Option<DeviceMapping> {
    let target = match (item.child("ebs"), item.text_of("virtualName")) {
        (Some(ebs), _) => DeviceTarget::Volume(Volume {
            snapshot: ebs.text_of("snapshotId").map(str::to_owned),
            gib: ebs.text_of("volumeSize").and_then(|text| text.parse().ok()),
            delete_on_termination: ebs
                .text_of("deleteOnTermination")
                .map(|text| text == "true"),
            kind: ebs.text_of("volumeType").map(str::to_owned),
            iops: ebs.text_of("iops").and_then(|text| text.parse().ok()),
        }),
        (None, Some(name)) => DeviceTarget::Virtual(name.to_owned()),
        (None, None) => DeviceTarget::None,
    };
    Some(DeviceMapping {
        device: item.text_of("deviceName")?.to_owned(),
        target,
    })
}

fn tag(item: &Element) -> Option<(String, String)> {
    let value = item.text_of("value").unwrap_or_default();
    Some((item.text_of("key")?.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use gumnut_transport::xml;

    use super::*;

    #[test]
    fn an_image_is_read_whatever_the_namespace_and_the_gaps() {
        let text = b"<x:R xmlns:x='http://ec2.amazonaws.com/doc/2010-08-31/'><imagesSet>\
            <item><imageId>emi-9FE813FD</imageId><imageLocation>b/k.manifest.xml</imageLocation>\
            <isPublic>true</isPublic><productCodes><item><productCode>A&amp;B</productCode></item></productCodes>\
            <kernelId>eki-90461381</kernelId><blockDeviceMapping>\
            <item><deviceName>/dev/sdb</deviceName><virtualName>ephemeral0</virtualName></item>\
            <item><deviceName>/dev/sdc</deviceName><ebs><volumeSize>8</volumeSize></ebs></item></blockDeviceMapping>\
            <tagSet><item><key>k</key><value>v</value></item></tagSet><platform/><unknown>1</unknown></item>\
            <item><imageLocation>no id</imageLocation></item></imagesSet></x:R>";
        let root = xml::parse(text).unwrap();
        let images: Vec<_> = root.items("imagesSet").map(image).collect();
        let first = images[0].clone().unwrap();
        assert_eq!(first.image_id, "emi-9FE813FD");
        assert_eq!(first.location.as_deref(), Some("b/k.manifest.xml"));
        assert_eq!(first.kernel_id.as_deref(), Some("eki-90461381"));
        assert_eq!(first.product_codes, ["A&B"]);
        assert!(first.is_public);
        let devices = first.block_devices;
        assert_eq!(
            devices[0].target,
            DeviceTarget::Virtual("ephemeral0".to_owned())
        );
        assert!(
            matches!(&devices[1].target, DeviceTarget::Volume(volume) if volume.gib == Some(8))
        );
        assert_eq!(first.tags, [("k".to_owned(), "v".to_owned())]);
        assert_eq!((first.platform, first.name), (None, None));
        assert_eq!(images[1], None, "an image without an id is none");
    }
}
