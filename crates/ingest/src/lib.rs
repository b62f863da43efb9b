//! Takes a delivery, checks it, writes it raw, answers as its provider expects. Knows nothing of
//! what a delivery means.

mod admission;
mod body;
mod config;
mod front;
mod handler;
mod keep;
pub mod metrics;
mod refusal;
mod reply;
pub mod request_log;
mod roster;
mod route;
pub mod sources;
pub mod spooling;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use kafka::{Producer, Stop};
use service::http::HttpConfig;
use tokio::net::TcpListener;
use tokio::sync::Mutex as AsyncMutex;
use tracing::info;

pub use admission::is_timely;
pub use config::{Config, ReplayWindow, SourcesFile, SpoolConfig, SpoolFolder};
pub use front::FrontConfig;
pub use keep::RawRecord;
pub use sources::{Source, Sources, SourcesError};

use body::Room;
use config::Limits;
use keep::{KEEP_WITHIN, Keeper};
use metrics::IngestMetrics;
use request_log::{RequestLog, Writer};
use roster::Roster;
use sources::{Follower, LiveSources};
use spooling::Spooling;

/// Ingest, its settings checked, before any port is bound.
#[derive(Clone, Debug)]
pub struct Ingest {
    address: SocketAddr,
    limits: Limits,
    http: HttpConfig,
    sources: LiveSources,
    follower: Follower,
    room: Room,
    keeper: Keeper,
    roster: Roster,
    request_log: RequestLog,
    log_writer: Arc<AsyncMutex<Writer>>,
    metrics: IngestMetrics,
}

impl Ingest {
    /// Checks the settings and reads the sources; opens no port and waits for no broker.
    pub fn prepare(
        config: &Config,
        cluster: &kafka::Cluster,
        metrics: &service::Metrics,
    ) -> anyhow::Result<Self> {
        let sources = config.sources()?;
        sources::announce(&sources);
        let sources = LiveSources::new(sources);
        let metrics = IngestMetrics::register(metrics);
        let producer = Producer::new(cluster, KEEP_WITHIN)?;
        let (request_log, log_writer) = request_log::open(cluster, &producer, &metrics);
        let keeper = if config.spool.no_spool {
            info!("there is no spool, deliveries are refused while kafka is away");
            Keeper::direct(producer, cluster.clone(), metrics.clone())
        } else {
            let spooling = Spooling::open(&config.spool, cluster, &metrics)?;
            Keeper::spooling(spooling, cluster.clone(), metrics.clone())
        };
        Ok(Self {
            address: config.front.ingest_address,
            limits: config.limits(),
            http: config.front.http(metrics.http())?,
            follower: Follower::new(config, &sources),
            sources,
            room: Room::new(config.body_memory_max),
            keeper,
            roster: Roster::new(cluster.clone(), metrics.clone()),
            request_log,
            log_writer: Arc::new(AsyncMutex::new(log_writer)),
            metrics,
        })
    }

    /// Opens the port and serves on it until shutdown; returns the port's address.
    pub async fn start(self, context: &service::Context) -> anyhow::Result<SocketAddr> {
        let listener = service::http::bind(self.address).await?;
        let address = listener.local_addr()?;
        info!(%address, "ingest address is open");
        let health = context.health.clone();
        let shutdown = context.shutdown.clone();
        health.announce("ingest", 0);
        let writer = Arc::clone(&self.log_writer);
        context.tasks.spawn("request-log", move || {
            let writer = Arc::clone(&writer);
            async move {
                writer.lock().await.run().await;
                Ok(())
            }
        });
        let (follower, ending) = (self.follower.clone(), shutdown.clone());
        context.tasks.spawn("sources", move || {
            let (follower, ending) = (follower.clone(), ending.clone());
            async move {
                tokio::select! {
                    ended = follower.run() => ended,
                    () = ending.requested() => Ok(()),
                }
            }
        });
        self.keeper.start(&context.tasks);
        let (roster, stop) = (self.roster.clone(), Stop::default());
        let stopped = stop.clone();
        context.tasks.spawn_thread("roster", move || {
            roster.follow(&stopped);
            Ok(())
        });
        context.at_shutdown("roster-stop", move || stop.request());
        let first = Mutex::new(Some(listener));
        context.tasks.spawn("ingest", move || {
            let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (ingest, health, shutdown) = (self.clone(), health.clone(), shutdown.clone());
            async move {
                let ready = health.component("ingest");
                let listener = match first {
                    Some(opened) => opened,
                    None => service::http::bind(address).await?,
                };
                ready.set_ready();
                ingest.serve(listener, shutdown).await;
                Ok(())
            }
        });
        Ok(address)
    }

    async fn serve(self, listener: TcpListener, shutdown: service::Shutdown) {
        let http = self.http.clone();
        let keeper = self.keeper.clone();
        let router = Router::new()
            .fallback(handler::handle)
            .with_state(Arc::new(self));
        service::http::serve(listener, router, http, shutdown).await;
        keeper.end();
    }
}
