//! `euca-describe-instances`, `euca-terminate-instances`, `euca-reboot-instances` and `euca-get-console-output`

use clap::Args;
use gumnut_ec2_client::{Filter, Instance, Reservation};

use super::call::{Call, print, print_lines};
use super::dialect::Dialect;
use super::options::{AnyKeys, Calling, Calls, CapitalKeys, Common, Service, any_filter};
use super::tool::Tool;

/// List instances
#[derive(Args)]
pub(super) struct DescribeInstances {
    /// Only these instances
    #[arg(value_name = "INSTANCE")]
    ids: Vec<String>,
    /// Only instances that match
    #[arg(long, value_name = "NAME=VALUE", value_parser = any_filter)]
    filter: Vec<Filter>,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

impl Tool for DescribeInstances {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        let found = client.describe_instances(&self.ids, &self.filter).await?;
        for reservation in &found {
            show(call.dialect, &self.calling.common, reservation);
        }
        Ok(())
    }
}

/// Prints a reservation with its instances as the describing commands did.
pub(super) fn show(dialect: Dialect, common: &Common, reservation: &Reservation) {
    print(&common.line(&reservation_columns(reservation)));
    let mut instances: Vec<_> = reservation.instances.iter().collect();
    instances.sort_by(|one, other| one.launched.cmp(&other.launched));
    for instance in instances {
        if dialect.is_2010() {
            print(&common.line(&columns_of_2010(instance)));
            continue;
        }
        print(&common.line(&columns(instance, reservation)));
        for (key, value) in &instance.tags {
            print(&common.line(&["TAG", "instance", &instance.id, key, value]));
        }
    }
}

/// The columns of a reservation.
pub(super) fn reservation_columns(reservation: &Reservation) -> [String; 4] {
    [
        "RESERVATION".to_owned(),
        reservation.id.clone(),
        some(reservation.owner_id.as_ref()),
        reservation.groups.join(", "),
    ]
}

/// The columns of 1.2, which left out what there was not and had a space before the tabs of the later ones.
fn columns_of_2010(instance: &Instance) -> Vec<String> {
    let mut columns = vec![
        "INSTANCE".to_owned(),
        instance.id.clone(),
        some(instance.image_id.as_ref()),
        some(instance.dns_name.as_ref()),
        some(instance.private_dns_name.as_ref()),
        instance.state.clone(),
    ];
    let optional = [
        &instance.key_name,
        &instance.launch_index,
        &instance.instance_type,
        &instance.launched,
        &instance.zone,
        &instance.kernel_id,
        &instance.ramdisk_id,
    ];
    for text in optional.into_iter().flatten() {
        if let Some(last) = columns.last_mut() {
            last.push(' ');
        }
        columns.push(text.clone());
    }
    columns
}

fn columns(instance: &Instance, reservation: &Reservation) -> Vec<String> {
    let monitoring = instance.monitoring.as_ref();
    let empty = String::new();
    vec![
        "INSTANCE".to_owned(),
        instance.id.clone(),
        some(instance.image_id.as_ref()),
        some(instance.dns_name.as_ref()),
        some(instance.private_dns_name.as_ref()),
        instance.state.clone(),
        some(instance.key_name.as_ref()),
        some(instance.launch_index.as_ref()),
        // Product codes.
        empty.clone(),
        some(instance.instance_type.as_ref()),
        some(instance.launched.as_ref()),
        some(instance.zone.as_ref()),
        some(instance.kernel_id.as_ref()),
        some(instance.ramdisk_id.as_ref()),
        some(instance.platform.as_ref()),
        monitoring.map_or_else(String::new, |state| format!("monitoring-{state}")),
        some(instance.address.as_ref()),
        some(instance.private_address.as_ref()),
        // VPC and subnet.
        empty.clone(),
        empty.clone(),
        some(instance.root_device_type.as_ref()),
        // Lifecycle, spot request, licence and placement group.
        empty.clone(),
        empty.clone(),
        empty.clone(),
        empty.clone(),
        some(instance.virtualization_type.as_ref()),
        // Hypervisor.
        empty.clone(),
        some(instance.client_token.as_ref()),
        reservation.groups.join(","),
        // Tenancy, EBS optimization and instance profile.
        empty.clone(),
        empty.clone(),
        empty,
        some(instance.architecture.as_ref()),
    ]
}

/// A value that the cloud may have left out, as a column.
fn some(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

/// Terminate instances
#[derive(Args)]
pub(super) struct TerminateInstances {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for TerminateInstances {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        for change in client.terminate_instances(&self.ids).await? {
            let columns = ["INSTANCE", &change.id, &change.previous, &change.current];
            let shown = if call.dialect.is_2010() {
                &columns[..2]
            } else {
                &columns
            };
            print(&self.calling.common.line(shown));
        }
        Ok(())
    }
}

/// Reboot instances
#[derive(Args)]
pub(super) struct RebootInstances {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for RebootInstances {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        client.reboot_instances(&self.ids).await?;
        if call.dialect.is_2010() {
            for id in &self.ids {
                print(&self.calling.common.line(&["INSTANCE", id]));
            }
        }
        Ok(())
    }
}

/// Print what an instance has written to its console
#[derive(Args)]
pub(super) struct GetConsoleOutput {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    id: String,
    /// Do not escape control characters
    #[arg(short = 'r', long = "raw-console-output")]
    raw: bool,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for GetConsoleOutput {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        let console = client.console_output(&self.id).await?;
        let common = &self.calling.common;
        print(&common.line(&[console.id]));
        print(&common.line(&[some(console.timestamp.as_ref())]));
        let text = String::from_utf8_lossy(&console.output);
        if self.raw {
            use std::io::Write as _;
            // A reader that went away is no error.
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        } else {
            print_lines(&text.chars().map(careted).collect::<String>());
        }
        Ok(())
    }
}

/// A control character as `^X`, all others as they are.
fn careted(character: char) -> String {
    match u8::try_from(character) {
        Ok(b'\n' | b'\t' | b'\r') => character.to_string(),
        Ok(byte @ (..32 | 127)) => format!("^{}", char::from(byte ^ 64)),
        _ => character.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_have_carets() {
        let shown: String = "a\x1b[0m\0\x7f\n".chars().map(careted).collect();
        assert_eq!(shown, "a^[[0m^@^?\n");
    }

    #[test]
    fn columns_of_2010_end_where_nothing_follows() {
        let mut instance = Instance {
            id: "i-1".to_owned(),
            image_id: Some("emi-1".to_owned()),
            state: "running".to_owned(),
            key_name: Some("mykey".to_owned()),
            ..Instance::default()
        };
        let line = |instance: &Instance| columns_of_2010(instance).join("\t");
        assert_eq!(line(&instance), "INSTANCE\ti-1\temi-1\t\t\trunning \tmykey");
        instance.key_name = None;
        assert_eq!(line(&instance), "INSTANCE\ti-1\temi-1\t\t\trunning");
        let columns = columns(&instance, &Reservation::default());
        assert_eq!(columns.len(), 33);
    }
}
