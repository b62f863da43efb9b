//! The life of a process: admin address, signals, the services' tasks, drain.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tracing::info;

use crate::admin;
use crate::duration;
use crate::health::Health;
use crate::http::{self, HttpConfig};
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::tasks::{OnFailure, Tasks};

/// Flags of every command that runs services.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Where `/live`, `/ready` and `/metrics` are served.
    #[arg(long, env = "CARDEA_ADMIN_ADDRESS", default_value = "127.0.0.1:9464")]
    pub admin_address: SocketAddr,
    /// How long the process may take to end what it has begun.
    #[arg(long, env = "CARDEA_DRAIN_DEADLINE", default_value = "20s",
          value_name = "TIME", value_parser = duration::parse)]
    pub drain_deadline: Duration,
}

/// What a service is handed to run in.
#[derive(Clone, Debug)]
pub struct Context {
    pub shutdown: Shutdown,
    pub health: Health,
    pub metrics: Metrics,
    pub tasks: Tasks,
}

impl Context {
    pub fn new(drain_within: Duration, on_failure: OnFailure) -> Self {
        let shutdown = Shutdown::new(drain_within);
        let metrics = Metrics::new();
        Self {
            tasks: Tasks::new(shutdown.clone(), on_failure, &metrics),
            shutdown,
            health: Health::default(),
            metrics,
        }
    }

    /// Calls `ask` when the process is asked to end, for work on threads that cannot await it.
    pub fn at_shutdown(&self, name: &'static str, ask: impl Fn() + Clone + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(name, move || {
            let (shutdown, ask) = (shutdown.clone(), ask.clone());
            async move {
                shutdown.requested().await;
                ask();
                Ok(())
            }
        });
    }
}

/// Runs services until a signal ends the process or a failure does. `start` spawns their tasks.
///
/// The admin address answers until the very end, so that a drain can be watched.
pub async fn run<S>(config: &Config, on_failure: OnFailure, start: S) -> anyhow::Result<()>
where
    S: AsyncFnOnce(&Context) -> anyhow::Result<()>,
{
    let context = Context::new(config.drain_deadline, on_failure);
    start(&context).await?;
    let admin = http::bind(config.admin_address).await?;
    info!(address = %config.admin_address, "admin address is open");
    let router = admin::router(context.clone());
    // Its own token, never asked: it ends with this function.
    let forever = Shutdown::new(config.drain_deadline);
    let ended = tokio::select! {
        ended = context.tasks.join() => ended,
        failed = context.shutdown.clone().on_signals() => failed.context("listen for signals"),
        () = http::serve(admin, router, HttpConfig::default(), forever) => Ok(()),
    };
    info!("process ended");
    ended
}
