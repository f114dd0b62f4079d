//! `gumnut ssh`

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use gumnut_ec2_client::{Ec2Client, Instance};
use gumnut_terminal::{Exit, Failure, Session};

use crate::wait::ssh_port;

/// Options of ssh for instances on this machine: their addresses are used again, with other host keys.
const HERE: [&str; 6] = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
];

/// Log in to an instance, or run a command there, with the program ssh.
///
/// The private key is looked for where `gumnut keypair create` may have written it: NAME.pem or NAME in this directory or in ~/.ssh, with the
/// name of the instance's key pair. The exit code is that of ssh.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut ssh i-4DA90A12
  gumnut ssh i-4DA90A12 -i mykey.pem -- uname -a")]
pub struct Ssh {
    /// The instance
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    login: Login,
    /// Command to run, behind `--` [default: a shell]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// As whom to log in, and with which key.
#[derive(Args, Clone, Debug)]
pub struct Login {
    /// File with the private key
    #[arg(short, long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// User to log in as
    #[arg(short, long, value_name = "USER", default_value = "root")]
    login: String,
}

impl Ssh {
    /// Runs the command, which does not return when ssh could be started.
    ///
    /// # Errors
    /// When the settings are incomplete, the cloud refuses or does not answer, no ssh server answers, and when ssh is not installed.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        insist_on_text(session)?;
        let client = session.ec2(&session.settings()?)?;
        self.login.replace(&client, &self.id, &self.command).await
    }
}

impl Login {
    /// Makes this process an ssh that runs a command on an instance.
    ///
    /// # Errors
    /// When the cloud refuses or does not answer, no ssh server answers, and when ssh is not installed.
    pub(crate) async fn replace(
        &self,
        client: &Ec2Client,
        id: &str,
        command: &[String],
    ) -> Result<(), anyhow::Error> {
        let ids = [id.to_owned()];
        let found = client.describe_instances(&ids, &[]).await?;
        let found = found.into_iter().flat_map(|it| it.instances).next();
        let instance = found.ok_or_else(|| {
            let message = format!("the cloud says nothing of {id}");
            Failure::new(Exit::Refused, message)
        })?;
        let address = instance.public().ok_or_else(|| {
            let message = format!("{id} is {} and has no address", instance.state);
            Failure::new(Exit::Refused, message).hint("`gumnut wait ID --until ssh` waits for it")
        })?;
        let port = ssh_port(address).await.ok_or_else(|| {
            let message = format!("no ssh server answers at {address}");
            Failure::new(Exit::Network, message).hint(
                "`gumnut group authorize default -p 22` opens the port; `gumnut console ID` shows what the machine says",
            )
        })?;
        let arguments = self.arguments(&instance, address, port, command)?;
        let error = Command::new("ssh").args(arguments).exec();
        Err(Failure::new(Exit::Usage, "cannot start the program ssh")
            .because(error)
            .hint("install it, as with: apt install openssh-client")
            .into())
    }

    fn arguments(
        &self,
        instance: &Instance,
        address: &str,
        port: u16,
        command: &[String],
    ) -> Result<Vec<String>, Failure> {
        // The host and the user become words of a command line: none of them is an option.
        if address.starts_with('-') || self.login.starts_with('-') {
            let message = format!("{address:?} cannot be logged in to as {:?}", self.login);
            return Err(Failure::new(Exit::Usage, message));
        }
        let mut arguments = vec!["-p".to_owned(), port.to_string()];
        if address.starts_with("127.") {
            arguments.extend(HERE.map(str::to_owned));
        }
        let key = instance.key_name.as_deref();
        let guessed = || key.and_then(|key| identity(key, &places()));
        if let Some(file) = self.identity.clone().or_else(guessed) {
            let file = file.to_str().ok_or_else(|| {
                let message = format!("the name of the key file {} is not UTF-8", file.display());
                Failure::new(Exit::Usage, message)
            })?;
            arguments.extend(["-i", file, "-o", "IdentitiesOnly=yes"].map(str::to_owned));
        }
        arguments.extend(["-l", &self.login, "--", address].map(str::to_owned));
        arguments.extend(command.iter().cloned());
        Ok(arguments)
    }
}

/// Insists on an output that is not JSON: it is that of another program.
pub(crate) fn insist_on_text(session: &Session) -> Result<(), Failure> {
    if session.output.is_json() {
        let message = "what a command on an instance prints is not JSON";
        return Err(Failure::new(Exit::Usage, message).hint("leave out --json"));
    }
    Ok(())
}

/// Where private keys may be.
fn places() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".ssh"));
    [Some(PathBuf::from(".")), home]
        .into_iter()
        .flatten()
        .collect()
}

/// The file of a key pair's private key, if it is in one of these places.
fn identity(key: &str, places: &[PathBuf]) -> Option<PathBuf> {
    if key.contains('/') {
        return None;
    }
    let names = [format!("{key}.pem"), key.to_owned()];
    let files = places
        .iter()
        .flat_map(|place| names.iter().map(|name| place.join(name)));
    let mut files = files.filter(|file| file.is_file());
    files.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_what_ssh_needs_and_no_option_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let places = [dir.path().to_owned()];
        assert_eq!(identity("mykey", &places), None);
        let file = dir.path().join("mykey.pem");
        fs_err::write(&file, "key").unwrap();
        assert_eq!(identity("mykey", &places), Some(file.clone()));
        assert_eq!(identity("../mykey", &places), None);
        let login = Login {
            identity: Some(file),
            login: "root".to_owned(),
        };
        let command = ["uname".to_owned(), "-a".to_owned()];
        let found = |address: &str| login.arguments(&Instance::default(), address, 10022, &command);
        let arguments = found("127.31.0.10").unwrap();
        assert_eq!(arguments[..2], ["-p", "10022"]);
        assert!(
            arguments
                .ends_with(&["-l", "root", "--", "127.31.0.10", "uname", "-a"].map(str::to_owned))
        );
        assert!(arguments.contains(&"UserKnownHostsFile=/dev/null".to_owned()));
        assert!(
            !found("10.0.0.1")
                .unwrap()
                .contains(&"UserKnownHostsFile=/dev/null".to_owned())
        );
        assert!(found("-oProxyCommand=x").is_err());
    }
}
