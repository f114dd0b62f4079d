//! `gumnut run`

use std::path::PathBuf;

use clap::Args;
use gumnut_ec2_client::{Ec2Client, Reservation, RunInstances};
use gumnut_terminal::{Exit, Failure, Session, read_bounded};
use gumnut_types::ImageId;

use crate::instances::{describe, line, show};
use crate::ssh::{Login, insist_on_text};
use crate::wait::{Until, Waiting};

/// Largest user data, in bytes, as in EC2.
const MAX_USER_DATA: u64 = 16 << 10;

/// Start instances of a machine image.
///
/// Prints one line per instance: INSTANCE, id, image, state, type, public address, private address, key pair, launch time.
/// With a command, waits until ssh answers and runs it there: its output is that of gumnut, and its exit code too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut run emi-9FE813FD -k mykey
  gumnut run emi-9FE813FD -k mykey --wait ssh
  gumnut run emi-9FE813FD -k mykey -t m1.large --user-data setup.sh
  gumnut run emi-9FE813FD -k mykey -i mykey.pem -- uname -a")]
pub struct Run {
    /// The image
    image: ImageId,
    /// Key pair to log in with
    #[arg(short, long, value_name = "NAME")]
    key: Option<String>,
    /// Instance type [default: the smallest of the cloud]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    instance_type: Option<String>,
    /// How many instances, or at least and at most how many
    #[arg(short = 'n', long, value_name = "COUNT[-COUNT]", default_value = "1", value_parser = parse_count)]
    count: (u32, u32),
    /// Security group, by name or id; can be repeated [default: default]
    #[arg(short, long, value_name = "GROUP")]
    group: Vec<String>,
    /// File with user data, which the instances find in their metadata
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,
    /// Start with this kernel instead of that of the image
    #[arg(long, value_name = "EKI")]
    kernel: Option<ImageId>,
    /// Start with this ramdisk instead of that of the image
    #[arg(long, value_name = "ERI")]
    ramdisk: Option<ImageId>,
    /// Availability zone [default: any]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Makes a call that is repeated with the same token start nothing more
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
    /// Wait until the instances are running, or until ssh answers
    #[arg(long, value_name = "WHAT")]
    wait: Option<Until>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    login: Login,
    /// Command to run on the instance over ssh, behind `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn parse_count(text: &str) -> Result<(u32, u32), String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if 0 < least && least <= most => Ok((least, most)),
        _ => Err("use a number from 1 on, or a range, as in 2-5".to_owned()),
    }
}

impl Run {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, the user data cannot be read, the cloud refuses or does not answer, an instance ends while it is
    /// waited for, or the time is up.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        if !self.command.is_empty() && self.count.1 > 1 {
            let message = "a command runs on one instance";
            return Err(Failure::new(Exit::Usage, message)
                .hint("leave out --count")
                .into());
        }
        if !self.command.is_empty() {
            insist_on_text(session)?;
        }
        let user_data = self.user_data.as_deref();
        let user_data = user_data.map(|path| read_bounded("user data file", path, MAX_USER_DATA));
        let client = session.ec2(&session.settings()?)?;
        let request = RunInstances {
            image: self.image.to_string(),
            least: self.count.0,
            most: self.count.1,
            key: self.key.clone(),
            groups: self.group.clone(),
            user_data: user_data.transpose()?,
            instance_type: self.instance_type.clone(),
            zone: self.zone.clone(),
            kernel: self.kernel.as_ref().map(ToString::to_string),
            ramdisk: self.ramdisk.as_ref().map(ToString::to_string),
            client_token: self.client_token.clone(),
            ..RunInstances::default()
        };
        let started = client.run_instances(&request).await?;
        let ids: Vec<_> = started.instances.iter().map(|it| it.id.clone()).collect();
        if let [id] = &ids[..]
            && !self.command.is_empty()
        {
            session.output.say(format!("started {id}"));
            self.waiting
                .until(&client, session, &ids, Until::Ssh)
                .await?;
            return self.login.replace(&client, id, &self.command).await;
        }
        let shown = self.wait(session, &client, &ids, started).await?;
        let instances = shown.iter().flat_map(|it| &it.instances);
        let values: Vec<_> = instances.clone().map(describe).collect();
        show(session, &values, &instances.map(line).collect())
    }

    /// Waits as was asked for, and gives what is to be shown.
    async fn wait(
        &self,
        session: &Session,
        client: &Ec2Client,
        ids: &[String],
        started: Reservation,
    ) -> Result<Vec<Reservation>, anyhow::Error> {
        let Some(until) = self.wait else {
            return Ok(vec![started]);
        };
        session.output.say(format!("started {}", ids.join(" ")));
        self.waiting.until(client, session, ids, until).await?;
        Ok(client.describe_instances(ids, &[]).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::parse_count;

    #[test]
    fn counts_are_numbers_or_ranges() {
        assert_eq!(parse_count("1"), Ok((1, 1)));
        assert_eq!(parse_count("2-5"), Ok((2, 5)));
        for text in ["", "0", "5-2", "-1", "1-", "a", "0-1", "99999999999"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
