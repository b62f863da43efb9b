//! What a connection is doing, as far as its time limits ask.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::{fmt, io};

use axum::http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::HttpLimits;

/// The pace of one connection, shared by its stream, its requests and its alarm.
#[derive(Clone)]
pub(crate) struct Pace(Arc<Mutex<State>>);

struct State {
    /// Since when a request is awaited that is not complete: the acceptance of the connection, or
    /// the first byte after the last answer.
    reading_since: Option<Instant>,
    /// The head of the last request, or the end of the last answer.
    active_since: Instant,
    in_flight: usize,
    /// Under HTTP/2 bytes come for other reasons than a request.
    multiplexed: bool,
    served: bool,
}

/// A request between its head and the last byte of its answer.
pub(crate) struct InFlight(Pace);

impl Pace {
    pub(crate) fn new(accepted_at: Instant) -> Self {
        Self(Arc::new(Mutex::new(State {
            reading_since: Some(accepted_at),
            active_since: accepted_at,
            in_flight: 0,
            multiplexed: false,
            served: false,
        })))
    }

    /// Notes that a request's head is complete; returns when the request began.
    pub(crate) fn begin(&self, version: Version, now: Instant) -> (Instant, InFlight) {
        let mut state = self.state();
        state.multiplexed |= version == Version::HTTP_2;
        state.in_flight += 1;
        state.active_since = now;
        state.served = true;
        let began_at = state.reading_since.take().unwrap_or(now);
        (began_at, InFlight(self.clone()))
    }

    /// Returns when the connection is to be closed if nothing happens.
    pub(crate) fn due_at(&self, limits: &HttpLimits) -> Instant {
        let state = self.state();
        match (state.in_flight, state.reading_since) {
            (0, Some(since)) => since + limits.read_within,
            // Also in flight: an HTTP/2 peer without a window never takes its answer.
            _ => state.active_since + limits.idle_max,
        }
    }

    /// Tells whether a request has begun on this connection.
    pub(crate) fn served(&self) -> bool {
        self.state().served
    }

    fn bytes_came(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && !state.multiplexed {
            state.reading_since.get_or_insert_with(Instant::now);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.active_since = Instant::now();
    }
}

/// A stream that notes when bytes come.
pub(crate) struct Paced {
    pub(crate) stream: TcpStream,
    pub(crate) pace: Pace,
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pace.bytes_came();
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").finish_non_exhaustive()
    }
}
