//! Serves HTTP with a bound on all that a sender could let us wait for.

mod body;
mod connection;
mod crowd;
mod door;
mod metrics;
mod pace;
mod proxies;
mod tls;

use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use futures::FutureExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::shutdown::Shutdown;

pub use metrics::{HttpMetrics, REASON};
pub use proxies::TrustedProxies;
pub use tls::{Tls, TlsError, TlsFiles};

use connection::Server;
use door::{Door, Guest};

/// What a server allows its senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// A request that is not complete this long after its first byte is cut off; on a new
    /// connection the time counts from its acceptance.
    pub read_within: Duration,
    /// A connection is closed this long after its last request or answer.
    pub idle_max: Duration,
    /// Connections beyond that wait until another one ends.
    pub connections_max: usize,
    /// Connections of one address, or of one IPv6 network of 64 bits; more are closed at once.
    pub connections_each_max: usize,
    /// Requests at a time; more are answered 503 at once.
    pub requests_max: usize,
    /// Of these, requests of one sender, told apart as connections are.
    pub requests_each_max: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub streams_max: u32,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
}

/// How an address is served.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    pub limits: HttpLimits,
    /// Without it the address speaks plain HTTP.
    pub tls: Option<Tls>,
    /// They may have any number of connections, and of requests that name no sender.
    pub proxies: TrustedProxies,
    pub metrics: HttpMetrics,
}

/// When and from where a request came; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The acceptance of the connection for its first request, the first byte for a later one.
    pub at: Instant,
    /// The peer, or the one that a trusted proxy names.
    pub client: IpAddr,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            read_within: Duration::from_millis(3_500),
            // Also bounds half a request that came behind a whole one (P4: 10 s).
            idle_max: Duration::from_secs(9),
            connections_max: 20_000,
            connections_each_max: 1_000,
            requests_max: 10_000,
            requests_each_max: 1_000,
            streams_max: 128,
            head_bytes_max: 32 * 1024,
        }
    }
}

/// Opens a port.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("listen on {address}"))
}

/// Serves until shutdown is requested, then ends the requests that have begun, as long as there is
/// time to drain.
pub async fn serve(listener: TcpListener, router: Router, config: HttpConfig, shutdown: Shutdown) {
    let server = Server::new(router, &config, shutdown.clone());
    let door = Door::new(listener, &config);
    let mut connections = JoinSet::new();
    let spawn = |connections: &mut JoinSet<()>, guest: Guest| {
        connections.spawn(server.clone().serve(guest));
    };
    let mut certificate = pin!(async {
        match config.tls {
            Some(tls) => tls.follow().await,
            None => pending().await,
        }
    });
    loop {
        tokio::select! {
            guest = door.next() => spawn(&mut connections, guest),
            Some(ended) = connections.join_next() => log_panic(ended),
            () = &mut certificate => {}
            () = shutdown.requested() => break,
        }
    }
    // Connections that the kernel has made already would be reset with the port; the runtime looks
    // for them when a task yields.
    tokio::task::yield_now().await;
    while let Some(guest) = door.next().now_or_never() {
        spawn(&mut connections, guest);
    }
    drop(door);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    };
    tokio::select! {
        () = drained => info!("connections drained"),
        () = shutdown.drained() => warn!("connections cut off at the end of the time to drain"),
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|failed| failed.is_panic()) {
        error!("connection task panicked");
    }
}
