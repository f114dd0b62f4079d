//! What to do about a cloud that does not start or stop.

use std::io::ErrorKind;

use gumnut_cloud::CloudError;
use gumnut_terminal::Failure;

/// An error of a cloud with what to do about it, where that is known.
pub(crate) fn refused(error: CloudError) -> anyhow::Error {
    let hint = match &error {
        CloudError::NotLoopback(_) => {
            "pass --allow-remote and --tls to accept connections from other machines, or --listen 127.0.0.1:8773"
        }
        CloudError::NotEncrypted(_) => "pass --tls, or --tls-cert and --tls-key",
        CloudError::Locked(_) => {
            "`gumnut cloud status` shows the cloud that runs, `gumnut cloud stop` ends it; --data names another directory"
        }
        CloudError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse => {
            "another program listens there: pass --listen 127.0.0.1:0 for a free port, or stop that program"
        }
        CloudError::Listen { .. } => "pass --listen with an address of this machine",
        CloudError::StillRunning { .. } => "repeat the command, or kill the process",
        CloudError::BlobsNotEmpty => {
            "pass --blobs keep if the objects of this cloud are there already"
        }
        CloudError::CollectsItself => "pass --server-config with `blobs` in a bucket",
        CloudError::ShortGrace { .. } => {
            "pass a longer --grace, or stop every front end and pass --stopped"
        }
        _ => return error.into(),
    };
    let failure = Failure::new(error.fault().into(), error.to_string()).hint(hint);
    match error {
        CloudError::Listen { source, .. } => failure.because(source),
        _ => failure,
    }
    .into()
}
