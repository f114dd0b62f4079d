//! `gumnut cloud gc`

use std::time::{Duration, Instant};

use clap::Args;
use gumnut_cloud::{Cloud, Collected, Round};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;
use tokio::runtime::Handle;

use crate::data::Data;
use crate::refused::refused;
use crate::settings::time;

/// How long another process is waited for that collects.
const PATIENCE: Duration = Duration::from_secs(10);
/// The wait between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(200);

/// Delete what a cloud with its objects in a bucket no longer needs.
///
/// Front ends do this automatically every minute; this command does it once more. It deletes blobs of objects that were deleted or replaced,
/// blobs of uploads that were interrupted, and multipart uploads that are older than 7 days. Front ends can be running.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud gc --server-config cloud.toml --dry-run
  gumnut cloud gc --server-config cloud.toml --stopped --grace 0")]
pub struct Gc {
    #[command(flatten)]
    data: Data,
    /// Age from which blobs are deleted, such as 36h [default: orphan-grace and reader-grace of the bucket's URL]
    ///
    /// A shorter time than these two is refused without --stopped.
    #[arg(long, value_name = "TIME", value_parser = time)]
    grace: Option<Duration>,
    /// No front end is running: look at all blobs, also at those of hours that were checked before
    ///
    /// Refused if gumnut has other connections to the database.
    #[arg(long)]
    stopped: bool,
    /// Count what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

impl Gc {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let config = self.data.config()?;
        let round = Round {
            grace: self.grace,
            is_alone: self.stopped,
            is_dry: self.dry_run,
        };
        let runtime = Handle::current();
        let until = Instant::now() + PATIENCE;
        let collected = loop {
            let collected = runtime.block_on(Cloud::collect(&config, round));
            match collected.map_err(refused)? {
                Some(collected) => break collected,
                None if Instant::now() < until => std::thread::sleep(PAUSE),
                None => return Err(taken().into()),
            }
        };
        let (json, lines) = self.said(collected);
        session.output.result(&json, &lines)
    }

    fn said(&self, collected: Collected) -> (serde_json::Value, Lines) {
        let Collected {
            garbage,
            orphans,
            orphan_bytes,
            uploads,
            ..
        } = collected;
        let mut lines = Lines::default();
        lines.push(["garbage", &format!("{garbage} blobs")]);
        let of_orphans = format!("{orphans} blobs, {orphan_bytes} bytes");
        lines.push(["orphans", &of_orphans]);
        lines.push(["uploads", &uploads.to_string()]);
        let json = json!({
            "garbage": garbage,
            "orphans": orphans,
            "orphan_bytes": orphan_bytes,
            "uploads": uploads,
            "dry_run": self.dry_run,
        });
        (json, lines)
    }
}

fn taken() -> Failure {
    let message = "another process is collecting at the moment";
    Failure::new(Exit::Refused, message)
        .hint("repeat the command; if a front end was killed meanwhile, wait for 5 minutes, or stop all and pass --stopped")
}
