//! `gumnut wait`, and waiting for instances in other commands.

use std::time::Duration;

use clap::{Args, ValueEnum};
use gumnut_ec2_client::{Ec2Client, Instance};
use gumnut_terminal::{Exit, Failure, Session};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::instances::{describe, line, show};

/// How often the cloud is asked.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an ssh server may take to say its name.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the first line of an ssh server begins with.
const BANNER: &[u8] = b"SSH-";

/// Wait until instances are running, until ssh answers, or until they are terminated.
///
/// Prints the lines of `gumnut instances`. If an instance ends before, the exit code is 4; if the time is up, 6.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut wait i-4DA90A12
  gumnut wait i-4DA90A12 --until ssh --timeout 60")]
pub struct Wait {
    /// The instances
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// What to wait for
    #[arg(long, value_name = "WHAT", default_value = "running")]
    until: Until,
    #[command(flatten)]
    waiting: Waiting,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Until {
    /// The machines are running
    Running,
    /// An ssh server answers
    Ssh,
    /// They are terminated
    Terminated,
}

/// How long is waited.
#[derive(Args, Clone, Copy, Debug)]
pub struct Waiting {
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    timeout: u64,
}

impl Wait {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, the cloud refuses or does not answer, an instance ends before, or the time is up.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        self.waiting
            .until(&client, session, &self.ids, self.until)
            .await?;
        let found = client.describe_instances(&self.ids, &[]).await?;
        let instances = found.iter().flat_map(|it| &it.instances);
        let values: Vec<_> = instances.clone().map(describe).collect();
        show(session, &values, &instances.map(line).collect())
    }
}

impl Waiting {
    /// Waits for all of these instances.
    ///
    /// # Errors
    /// When the cloud refuses or does not answer, an instance ends before, or the time is up.
    pub(crate) async fn until(
        self,
        client: &Ec2Client,
        session: &Session,
        ids: &[String],
        until: Until,
    ) -> Result<(), anyhow::Error> {
        let end = Instant::now() + Duration::from_secs(self.timeout);
        let mut told = String::new();
        loop {
            let found = client.describe_instances(ids, &[]).await?;
            let instances: Vec<_> = found.iter().flat_map(|it| &it.instances).collect();
            let states: Vec<_> = instances
                .iter()
                .map(|instance| format!("{} is {}", instance.id, instance.state))
                .collect();
            let states = states.join(", ");
            if states != told {
                session.output.say(&states);
                told.clone_from(&states);
            }
            if are_there(&instances, until).await? {
                return Ok(());
            }
            if Instant::now() + PAUSE > end {
                let message = format!("the time is up: {states}");
                let hint =
                    "`gumnut console ID` shows what the machine says; --timeout waits longer";
                return Err(Failure::new(Exit::NotSeen, message).hint(hint).into());
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether each of the instances is where it is waited for.
async fn are_there(instances: &[&Instance], until: Until) -> Result<bool, Failure> {
    for instance in instances {
        let is_there = match (until, instance.state.as_str()) {
            (Until::Terminated, state) => state == "terminated",
            (_, "shutting-down" | "terminated" | "stopping" | "stopped") => {
                return Err(ended(instance));
            }
            (Until::Running, state) => state == "running",
            (Until::Ssh, "running") => match instance.public() {
                Some(address) => ssh_port(address).await.is_some(),
                None => false,
            },
            (Until::Ssh, _) => false,
        };
        if !is_there {
            return Ok(false);
        }
    }
    Ok(true)
}

fn ended(instance: &Instance) -> Failure {
    let (id, state) = (&instance.id, &instance.state);
    let failure = Failure::new(Exit::Refused, format!("{id} is {state}"));
    match &instance.reason {
        Some(reason) => failure.because(anyhow::anyhow!("{reason}")),
        None => failure,
    }
}

/// The port at which an ssh server answers. The embedded cloud opens port 10022 where it may not open port 22.
pub(crate) async fn ssh_port(address: &str) -> Option<u16> {
    let is_here = address.starts_with("127.");
    let ports: &[u16] = if is_here { &[22, 10022] } else { &[22] };
    for port in ports {
        if matches!(timeout(PATIENCE, answers(address, *port)).await, Ok(true)) {
            return Some(*port);
        }
    }
    None
}

async fn answers(address: &str, port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((address, port)).await else {
        return false;
    };
    let mut begin = [0; BANNER.len()];
    stream.read_exact(&mut begin).await.is_ok() && begin == BANNER
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn instance(state: &str) -> Instance {
        Instance {
            id: "i-1".to_owned(),
            state: state.to_owned(),
            reason: Some("Server.InternalError: no kernel".to_owned()),
            ..Instance::default()
        }
    }

    #[tokio::test]
    async fn an_instance_that_ends_is_not_waited_for() {
        for (state, until, expected) in [
            ("pending", Until::Running, Some(false)),
            ("running", Until::Running, Some(true)),
            ("running", Until::Ssh, Some(false)),
            ("terminated", Until::Running, None),
            ("stopped", Until::Ssh, None),
            ("shutting-down", Until::Terminated, Some(false)),
            ("terminated", Until::Terminated, Some(true)),
        ] {
            let found = are_there(&[&instance(state)], until).await;
            assert_eq!(found.ok(), expected, "{state} {until:?}");
        }
        let error = are_there(&[&instance("terminated")], Until::Ssh).await;
        assert_eq!(error.unwrap_err().to_string(), "i-1 is terminated");
    }

    #[tokio::test]
    async fn an_ssh_server_says_so() {
        for (says, expected) in [
            ("SSH-2.0-x\r\n", true),
            ("HTTP/1.1 200\r\n", false),
            ("SS", false),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(says.as_bytes()).await.unwrap();
            });
            assert_eq!(answers("127.0.0.1", port).await, expected, "{says}");
            server.await.unwrap();
            assert!(!answers("127.0.0.1", port).await, "nobody listens");
        }
    }
}
