//! `euca-run-instances`

use std::path::{Path, PathBuf};

use clap::Args;
use gumnut_ec2_client::{DeviceMapping, Instance, RunInstances as Wanted};
use gumnut_terminal::{Failure, read_bounded};

use super::call::{Call, print};
use super::instances::{reservation_columns, show};
use super::options::{Calling, Calls, CapitalKeys, Service, given};
use super::register::parse_device;
use super::report::unusable;
use super::tool::Tool;

/// Largest user data, in bytes, as in EC2.
const MAX_USER_DATA: u64 = 16 << 10;

/// Start instances of a machine image
#[derive(Args)]
pub(super) struct RunInstances {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// How many instances, or at least and at most how many
    #[arg(
        short = 'n',
        long = "instance-count",
        value_name = "MIN[-MAX]",
        default_value = "1"
    )]
    count: String,
    /// Security group
    #[arg(short, long, value_name = "GROUP")]
    group: Vec<String>,
    /// Key pair
    #[arg(short, long, value_name = "KEYPAIR")]
    key: Option<String>,
    /// User data
    #[arg(short = 'd', long, value_name = "DATA", conflicts_with_all = ["forced", "file"])]
    user_data: Option<String>,
    /// User data, even if there is a file with this name
    #[arg(long = "user-data-force", value_name = "DATA", conflicts_with = "file")]
    forced: Option<String>,
    /// File with user data
    #[arg(short = 'f', long = "user-data-file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// public or private
    #[arg(long, value_name = "ADDRESSING")]
    addressing: Option<String>,
    /// Instance type
    #[arg(short = 't', long, value_name = "TYPE")]
    instance_type: Option<String>,
    /// Availability zone
    #[arg(short = 'z', long, value_name = "ZONE")]
    availability_zone: Option<String>,
    /// Kernel, instead of that of the image
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// Ramdisk, instead of that of the image
    #[arg(long, value_name = "RAMDISK")]
    ramdisk: Option<String>,
    /// Block device
    #[arg(short, long, value_name = "DEVICE=MAPPED", value_parser = parse_device)]
    block_device_mapping: Vec<DeviceMapping>,
    /// Monitor the instances
    #[arg(short, long)]
    monitor: bool,
    /// Protect the instances from being terminated
    #[arg(long)]
    disable_api_termination: bool,
    /// stop or terminate
    #[arg(long, value_name = "BEHAVIOR")]
    instance_initiated_shutdown_behavior: Option<String>,
    /// Makes a repeated call the same one
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
    #[arg(long, hide = true)]
    placement_group: Option<String>,
    #[arg(long, hide = true)]
    tenancy: Option<String>,
    #[arg(short = 's', long, hide = true)]
    subnet: Option<String>,
    #[arg(long, hide = true)]
    associate_public_ip_address: Option<String>,
    #[arg(long, hide = true)]
    private_ip_address: Option<String>,
    #[arg(long, alias = "secondary-private-ip-address", hide = true)]
    secondary_address: Vec<String>,
    #[arg(long, alias = "secondary-private-ip-address-count", hide = true)]
    secondary_count: Option<String>,
    #[arg(short = 'a', long, hide = true)]
    network_interface: Vec<String>,
    #[arg(short = 'p', long, hide = true)]
    iam_profile: Option<String>,
    #[arg(long, hide = true)]
    ebs_optimized: bool,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

impl Tool for RunInstances {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let wanted = self.wanted(call)?;
        let client = call.session.ec2(&call.session.settings()?)?;
        let started = client.run_instances(&wanted).await?;
        let common = &self.calling.common;
        if !call.dialect.is_2010() {
            show(call.dialect, common, &started);
            return Ok(());
        }
        print(&common.line(&reservation_columns(&started)));
        for instance in &started.instances {
            print(&common.line(&columns_of_2010(instance)));
        }
        Ok(())
    }
}

impl RunInstances {
    fn wanted(&self, call: &Call) -> Result<Wanted, Failure> {
        let unsupported = given(&[
            ("--placement-group", self.placement_group.is_some()),
            ("--subnet", self.subnet.is_some()),
            (
                "--associate-public-ip-address",
                self.associate_public_ip_address.is_some(),
            ),
            ("--private-ip-address", self.private_ip_address.is_some()),
            ("--secondary-address", !self.secondary_address.is_empty()),
            ("--secondary-count", self.secondary_count.is_some()),
            ("--network-interface", !self.network_interface.is_empty()),
            ("--iam-profile", self.iam_profile.is_some()),
            ("--ebs-optimized", self.ebs_optimized),
            (
                "--tenancy dedicated",
                self.tenancy.as_deref().is_some_and(|it| it != "default"),
            ),
        ]);
        if let Some(option) = unsupported.first() {
            let message = format!("{option} is not supported; nothing was started");
            return Err(unusable(message));
        }
        let (least, most) = self.count()?;
        Ok(Wanted {
            image: self.image.clone(),
            least,
            most,
            key: self.key.clone(),
            groups: self.group.clone(),
            user_data: self.user_data(call)?,
            instance_type: self.instance_type.clone(),
            zone: self.availability_zone.clone(),
            kernel: self.kernel.clone(),
            ramdisk: self.ramdisk.clone(),
            client_token: self.client_token.clone(),
            on_shutdown: self.instance_initiated_shutdown_behavior.clone(),
            protected: self.disable_api_termination,
            monitored: self.monitor,
            addressing: self.addressing.clone(),
            devices: self.block_device_mapping.clone(),
        })
    }

    fn count(&self) -> Result<(u32, u32), Failure> {
        let (least, most) = self
            .count
            .split_once('-')
            .unwrap_or((&self.count, &self.count));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if 0 < least && least <= most => Ok((least, most)),
            _ => {
                let message = format!("{} is not a number of instances", self.count);
                Err(unusable(message))
            }
        }
    }

    fn user_data(&self, call: &Call) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(file) = &self.file {
            return read_bounded("user data file", file, MAX_USER_DATA).map(Some);
        }
        if let Some(data) = &self.user_data
            && !call.dialect.is_2010()
            && Path::new(data).is_file()
        {
            let message = format!(
                "there is a file {data}: use -f to send what is in it, or --user-data-force to send its name"
            );
            return Err(unusable(message));
        }
        let text = self.user_data.as_ref().or(self.forced.as_ref());
        Ok(text.map(|text| text.clone().into_bytes()))
    }
}

/// The columns of 1.2 for an instance that was started; what there was not, it called None.
fn columns_of_2010(instance: &Instance) -> [String; 10] {
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "None".to_owned());
    [
        "INSTANCE".to_owned(),
        instance.id.clone(),
        shown(&instance.image_id),
        shown(&instance.dns_name),
        shown(&instance.private_dns_name),
        instance.state.clone(),
        shown(&instance.key_name),
        shown(&instance.launched),
        shown(&instance.kernel_id),
        shown(&instance.ramdisk_id),
    ]
}
