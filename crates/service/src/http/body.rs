//! Bodies with a limit on their time: requests that must be complete in time, answers that hold
//! their connection open.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body as AnyBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::RequestPlace;
use super::pace::InFlight;

/// A request body that fails when it is not complete in time.
pub(crate) struct Timed {
    body: Incoming,
    complete_by: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// The sender took too long.
#[derive(Debug)]
pub(crate) struct TooSlow;

/// The body of an answer; its request is in flight, and has its place, until it is written.
pub(crate) struct Answering {
    body: AnyBody,
    _in_flight: InFlight,
    _place: RequestPlace,
}

impl Timed {
    pub(crate) fn new(body: Incoming, complete_by: Instant) -> Self {
        Self {
            body,
            complete_by,
            alarm: None,
        }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let complete_by = self.complete_by;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(complete_by)));
        alarm
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(Box::new(TooSlow).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Answering {
    pub(crate) fn new(body: AnyBody, in_flight: InFlight, place: RequestPlace) -> Self {
        Self {
            body,
            _in_flight: in_flight,
            _place: place,
        }
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Display for TooSlow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("request not complete in time")
    }
}

impl std::error::Error for TooSlow {}
