//! Running a tool: its arguments, its failures, its exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Command};
use url::Url;

use super::dialect::Dialect;
use super::options::{Common, KeyPair, Service};
use super::report;
use super::session::{Session, say};
use crate::args::Signature;
use crate::commands::remote;

/// A command of the old tools.
pub(super) trait Tool: Args {
    /// Whose endpoint `--url` names.
    const SERVICE: Service;

    /// The options that every command has.
    fn common(&self) -> &Common;

    /// The key pair on the command line, for commands that take one.
    fn key_pair(&self) -> KeyPair {
        KeyPair::default()
    }

    /// The endpoint of the EC2 service, for commands that need both services.
    fn ec2_url(&self) -> Option<Url> {
        None
    }

    /// A signature version that the command line asks for.
    fn signature(&self) -> Option<Signature> {
        None
    }

    /// Options that were given and mean nothing any more.
    fn meaningless(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Does the work.
    async fn run(self, session: &Session) -> Result<(), anyhow::Error>;
}

/// Runs the tool that answers to `name`.
pub(super) fn start<T: Tool>(
    name: &'static str,
    dialect: Dialect,
    arguments: Vec<OsString>,
) -> ExitCode {
    let mut command = command::<T>(name, dialect);
    let arguments = std::iter::once(OsString::from(name)).chain(arguments);
    let parsed = command.try_get_matches_from_mut(arguments);
    let tool = match parsed.and_then(|matches| T::from_arg_matches(&matches)) {
        Ok(tool) => tool,
        Err(error) => return report::arguments(name, dialect, &error, &mut command),
    };
    match run(tool, name, dialect) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(name, dialect, &error),
    }
}

/// The parser: options anywhere, any unique prefix of a long one, the last of several counts.
fn command<T: Tool>(name: &'static str, dialect: Dialect) -> Command {
    let (display, version) = dialect.version(name);
    let command = Command::new(name)
        .display_name(display)
        .version(version)
        .infer_long_args(true)
        .args_override_self(true)
        .max_term_width(100);
    T::augment_args(command)
}

fn run<T: Tool>(tool: T, name: &'static str, dialect: Dialect) -> Result<(), anyhow::Error> {
    let mut meaningless = tool.common().meaningless();
    meaningless.extend(tool.meaningless());
    for option in meaningless {
        say(name, &format!("{option} is accepted and has no effect"));
    }
    tool.common().refuse()?;
    let mut session = Session::new(name, dialect, tool.common(), &tool.key_pair(), T::SERVICE)?;
    if let Some(url) = tool.ec2_url() {
        session.global.ec2_url = Some(url);
    }
    if let Some(signature) = tool.signature() {
        session = session.signing(signature);
    }
    remote::block_on(tool.run(&session))
}

#[cfg(test)]
mod tests {
    use super::super::{
        attributes, bucket, bundle, delete, describe, download, migrate, publish, register, stream,
        unbundle, upload, volume,
    };
    use super::*;

    fn check<T: Tool>() {
        for dialect in [Dialect::Euca2010, Dialect::Euca34, Dialect::AmiTools] {
            command::<T>("a-tool", dialect).debug_assert();
        }
    }

    #[test]
    fn no_option_of_a_tool_collides_with_another() {
        check::<attributes::DescribeAttribute>();
        check::<attributes::ModifyAttribute>();
        check::<attributes::ResetAttribute>();
        check::<bucket::CheckBucket>();
        check::<bundle::BundleImage>();
        check::<delete::DeleteBundle>();
        check::<describe::DescribeImages>();
        check::<download::DownloadBundle>();
        check::<migrate::MigrateBundle>();
        check::<migrate::MigrateManifest>();
        check::<publish::BundleAndUpload>();
        check::<publish::InstallImage>();
        check::<register::Deregister>();
        check::<register::Register>();
        check::<unbundle::DownloadAndUnbundle>();
        check::<unbundle::Unbundle>();
        check::<stream::UnbundleStream>();
        check::<upload::UploadBundle>();
        check::<volume::BundleVolume>();
    }
}
