//! Serves HTTP with a bound on all that a sender could let us wait for.

mod body;
mod connection;
mod pace;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use futures::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::shutdown::Shutdown;

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
    /// Requests at a time on one HTTP/2 connection.
    pub streams_max: u32,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
}

/// When and from where a request came; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The acceptance of the connection for its first request, the first byte for a later one.
    pub at: Instant,
    pub peer: SocketAddr,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            read_within: Duration::from_millis(3_500),
            // Also bounds half a request that came behind a whole one (P4: 10 s).
            idle_max: Duration::from_secs(9),
            connections_max: 20_000,
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
pub async fn serve(listener: TcpListener, router: Router, limits: HttpLimits, shutdown: Shutdown) {
    let server = connection::Server::new(router, limits, shutdown.clone());
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    let spawn = |connections: &mut JoinSet<()>, (stream, peer, permit): Accepted| {
        let server = server.clone();
        connections.spawn(async move {
            server.serve(stream, peer).await;
            drop(permit);
        });
    };
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits) => spawn(&mut connections, accepted),
            Some(ended) = connections.join_next() => log_panic(ended),
            () = shutdown.requested() => break,
        }
    }
    // Connections that the kernel has made already would be reset with the port; the runtime looks
    // for them when a task yields.
    tokio::task::yield_now().await;
    while let Some(accepted) = accept(&listener, &permits).now_or_never() {
        spawn(&mut connections, accepted);
    }
    drop(listener);
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

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Accepted {
    let permit = Arc::clone(permits).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(failed) if is_of_one_connection(&failed) => {}
            Err(failed) => {
                // Out of file descriptors: connections that end give them back.
                error!(error = %failed, "connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_connection(failed: &io::Error) -> bool {
    matches!(
        failed.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|failed| failed.is_panic()) {
        error!("connection task panicked");
    }
}
