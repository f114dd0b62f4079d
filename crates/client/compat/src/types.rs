//! `euca-describe-instance-types` and `euca-describe-availability-zones`

use std::collections::BTreeMap;

use clap::Args;
use gumnut_ec2_client::{Filter, InstanceType};

use super::call::{Call, print};
use super::options::{AnyKeys, Calling, Calls, Service, filter};
use super::tool::Tool;

/// The filters of zones that clouds know.
const FILTERS: [&str; 4] = ["message", "region-name", "state", "zone-name"];
/// The headings of the columns of types.
const HEADINGS: [&str; 8] = [
    "Name",
    "CPUs",
    "Memory (MiB)",
    "Disk (GiB)",
    "NICs",
    "Used",
    "Total",
    "Used %",
];

/// List instance types
#[derive(Args)]
pub(super) struct DescribeInstanceTypes {
    /// Only these types
    #[arg(value_name = "INSTANCETYPE")]
    names: Vec<String>,
    /// Show each availability zone separately
    #[arg(long = "by-zone")]
    by_zone: bool,
    /// Show how many instances can be started
    #[arg(long = "show-capacity")]
    capacity: bool,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DescribeInstanceTypes {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        let with_capacity = self.capacity || self.by_zone;
        let types = client
            .describe_instance_types(&self.names, with_capacity)
            .await?;
        if !self.by_zone {
            let counted = |it: &InstanceType| {
                let zones = it.availability.iter();
                let most: u32 = zones.clone().map(|zone| zone.most).sum();
                (most, zones.map(|zone| zone.available).sum())
            };
            let rows: Vec<_> = types.iter().map(|it| row(it, counted(it))).collect();
            table(&rows, with_capacity);
            return Ok(());
        }
        let mut zones: BTreeMap<&str, Vec<[String; 8]>> = BTreeMap::new();
        for it in &types {
            for zone in &it.availability {
                let row = row(it, (zone.most, zone.available));
                zones.entry(&zone.zone).or_default().push(row);
            }
        }
        for (zone, rows) in &zones {
            print(&self.calling.common.line(&["AVAILABILITYZONE", zone]));
            table(rows, true);
            print("");
        }
        Ok(())
    }
}

/// The cells of a type, of which there can be `most` instances and `available` more.
fn row(it: &InstanceType, (most, available): (u32, u32)) -> [String; 8] {
    let used = most.saturating_sub(available);
    let share = if most == 0 {
        String::new()
    } else {
        format!("{:.0}%", f64::from(used) * 100.0 / f64::from(most))
    };
    [
        it.name.clone(),
        it.processors.to_string(),
        it.memory_mib.to_string(),
        it.disk_gib.to_string(),
        it.interfaces
            .map_or_else(|| "None".to_owned(), |number| number.to_string()),
        used.to_string(),
        most.to_string(),
        share,
    ]
}

/// Prints types under headings, their cells under each other.
fn table(rows: &[[String; 8]], with_capacity: bool) {
    let headings = HEADINGS.map(str::to_owned);
    let widths: Vec<_> = (0..headings.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([headings[column].chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in [&headings].into_iter().chain(rows) {
        let right = |column: usize| format!("{:>width$}", row[column], width = widths[column]);
        let name = format!("{:<width$}", row[0], width = widths[0]);
        let mut line = format!(
            "INSTANCETYPE\t {name}  {}  {}  {}  {}",
            right(1),
            right(2),
            right(3),
            right(4)
        );
        if with_capacity {
            let [used, most, share] = [5, 6, 7].map(right);
            line = format!("{line}  {used} / {most}  {share}");
        }
        print(&line);
    }
}

/// List availability zones
#[derive(Args)]
pub(super) struct DescribeZones {
    /// Only these zones; verbose for the instance types of a Eucalyptus, too
    #[arg(value_name = "ZONE")]
    names: Vec<String>,
    /// Only zones that match
    #[arg(long, value_name = "NAME=VALUE", value_parser = |text: &str| filter(text, &FILTERS))]
    filter: Vec<Filter>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DescribeZones {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        let zones = client
            .describe_availability_zones(&self.names, &self.filter)
            .await?;
        for zone in &zones {
            let messages = zone.messages.join(", ");
            let columns = ["AVAILABILITYZONE", &zone.name, &zone.state, &messages];
            let shown = if call.dialect.is_2010() {
                &columns[..3]
            } else {
                &columns
            };
            print(&self.calling.common.line(shown));
        }
        Ok(())
    }
}
