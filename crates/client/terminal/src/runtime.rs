//! Waiting for the network.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::stop::Stop;

/// How often it is looked whether the user wants to stop.
const TICK: Duration = Duration::from_millis(50);

/// Runs something that waits for the network until it ends or ^C, SIGTERM or SIGHUP comes.
///
/// # Errors
/// Those of the work; a [`Failure`] that says so after a signal; and when there is no runtime.
pub fn block_on<T>(
    work: impl Future<Output = Result<T, anyhow::Error>>,
) -> Result<T, anyhow::Error> {
    // Without a handler a signal ends the program by itself.
    let stop = Stop::on_interrupt().unwrap_or_default();
    block_on_or_stop(work, &stop)
}

/// Runs something that waits for the network until it ends or the user wants to stop.
///
/// # Errors
/// Those of the work; a [`Failure`] of [`Exit::Interrupted`] when the user wanted to stop; and when there is no runtime.
pub fn block_on_or_stop<T>(
    work: impl Future<Output = Result<T, anyhow::Error>>,
    stop: &Stop,
) -> Result<T, anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let stopped = async {
            while !stop.asked() {
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::select! {
            result = work => result,
            () = stopped => Err(Failure::new(Exit::Interrupted, "interrupted").into()),
        }
    })
}
