//! `gumnut cloud ssh-config`

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use gumnut_terminal::Session;
use serde_json::json;

use crate::data::Data;

/// Print lines for ~/.ssh/config that connect ssh to instances of the cloud by id or address.
///
/// With these lines, `ssh -i mykey.pem root@172.31.0.10` and `ssh -i mykey.pem root@i-4DA90A12` connect through `gumnut connect`, without a
/// port of the host. Host keys are not stored, because each new instance has its own.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud ssh-config >> ~/.ssh/config")]
pub struct SshConfig {
    #[command(flatten)]
    data: Data,
}

impl SshConfig {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let data = std::path::absolute(self.data.folder()?)?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let text = lines(&program, &data);
        let json = json!({ "ssh_config": text });
        let lines = text.lines().map(|line| [line]).collect();
        session.output.result(&json, &lines)
    }
}

fn lines(program: &Path, data: &Path) -> String {
    let (program, data) = (word(program), word(data));
    format!(
        "Host 172.31.* i-*\n\
         \x20   ProxyCommand {program} connect --data {data} %h %p\n\
         \x20   StrictHostKeyChecking no\n\
         \x20   UserKnownHostsFile /dev/null\n\
         \x20   LogLevel ERROR\n"
    )
}

/// A path as one word of the shell that runs the command, in which ssh replaces `%`.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy().replace('%', "%%");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_words_of_a_shell() {
        let text = lines(
            Path::new("/usr/bin/gumnut"),
            Path::new("/home/o'hara/100% data"),
        );
        let command =
            "    ProxyCommand /usr/bin/gumnut connect --data '/home/o'\\''hara/100%% data' %h %p\n";
        assert!(text.contains(command), "{text}");
        assert!(text.starts_with("Host 172.31.* i-*\n"));
    }
}
