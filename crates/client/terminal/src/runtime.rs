//! Waiting for the network.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Stop;

/// How often it is looked whether the user wants to stop.
const TICK: Duration = Duration::from_millis(50);

/// Runs something that waits for the network until it ends or ^C comes.
///
/// # Errors
/// Those of the work; a [`Failure`] of [`Exit::Interrupted`] after ^C; and when there is no runtime.
pub fn block_on<T>(
    work: impl Future<Output = Result<T, anyhow::Error>>,
) -> Result<T, anyhow::Error> {
    block_on_until(work, async {
        // Without a handler ^C ends the program by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Runs something that waits for the network until it ends or the user wants to stop.
///
/// # Errors
/// Those of the work; a [`Failure`] of [`Exit::Interrupted`] when the user wanted to stop; and when there is no runtime.
pub fn block_on_or_stop<T>(
    work: impl Future<Output = Result<T, anyhow::Error>>,
    stop: &Stop,
) -> Result<T, anyhow::Error> {
    block_on_until(work, async {
        while !stop.asked() {
            tokio::time::sleep(TICK).await;
        }
    })
}

fn block_on_until<T>(
    work: impl Future<Output = Result<T, anyhow::Error>>,
    stop: impl Future<Output = ()>,
) -> Result<T, anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        tokio::select! {
            result = work => result,
            () = stop => Err(Failure::new(Exit::Interrupted, "interrupted").into()),
        }
    })
}
