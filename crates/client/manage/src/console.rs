//! `gumnut console`

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use gumnut_ec2_client::Ec2Client;
use gumnut_terminal::{Exit, Failure, Session};
use gumnut_types::printable;
use serde_json::json;

/// How often the cloud is asked for more.
const PAUSE: Duration = Duration::from_secs(1);

/// Show what an instance has written to its console.
///
/// Clouds keep the last 64 KiB; Eucalyptus 1.6 and 2.0 show the first. On a terminal, control characters are shown as escapes.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut console i-4DA90A12
  gumnut console i-4DA90A12 --follow")]
pub struct Console {
    /// The instance
    #[arg(value_name = "ID")]
    id: String,
    /// Show what is added, until the instance is stopped or terminated
    #[arg(short, long)]
    follow: bool,
    /// Do not escape control characters on a terminal
    #[arg(long)]
    raw: bool,
}

impl Console {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        if self.follow && session.output.is_json() {
            let message = "--follow never ends, and JSON is one value";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let client = session.ec2(&session.settings()?)?;
        let mut shown = client.console_output(&self.id).await?;
        if session.output.is_json() {
            let output = String::from_utf8_lossy(&shown.output);
            let value = json!({ "id": shown.id, "timestamp": shown.timestamp, "output": output });
            return session.output.script(&value, "");
        }
        self.write(&shown.output)?;
        while self.follow && !is_over(&client, &self.id).await? {
            tokio::time::sleep(PAUSE).await;
            let next = client.console_output(&self.id).await?;
            self.write(added(&shown.output, &next.output))?;
            shown = next;
        }
        Ok(())
    }

    /// Writes bytes of the console. A reader that went away is no error.
    fn write(&self, bytes: &[u8]) -> Result<(), anyhow::Error> {
        let mut stdout = std::io::stdout().lock();
        let escaped;
        let bytes = if stdout.is_terminal() && !self.raw {
            escaped = for_terminal(bytes);
            escaped.as_bytes()
        } else {
            bytes
        };
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

async fn is_over(client: &Ec2Client, id: &str) -> Result<bool, anyhow::Error> {
    let found = client.describe_instances(&[id.to_owned()], &[]).await?;
    let mut instances = found.iter().flat_map(|it| &it.instances);
    Ok(instances.all(|it| ["stopped", "terminated"].contains(&it.state.as_str())))
}

/// What the later output has that the earlier one has not: the console forgets what is at its beginning.
fn added<'a>(before: &[u8], now: &'a [u8]) -> &'a [u8] {
    if let Some(rest) = now.strip_prefix(before) {
        return rest;
    }
    let kept = (0..before.len()).find(|start| now.starts_with(&before[*start..]));
    kept.map_or(now, |start| &now[before.len() - start..])
}

/// The text without anything that a terminal could obey, but for the ends of lines.
fn for_terminal(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_found_although_the_beginning_is_forgotten() {
        for (before, now, expected) in [
            ("", "abc", "abc"),
            ("abc", "abcd", "d"),
            ("abc", "abc", ""),
            ("abcdef", "defgh", "gh"),
            ("abc", "xyz", "xyz"),
        ] {
            let found = added(before.as_bytes(), now.as_bytes());
            assert_eq!(found, expected.as_bytes(), "{before} {now}");
        }
    }

    #[test]
    fn a_terminal_obeys_nothing() {
        let shown = for_terminal(b"login:\r\n\x1b[2J\xff\tx\n");
        assert_eq!(shown.lines().count(), 2);
        assert!(shown.starts_with("login:\n") && !shown.contains('\x1b'));
    }
}
