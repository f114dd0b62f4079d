//! Running a tool: its arguments, its failures, its exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Args, Command};
use gumnut_terminal::{Signature, block_on};
use url::Url;

use super::call::{Call, say};
use super::dialect::Dialect;
use super::options::{Calls, Service};
use super::report;

/// What the parser calls `--batch` of the AMI tools where no command has its own.
const AMI_BATCH: &str = "ami-batch";

/// A command of the old tools.
pub(super) trait Tool: Args {
    /// Whose endpoint `--url` names.
    const SERVICE: Service;

    /// Where it goes and as whom.
    fn calling(&self) -> &dyn Calls;

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
    async fn run(self, call: &Call) -> Result<(), anyhow::Error>;
}

/// Runs the tool that answers to `name`.
pub(super) fn start<T: Tool>(
    name: &'static str,
    dialect: Dialect,
    arguments: Vec<OsString>,
) -> ExitCode {
    let mut command = command::<T>(name, dialect);
    let arguments = std::iter::once(OsString::from(name)).chain(arguments);
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| Ok((T::from_arg_matches(&matches)?, matches)));
    let (tool, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return report::arguments(name, dialect, &error, &mut command),
    };
    if matches!(matches.try_get_one(AMI_BATCH), Ok(Some(true))) {
        say_meaningless(name, "--batch");
    }
    match run(tool, name, dialect) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(name, dialect, &error),
    }
}

/// The parser: options anywhere, any unique prefix of a long one, the last of several counts.
fn command<T: Tool>(name: &'static str, dialect: Dialect) -> Command {
    let (display, version) = dialect.version(name);
    let command = T::augment_args(
        Command::new(name)
            .display_name(display)
            .version(version)
            .infer_long_args(true)
            .args_override_self(true)
            .max_term_width(100),
    );
    let command = without_twins(command);
    if dialect == Dialect::AmiTools {
        of_ami_tools(command)
    } else {
        command
    }
}

/// Leaves `-t` to the commands that use it for something else than the security token.
fn without_twins(command: Command) -> Command {
    let named = command.get_arguments();
    if named.filter(|arg| arg.get_short() == Some('t')).count() < 2 {
        return command;
    }
    command.mut_arg("token", |arg| arg.short(None))
}

/// The options that every command of the AMI tools has, and of euca2ools only some.
fn of_ami_tools(mut command: Command) -> Command {
    let has_batch = command
        .get_arguments()
        .any(|arg| arg.get_long() == Some("batch"));
    if !has_batch {
        let batch = Arg::new(AMI_BATCH).long("batch").action(ArgAction::SetTrue);
        command = command.arg(batch.hide(true));
    }
    command.arg(
        Arg::new("manual")
            .long("manual")
            .action(ArgAction::HelpLong)
            .help("Print help"),
    )
}

fn say_meaningless(name: &str, option: &str) {
    say(name, &format!("{option} is accepted and has no effect"));
}

fn run<T: Tool>(tool: T, name: &'static str, dialect: Dialect) -> Result<(), anyhow::Error> {
    let mut meaningless = tool.calling().common().meaningless();
    meaningless.extend(tool.meaningless());
    for option in meaningless {
        say_meaningless(name, option);
    }
    let mut call = Call::new(name, dialect, tool.calling(), T::SERVICE)?;
    let cloud = &mut call.session.cloud;
    if let Some(url) = tool.ec2_url() {
        cloud.overrides.ec2_url = Some(url);
    }
    if let Some(signature) = tool.signature() {
        cloud.store_signature = Some(signature);
    }
    block_on(tool.run(&call))
}

#[cfg(test)]
mod tests {
    use super::super::{
        attributes, bucket, bundle, delete, describe, download, groups, instances, key_pairs,
        migrate, publish, register, run, stream, types, unbundle, upload, volume,
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
        check::<groups::Authorize>();
        check::<groups::CreateGroup>();
        check::<groups::DeleteGroup>();
        check::<groups::DescribeGroups>();
        check::<groups::Revoke>();
        check::<instances::DescribeInstances>();
        check::<instances::GetConsoleOutput>();
        check::<instances::RebootInstances>();
        check::<instances::TerminateInstances>();
        check::<run::RunInstances>();
        check::<types::DescribeInstanceTypes>();
        check::<types::DescribeZones>();
        check::<key_pairs::CreateKeyPair>();
        check::<key_pairs::DeleteKeyPair>();
        check::<key_pairs::DescribeKeyPairs>();
        check::<key_pairs::ImportKeyPair>();
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
