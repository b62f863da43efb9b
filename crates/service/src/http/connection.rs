//! One connection: HTTP/1.1 or HTTP/2, its alarm, and its end when the process drains.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures::FutureExt;
use futures::future::FusedFuture;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::ServiceExt;
use tracing::debug;

use super::body::{Answering, Timed};
use super::pace::{Pace, Paced};
use super::{Arrival, HttpLimits};
use crate::shutdown::Shutdown;

/// What all connections of a server share.
#[derive(Clone)]
pub(crate) struct Server {
    router: Router,
    limits: HttpLimits,
    shutdown: Shutdown,
    http: Builder<TokioExecutor>,
}

impl Server {
    pub(crate) fn new(router: Router, limits: HttpLimits, shutdown: Shutdown) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            // It would also end an idle connection that is kept alive; `Pace` tells them apart.
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes_max);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_max)
            .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
        Self {
            router,
            limits,
            shutdown,
            http,
        }
    }

    /// Serves one connection until its peer leaves, it is overdue, or the process drains.
    pub(crate) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let pace = Pace::new(Instant::now());
        if let Err(failed) = stream.set_nodelay(true) {
            debug!(error = %failed, "connection keeps Nagle's algorithm");
        }
        let io = TokioIo::new(Paced {
            stream,
            pace: pace.clone(),
        });
        let router = self.router;
        let sender = Sender {
            peer,
            pace: pace.clone(),
            limits: self.limits,
        };
        let answer = service_fn(move |request| answer(router.clone(), sender.clone(), request));
        let connection = self.http.serve_connection(io, answer);
        hold(connection, &pace, &self.limits, &self.shutdown).await;
    }
}

/// Drives a connection until it ends or is overdue; tells it once when the process drains.
async fn hold<C: GracefulConnection>(
    connection: C,
    pace: &Pace,
    limits: &HttpLimits,
    shutdown: &Shutdown,
) {
    let mut connection = pin!(connection);
    let mut draining = pin!(shutdown.requested().fuse());
    let mut alarm = pin!(sleep_until(Instant::now() + limits.read_within));
    let mut told = false;
    poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let asked = draining.as_mut().poll(cx).is_ready() || draining.is_terminated();
        // A connection whose first request is still under way is heard first.
        if asked && !told && pace.served() {
            told = true;
            connection.as_mut().graceful_shutdown();
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        overdue(pace, limits, alarm.as_mut(), cx)
    })
    .await;
}

/// Is ready once the connection has been waited for too long; sets the alarm for the next look.
fn overdue(
    pace: &Pace,
    limits: &HttpLimits,
    mut alarm: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let due_at = pace.due_at(limits);
        if due_at <= Instant::now() {
            return Poll::Ready(());
        }
        if due_at < alarm.deadline() || alarm.is_elapsed() {
            alarm.as_mut().reset(due_at);
        }
        ready!(alarm.as_mut().poll(cx));
    }
}

/// Who sends on a connection, and until when each request must be complete.
#[derive(Clone)]
struct Sender {
    peer: SocketAddr,
    pace: Pace,
    limits: HttpLimits,
}

async fn answer(
    router: Router,
    sender: Sender,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (at, in_flight) = sender.pace.begin(request.version(), Instant::now());
    let complete_by = at + sender.limits.read_within;
    let mut request = request.map(|body| Body::new(Timed::new(body, complete_by)));
    let peer = sender.peer;
    request.extensions_mut().insert(Arrival { at, peer });
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| Body::new(Answering::new(body, in_flight))))
}
