//! One connection: HTTP/1.1 or HTTP/2, its alarm, and its end when the process drains.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use futures::FutureExt;
use futures::future::FusedFuture;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower::ServiceExt;
use tracing::debug;

use super::body::{Answering, Timed};
use super::crowd::{Crowd, Member};
use super::door::Guest;
use super::metrics::{HttpMetrics, Reason};
use super::pace::{Pace, Paced};
use super::{Arrival, HttpConfig, HttpLimits, Tls, TrustedProxies};
use crate::shutdown::Shutdown;

/// Resets of streams that an HTTP/2 peer may have open with us before its connection is closed.
const RESETS_MAX: usize = 64;
/// What a sender is told when there are too many requests.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// What all connections of a server share.
#[derive(Clone)]
pub(crate) struct Server {
    router: Router,
    limits: HttpLimits,
    tls: Option<Tls>,
    proxies: TrustedProxies,
    metrics: HttpMetrics,
    /// For the requests that are being answered.
    room: Arc<Semaphore>,
    crowd: Crowd,
    shutdown: Shutdown,
    http: Builder<TokioExecutor>,
}

impl Server {
    pub(crate) fn new(router: Router, config: &HttpConfig, shutdown: Shutdown) -> Self {
        let limits = config.limits;
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            // It would also end an idle connection that is kept alive; `Pace` tells them apart.
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes_max);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_max)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(RESETS_MAX)
            .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
        Self {
            router,
            limits,
            tls: config.tls.clone(),
            proxies: config.proxies.clone(),
            metrics: config.metrics.clone(),
            room: Arc::new(Semaphore::new(limits.requests_max)),
            crowd: Crowd::new(limits.requests_each_max),
            shutdown,
            http,
        }
    }

    /// Serves one connection until its peer leaves, it is overdue, or the process drains.
    pub(crate) async fn serve(self, guest: Guest) {
        let Guest {
            stream,
            peer,
            place: _place,
        } = guest;
        let accepted_at = Instant::now();
        let pace = Pace::new(accepted_at);
        if let Err(failed) = stream.set_nodelay(true) {
            debug!(error = %failed, "connection keeps Nagle's algorithm");
        }
        let stream = Paced {
            stream,
            pace: pace.clone(),
        };
        let Some(tls) = &self.tls else {
            return self.converse(stream, peer.ip(), pace).await;
        };
        let handshake = tls.acceptor().accept(stream);
        match timeout_at(accepted_at + self.limits.read_within, handshake).await {
            Ok(Ok(stream)) => self.converse(stream, peer.ip(), pace).await,
            Ok(Err(failed)) => {
                debug!(error = %failed, "no TLS handshake");
                self.metrics.turn_away(Reason::Tls);
            }
            Err(_) => self.metrics.turn_away(Reason::Tls),
        }
    }

    async fn converse<S>(self, stream: S, peer: IpAddr, pace: Pace)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (limits, shutdown, http) = (self.limits, self.shutdown.clone(), self.http.clone());
        let sender = Sender {
            peer,
            pace: pace.clone(),
        };
        let answer = service_fn(move |request| self.clone().answer(sender.clone(), request));
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        hold(connection, &pace, &limits, &shutdown).await;
    }

    async fn answer(
        self,
        sender: Sender,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let (at, in_flight) = sender.pace.begin(request.version(), Instant::now());
        let client = self.proxies.client(sender.peer, request.headers());
        let Some(place) = self.place(client) else {
            self.metrics.turn_away(Reason::Busy);
            return Ok(busy());
        };
        let complete_by = at + self.limits.read_within;
        let mut request = request.map(|body| Body::new(Timed::new(body, complete_by)));
        request.extensions_mut().insert(Arrival { at, client });
        let response = self.router.oneshot(request).await?;
        Ok(response.map(|body| Body::new(Answering::new(body, in_flight, place))))
    }

    /// Returns what a request takes of the limits; `None` if there is no room for it.
    fn place(&self, client: IpAddr) -> Option<RequestPlace> {
        let of_its_sender = match self.proxies.contains(client) {
            true => None,
            false => Some(self.crowd.admit(client)?),
        };
        Some(RequestPlace {
            _of_all: Arc::clone(&self.room).try_acquire_owned().ok()?,
            _of_its_sender: of_its_sender,
        })
    }
}

/// A request's share, until its answer is written.
pub(crate) struct RequestPlace {
    _of_all: OwnedSemaphorePermit,
    _of_its_sender: Option<Member>,
}

fn busy() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
    response
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

/// Who sends on a connection, and how it gets on.
#[derive(Clone)]
struct Sender {
    peer: IpAddr,
    pace: Pace,
}
