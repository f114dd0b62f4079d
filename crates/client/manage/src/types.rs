//! `gumnut types`

use clap::Args;
use gumnut_ec2_client::InstanceType;
use gumnut_terminal::{Lines, Session, Table};
use serde_json::json;

/// List the instance types of a Eucalyptus or embedded cloud, and how many instances can be started.
///
/// Tab separated: TYPE, name, processors, memory in MiB, disk in GiB, how many more can be started, how many there can be.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut types")]
pub struct Types {
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Types {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        let found = client.describe_instance_types(&self.names, true).await?;
        let mut lines = Lines::default();
        let mut table = Table::new(&["!name", ">cpus", ">MiB", ">disk GiB", ">available", ">most"]);
        let mut values = Vec::new();
        for it in &found {
            let cells = cells(it);
            lines.push(["TYPE".to_owned()].iter().chain(&cells));
            table.push(&cells);
            let zones = it.availability.iter();
            values.push(json!({
                "name": it.name,
                "processors": it.processors,
                "memory_mib": it.memory_mib,
                "disk_gib": it.disk_gib,
                "available": zones.clone().map(|zone| zone.available).sum::<u32>(),
                "most": zones.map(|zone| zone.most).sum::<u32>(),
            }));
        }
        let value = json!({ "types": values });
        session
            .output
            .listing(&value, &lines, &table, "no instance types")
    }
}

fn cells(it: &InstanceType) -> [String; 6] {
    let available: u32 = it.availability.iter().map(|zone| zone.available).sum();
    let most: u32 = it.availability.iter().map(|zone| zone.most).sum();
    [
        it.name.clone(),
        it.processors.to_string(),
        it.memory_mib.to_string(),
        it.disk_gib.to_string(),
        available.to_string(),
        most.to_string(),
    ]
}
