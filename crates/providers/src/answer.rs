//! What a provider is answered.

/// How a delivery ended, before it is put into a provider's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Accepted,
    /// Proof missing or wrong, or its signed time stale.
    Unauthenticated,
    /// A body that this provider's senders expect to be refused.
    Malformed {
        field: &'static str,
        reason: &'static str,
    },
    TooLarge,
    UnsupportedEncoding,
    RateLimited {
        retry_after_s: u32,
    },
    /// Not durable: Kafka is away or the service is full.
    Unavailable {
        retry_after_s: u32,
    },
}

/// Status, headers and body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    /// Returns a JSON answer.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    /// Returns an answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Outcome {
    /// Returns the status that fits any provider which documents none of its own.
    pub fn status(&self) -> u16 {
        match self {
            Self::Accepted => 200,
            Self::Malformed { .. } => 400,
            Self::Unauthenticated => 401,
            Self::TooLarge => 413,
            Self::UnsupportedEncoding => 415,
            Self::RateLimited { .. } => 429,
            Self::Unavailable { .. } => 503,
        }
    }

    /// Returns the plain answer: the status, `Retry-After` where it applies, no hint.
    pub fn plain(&self) -> Answer {
        let answer = Answer::empty(self.status());
        match self {
            Self::RateLimited { retry_after_s } | Self::Unavailable { retry_after_s } => {
                answer.with_header("retry-after", retry_after_s.to_string())
            }
            Self::Accepted
            | Self::Malformed { .. }
            | Self::Unauthenticated
            | Self::TooLarge
            | Self::UnsupportedEncoding => answer,
        }
    }
}
