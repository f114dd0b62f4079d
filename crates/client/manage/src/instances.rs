//! `gumnut instances`, `gumnut terminate` and `gumnut reboot`

use std::collections::BTreeMap;

use clap::Args;
use gumnut_ec2_client::{Filter, Instance};
use gumnut_terminal::{Lines, Session, Table};
use serde_json::{Value, json};

/// List instances.
///
/// On a terminal this is a table. Elsewhere it is one line per instance, tab separated: `INSTANCE`, id, image, state, type, public address,
/// private address, key pair, launch time.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut instances
  gumnut instances --filter instance-state-name=running")]
pub struct Instances {
    /// Only these
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only instances that match; values can contain `*` and `?`
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_filter)]
    filter: Vec<Filter>,
}

/// Terminate instances. Their disks are deleted.
///
/// Prints one line per instance: INSTANCE, id, state before, state now. If one of the ids does not exist, none is terminated.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut terminate i-4DA90A12")]
pub struct Terminate {
    /// The instances
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

/// Reboot instances.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut reboot i-4DA90A12")]
pub struct Reboot {
    /// The instances
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Filter {
            name: name.to_owned(),
            values: vec![value.to_owned()],
        }),
        _ => Err("a filter has the form NAME=VALUE, as in instance-state-name=running".to_owned()),
    }
}

impl Instances {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        let found = client.describe_instances(&self.ids, &self.filter).await?;
        let mut instances: Vec<_> = found.iter().flat_map(|it| &it.instances).collect();
        instances.sort_by(|one, other| one.launched.cmp(&other.launched));
        let mut table = Table::new(&[
            "!id",
            "image",
            "state",
            "type",
            "!public",
            "private",
            "key",
            "?launched",
        ]);
        for instance in &instances {
            let cells = line(instance);
            table.push(&cells[1..]);
        }
        let values: Vec<_> = instances.iter().copied().map(describe).collect();
        session.output.listing(
            &json!({ "instances": values }),
            &instances.into_iter().map(line).collect(),
            &table,
            "no instances; `gumnut run EMI` starts one",
        )
    }
}

impl Terminate {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        let changes = client.terminate_instances(&self.ids).await?;
        let mut lines = Lines::default();
        let mut values = Vec::new();
        for change in &changes {
            lines.push(["INSTANCE", &change.id, &change.previous, &change.current]);
            values.push(json!({
                "id": change.id,
                "previous_state": change.previous,
                "state": change.current,
            }));
        }
        show(session, &values, &lines)
    }
}

impl Reboot {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        client.reboot_instances(&self.ids).await?;
        let values: Vec<_> = self.ids.iter().map(|id| json!({ "id": id })).collect();
        let lines = self.ids.iter().map(|id| ["INSTANCE", id]).collect();
        show(session, &values, &lines)
    }
}

/// Prints instances, as JSON where that is wanted.
pub(crate) fn show(
    session: &Session,
    values: &[Value],
    lines: &Lines,
) -> Result<(), anyhow::Error> {
    session
        .output
        .result(&json!({ "instances": values }), lines)
}

/// An instance as JSON.
pub(crate) fn describe(instance: &Instance) -> Value {
    let tags: BTreeMap<_, _> = instance.tags.iter().cloned().collect();
    json!({
        "id": instance.id,
        "image_id": instance.image_id,
        "state": instance.state,
        "reason": instance.reason,
        "type": instance.instance_type,
        "public": instance.public(),
        "private": instance.private(),
        "dns_name": instance.dns_name,
        "private_dns_name": instance.private_dns_name,
        "key": instance.key_name,
        "launched": instance.launched,
        "zone": instance.zone,
        "kernel_id": instance.kernel_id,
        "ramdisk_id": instance.ramdisk_id,
        "architecture": instance.architecture,
        "tags": tags,
    })
}

/// An instance as a line.
pub(crate) fn line(instance: &Instance) -> [String; 9] {
    [
        Some("INSTANCE"),
        Some(instance.id.as_str()),
        instance.image_id.as_deref(),
        Some(instance.state.as_str()),
        instance.instance_type.as_deref(),
        instance.public(),
        instance.private(),
        instance.key_name.as_deref(),
        instance.launched.as_deref(),
    ]
    .map(|text| text.unwrap_or_default().to_owned())
}
