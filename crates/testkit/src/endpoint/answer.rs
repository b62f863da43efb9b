//! What an endpoint may be told to answer.

use std::time::Duration;

use bytes::Bytes;

/// What to do with one request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) delay: Duration,
    pub(super) then: Then,
}

#[derive(Clone, Debug)]
pub(super) enum Then {
    Respond {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    },
    Hang,
    Reset,
}

impl Answer {
    /// Answers with this status and no body.
    pub fn status(status: u16) -> Self {
        Self {
            delay: Duration::ZERO,
            then: Then::Respond {
                status,
                headers: Vec::new(),
                body: Bytes::new(),
            },
        }
    }

    /// Never answers, and keeps the connection open.
    pub fn hang() -> Self {
        Self {
            delay: Duration::ZERO,
            then: Then::Hang,
        }
    }

    /// Breaks the connection with a TCP reset.
    pub fn reset() -> Self {
        Self {
            delay: Duration::ZERO,
            then: Then::Reset,
        }
    }

    /// Answers 301 to this place.
    pub fn redirect(location: &str) -> Self {
        Self::status(301).header("location", location)
    }

    /// Waits first, after the whole request has arrived.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Asks the sender to come back later.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", &seconds.to_string())
    }

    /// Adds a header, where there is a response.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Then::Respond { headers, .. } = &mut self.then {
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// Sets the body, where there is a response.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        if let Then::Respond { body, .. } = &mut self.then {
            *body = bytes.into();
        }
        self
    }
}
