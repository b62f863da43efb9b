//! Why a request is not taken, and what follows from it.

use axum::http::Method;
use providers::{Answer, Outcome, Refusal};

/// Seconds after which a sender may try again while Kafka is away or we are full.
const RETRY_AFTER_S: u32 = 5;

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("no such source")]
    UnknownSource,
    #[error("method not allowed")]
    Method,
    #[error("peer is not on the source's allow-list")]
    Forbidden,
    #[error("source sends too many requests")]
    TooMany { retry_after_s: u32 },
    #[error("body is encoded")]
    Encoding,
    #[error("body is too large")]
    TooLarge,
    #[error("no room for the body")]
    Full,
    #[error("request did not come in whole")]
    Incomplete,
    #[error("proof missing or wrong")]
    Unproven,
    #[error("signed time is outside the replay window")]
    Stale,
    #[error("body is malformed")]
    Malformed {
        field: &'static str,
        reason: &'static str,
    },
    #[error("delivery cannot be kept")]
    Unavailable,
    #[error("kafka is away and the spool is full")]
    SpoolFull,
}

/// How a refusal is answered.
pub(crate) enum Effect {
    /// In the provider's own words.
    Provider(Outcome),
    /// Nothing that a provider's page speaks of.
    Plain(Answer),
}

impl Refused {
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::UnknownSource => Effect::Plain(Answer::empty(404)),
            Self::Method => {
                Effect::Plain(Answer::empty(405).with_header("allow", Method::POST.as_str()))
            }
            Self::Forbidden => Effect::Plain(Answer::empty(403)),
            &Self::TooMany { retry_after_s } => {
                Effect::Provider(Outcome::RateLimited { retry_after_s })
            }
            Self::Encoding => Effect::Provider(Outcome::UnsupportedEncoding),
            Self::TooLarge => Effect::Provider(Outcome::TooLarge),
            Self::Incomplete => {
                Effect::Plain(Answer::empty(408).with_header("connection", "close"))
            }
            // The same answer for both: a hint would tell a forger that the key was right.
            Self::Unproven | Self::Stale => Effect::Provider(Outcome::Unauthenticated),
            Self::Malformed { field, reason } => {
                Effect::Provider(Outcome::Malformed { field, reason })
            }
            Self::Full | Self::Unavailable | Self::SpoolFull => {
                Effect::Provider(Outcome::Unavailable {
                    retry_after_s: RETRY_AFTER_S,
                })
            }
        }
    }

    /// Returns the value of the metric label `outcome`.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::Method => "method",
            Self::Forbidden => "forbidden",
            Self::TooMany { .. } => "too_many",
            Self::Encoding => "encoding",
            Self::TooLarge => "too_large",
            Self::Full => "full",
            Self::Incomplete => "incomplete",
            Self::Unproven => "unproven",
            Self::Stale => "stale",
            Self::Malformed { .. } => "malformed",
            Self::Unavailable => "unavailable",
            Self::SpoolFull => "spool_full",
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unproven => Self::Unproven,
            Refusal::Malformed { field, reason } => Self::Malformed { field, reason },
        }
    }
}
