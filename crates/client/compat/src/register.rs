//! `euca-register`, `euca-deregister`

use clap::Args;
use gumnut_ec2_client::{DeviceMapping, DeviceTarget, RegisterImage, Volume};
use gumnut_terminal::Failure;
use gumnut_types::{Architecture, ImageClass, ImageId, ManifestLocation};

use super::call::{Call, print};
use super::dialect::Dialect;
use super::in_use;
use super::options::{AnyKeys, Calling, Calls, CapitalKeys, Service};
use super::report::unusable;
use super::tool::Tool;

/// The root device of images made of a snapshot.
const ROOT: &str = "/dev/sda1";

/// Register an uploaded bundle or a snapshot as an image
#[derive(Args)]
pub(super) struct Register {
    /// Location of the manifest
    #[arg(value_name = "BUCKET/KEY")]
    location: Option<ManifestLocation>,
    /// Name of the image
    #[arg(short, long)]
    name: Option<String>,
    /// Description of the image
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Architecture [default: as in the manifest]; the access key is -A or -I here
    #[arg(
        short = 'a',
        long = "architecture",
        alias = "arch",
        value_name = "ARCH"
    )]
    architecture: Option<Architecture>,
    /// Kernel [default: as in the manifest]
    #[arg(long, value_name = "EKI", value_parser = ImageId::parse_kernel)]
    kernel: Option<ImageId>,
    /// Ramdisk [default: as in the manifest]
    #[arg(long, value_name = "ERI", value_parser = ImageId::parse_ramdisk)]
    ramdisk: Option<ImageId>,
    /// Root device of an image made of a snapshot [default: /dev/sda1]
    #[arg(long = "root-device-name", value_name = "DEVICE")]
    root_device: Option<String>,
    /// Snapshot that the image is made of
    #[arg(short, long, value_name = "SNAPSHOT")]
    snapshot: Option<String>,
    #[arg(
        short = 'b',
        long = "block-device-mapping",
        value_name = "DEVICE=MAP",
        value_parser = parse_device,
        help = "DEVICE=none, DEVICE=ephemeralN or DEVICE=[SNAPSHOT]:[GIB]:[true|false]:[TYPE[:IOPS]]"
    )]
    devices: Vec<DeviceMapping>,
    /// paravirtual or hvm
    #[arg(long = "virtualization-type", value_name = "TYPE", value_parser = parse_virtualization)]
    virtualization: Option<String>,
    /// windows
    #[arg(long, value_name = "PLATFORM", value_parser = ["windows"])]
    platform: Option<String>,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

pub(super) fn parse_virtualization(text: &str) -> Result<String, String> {
    match text {
        "paravirtual" | "hvm" => Ok(text.to_owned()),
        _ => Err("use paravirtual or hvm".to_owned()),
    }
}

pub(super) fn parse_device(text: &str) -> Result<DeviceMapping, String> {
    device_mapping(text).ok_or_else(|| {
        format!(
            "{text:?} does not have the form DEVICE=none, DEVICE=ephemeralN or DEVICE=[SNAPSHOT]:[GIB]:[true|false]:[TYPE[:IOPS]]"
        )
    })
}

fn device_mapping(text: &str) -> Option<DeviceMapping> {
    let (device, map) = text
        .split_once('=')
        .filter(|(device, _)| !device.is_empty())?;
    Some(DeviceMapping {
        device: device.to_owned(),
        target: match map {
            "none" => DeviceTarget::None,
            _ if map.starts_with("ephemeral") => DeviceTarget::Virtual(map.to_owned()),
            _ => DeviceTarget::Volume(volume(map)?),
        },
    })
}

fn volume(map: &str) -> Option<Volume> {
    let mut fields = map
        .split(':')
        .map(|field| Some(field).filter(|field| !field.is_empty()));
    let mut next = || fields.next().flatten();
    let volume = Volume {
        snapshot: next().map(str::to_owned),
        gib: next().map(str::parse).transpose().ok()?,
        delete_on_termination: next().map(str::parse).transpose().ok()?,
        kind: next().map(str::to_owned),
        iops: next().map(str::parse).transpose().ok()?,
    };
    (fields.next().is_none() && (volume.snapshot.is_some() || volume.gib.is_some()))
        .then_some(volume)
}

impl Tool for Register {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        if call.dialect == Dialect::Euca34 && self.name.is_none() {
            return Err(unusable("argument -n/--name is required").into());
        }
        let request = self.request()?;
        let session = &call.session;
        let client = session.ec2(&session.settings()?)?;
        let id = client.register_image(&request).await?;
        print(&format!("IMAGE\t{id}"));
        Ok(())
    }
}

impl Register {
    fn request(self) -> Result<RegisterImage, Failure> {
        let mut devices = self.devices;
        let mut root_device = self.root_device;
        match (&self.location, self.snapshot) {
            (Some(_), Some(_)) => {
                return Err(unusable("a manifest and a snapshot exclude each other"));
            }
            (Some(_), None) if root_device.is_some() => {
                return Err(unusable(
                    "--root-device-name belongs to images made of a snapshot",
                ));
            }
            (None, Some(snapshot)) => {
                let device = root_device.get_or_insert_with(|| ROOT.to_owned()).clone();
                let volume = Volume {
                    snapshot: Some(snapshot),
                    ..Volume::default()
                };
                devices.insert(
                    0,
                    DeviceMapping {
                        device,
                        target: DeviceTarget::Volume(volume),
                    },
                );
            }
            (None, None) => {
                let root = root_device.get_or_insert_with(|| ROOT.to_owned());
                if !devices.iter().any(|device| is_snapshot_at(device, root)) {
                    return Err(unusable(
                        "either a manifest or a snapshot of the root device is needed",
                    ));
                }
            }
            (Some(_), None) => {}
        }
        Ok(RegisterImage {
            location: self
                .location
                .map(|location| location.to_string())
                .unwrap_or_default(),
            name: self.name,
            description: self.description,
            architecture: self.architecture,
            kernel: self.kernel,
            ramdisk: self.ramdisk,
            virtualization_type: self.virtualization,
            platform: self.platform,
            root_device_name: root_device,
            block_devices: devices,
        })
    }
}

fn is_snapshot_at(device: &DeviceMapping, name: &str) -> bool {
    device.device == name
        && matches!(&device.target, DeviceTarget::Volume(volume) if volume.snapshot.is_some())
}

/// Deregister an image; its bundle is kept
#[derive(Args)]
pub(super) struct Deregister {
    /// The image
    id: ImageId,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for Deregister {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let settings = session.settings()?;
        let client = session.ec2(&settings)?;
        if self.id.class() != ImageClass::Machine {
            let images = in_use::images(call, &settings).await.unwrap_or_default();
            for user in images.users_of(&self.id) {
                call.say(&format!(
                    "warning: {} is the kernel or ramdisk of the registered image {user}, which can no longer be started",
                    self.id
                ));
            }
        }
        client.deregister_image(&self.id).await?;
        print(&format!("IMAGE\t{}", self.id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_three_forms() {
        let target = |text: &str| parse_device(text).map(|device| device.target);
        assert_eq!(target("/dev/sdb=none"), Ok(DeviceTarget::None));
        assert_eq!(
            target("sdb=ephemeral0"),
            Ok(DeviceTarget::Virtual("ephemeral0".to_owned()))
        );
        let volume = Volume {
            snapshot: Some("snap-1".to_owned()),
            gib: Some(8),
            delete_on_termination: Some(false),
            kind: Some("io1".to_owned()),
            iops: Some(100),
        };
        assert_eq!(
            target("sdc=snap-1:8:false:io1:100"),
            Ok(DeviceTarget::Volume(volume))
        );
        for text in [
            "",
            "sdb",
            "=none",
            "sdb=",
            "sdb=:x",
            "sdb=::true",
            "sdb=s:1:true:t:1:1",
        ] {
            assert!(target(text).is_err(), "{text}");
        }
    }
}
