//! Running a cloud until signals end it.

use std::future::Future;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use gumnut_cloud::{Cloud, Config, Running};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::data::CREDENTIALS;
use crate::notify::{READY, STOPPING, report};
use crate::refused::refused;

/// Runs a cloud until a signal ends it. It blocks.
pub(crate) fn serve(session: &Session, config: Config) -> Result<(), anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(run(session, config));
    // After a second signal nobody waits for what still runs.
    runtime.shutdown_background();
    served
}

/// The signals that a cloud listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` on a terminal, whose end is that of the cloud.
    hang_up: Option<Signal>,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// SIGTERM: end, and let a load balancer know beforehand.
    Terminate,
    /// ^C: end.
    Interrupt,
    /// SIGHUP: read the certificate again.
    HangUp,
}

impl Signals {
    fn watch() -> Result<Self, anyhow::Error> {
        let watch = |kind| signal(kind).context("cannot watch for signals");
        let hang_up = if std::io::stdin().is_terminal() {
            None
        } else {
            Some(watch(SignalKind::hangup())?)
        };
        Ok(Self {
            terminate: watch(SignalKind::terminate())?,
            interrupt: watch(SignalKind::interrupt())?,
            hang_up,
        })
    }

    /// The next signal.
    async fn next(&mut self) -> Asked {
        let Self {
            terminate,
            interrupt,
            hang_up,
        } = self;
        let hung_up = async {
            match hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => Asked::Terminate,
            _ = interrupt.recv() => Asked::Interrupt,
            _ = hung_up => Asked::HangUp,
        }
    }

    /// What `work` gives, unless another signal wants the end at once.
    async fn unless_again<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(work);
        loop {
            let asked = tokio::select! {
                done = &mut work => return Ok(done),
                asked = self.next() => asked,
            };
            let exit = match asked {
                Asked::Terminate => Exit::Terminated,
                Asked::Interrupt => Exit::Interrupted,
                Asked::HangUp => continue,
            };
            return Err(Failure::new(exit, "ended at once, by a second signal"));
        }
    }
}

async fn run(session: &Session, config: Config) -> Result<(), anyhow::Error> {
    // Watched from here on, so that an early ^C is not lost.
    let mut signals = Signals::watch()?;
    let running = Cloud::start(config.clone()).await.map_err(refused)?;
    announce(session, &config, &running)?;
    report(READY);
    let asked = loop {
        match signals.next().await {
            Asked::HangUp => renew_certificate(session, &running).await,
            asked => break asked,
        }
    };
    report(STOPPING);
    if asked == Asked::Terminate && !config.drain.is_zero() {
        session.output.say("draining");
        signals.unless_again(running.drain()).await?;
    }
    session.output.say("stopping");
    Ok(signals.unless_again(running.shutdown()).await??)
}

/// Writes the credentials, and says where the cloud listens.
fn announce(session: &Session, config: &Config, running: &Running) -> Result<(), anyhow::Error> {
    let folder = config.data_dir.join(CREDENTIALS);
    running.credentials()?.write_folder(&folder)?;
    let endpoint = running.endpoint();
    let eucarc = folder.join("eucarc");
    session
        .output
        .say(format!("credentials: {}", eucarc.display()));
    let json = json!({ "endpoint": endpoint, "eucarc": eucarc.to_string_lossy() });
    session
        .output
        .result(&json, &Lines::one(format!("listening on {endpoint}")))
}

/// Reads the certificate again. One that cannot be used is reported, and the old one is kept.
async fn renew_certificate(session: &Session, running: &Running) {
    match running.renew_certificate().await {
        Ok(true) => session
            .output
            .say("new connections have the new certificate"),
        Ok(false) => session
            .output
            .say("SIGHUP has no effect: the cloud does not use TLS"),
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(
                error,
                "the certificate cannot be used, so that the cloud keeps the old one"
            );
        }
    }
}
