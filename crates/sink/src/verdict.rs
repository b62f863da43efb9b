//! What becomes of an event after an attempt.

use std::time::Duration;

use crate::schedule::Schedule;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Answered {
        status: u16,
        retry_after: Option<Duration>,
    },
    Failed(Fault),
}

/// Why an attempt ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The time for one attempt is over.
    Timeout,
    /// An address of the host is not public, so none was connected to.
    ForbiddenAddress,
    /// No connection: no such host, refused, or no TLS.
    Connect,
    /// The connection broke, or its answer was no HTTP.
    Broken,
    /// The event is of a newer version than the sink, so there is no body to send yet.
    UnknownEvent,
}

/// What is to be done with the event; the one place that decides it is [`judge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    Retry { wait: Duration },
    DeadLetter(Reason),
}

/// Why an event stands in the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Every attempt of the schedule failed.
    Exhausted,
    /// The endpoint said that it is gone for good.
    Gone,
    /// The event cannot be decoded, so it has no body to send.
    Undecodable,
    /// The subscription's row is not understood.
    Unserved,
}

/// Judges the attempt of that number, counted from 1.
///
/// 410 ends this event at once, whatever is left of the schedule, but the subscription stays: the
/// next event asks again. So nothing is lost, and an endpoint that is gone costs one attempt an
/// event.
pub(crate) fn judge(ending: Ending, attempts: u32, schedule: &Schedule, random: f64) -> Verdict {
    let asked = match ending {
        Ending::Answered {
            status: 200..=299, ..
        } => return Verdict::Done,
        Ending::Answered { status: 410, .. } => return Verdict::DeadLetter(Reason::Gone),
        Ending::Answered {
            status: 429 | 503,
            retry_after,
        } => retry_after,
        Ending::Answered { .. } | Ending::Failed(_) => None,
    };
    match schedule.wait(attempts, random, asked) {
        Some(wait) => Verdict::Retry { wait },
        None => Verdict::DeadLetter(Reason::Exhausted),
    }
}

impl Ending {
    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(status),
            Self::Failed(_) => None,
        }
    }

    pub(crate) fn fault(self) -> Option<Fault> {
        match self {
            Self::Answered { .. } => None,
            Self::Failed(fault) => Some(fault),
        }
    }
}

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ForbiddenAddress => "forbidden_address",
            Self::Connect => "connect",
            Self::Broken => "broken",
            Self::UnknownEvent => "unknown_event",
        }
    }
}

impl Verdict {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::DeadLetter(_) => "dead_letter",
        }
    }
}

impl Reason {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Gone => "gone",
            Self::Undecodable => "undecodable",
            Self::Unserved => "unserved",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(status: u16, retry_after: Option<u64>, attempts: u32) -> Verdict {
        let ending = Ending::Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        };
        judge(ending, attempts, &two_attempts(), 0.5)
    }

    fn two_attempts() -> Schedule {
        Schedule::new(vec![Duration::from_secs(5)])
    }

    const RETRY: Verdict = Verdict::Retry {
        wait: Duration::from_secs(5),
    };

    #[test]
    fn only_2xx_is_done() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict_of(status, None, 1), Verdict::Done);
        }
        for status in [100, 199, 301, 302, 307, 308, 400, 401, 404, 500, 502, 599] {
            assert_eq!(verdict_of(status, None, 1), RETRY, "{status}");
        }
    }

    #[test]
    fn gone_is_a_dead_letter_at_once() {
        assert_eq!(verdict_of(410, None, 1), Verdict::DeadLetter(Reason::Gone));
    }

    #[test]
    fn only_429_and_503_may_ask_for_patience() {
        let patient = Verdict::Retry {
            wait: Duration::from_secs(60),
        };
        assert_eq!(verdict_of(429, Some(60), 1), patient);
        assert_eq!(verdict_of(503, Some(60), 1), patient);
        assert_eq!(verdict_of(500, Some(60), 1), RETRY);
        assert_eq!(verdict_of(301, Some(60), 1), RETRY);
    }

    #[test]
    fn an_event_of_a_newer_version_is_tried_again() {
        let unknown = Ending::Failed(Fault::UnknownEvent);
        assert_eq!(judge(unknown, 1, &two_attempts(), 0.5), RETRY);
    }

    #[test]
    fn the_last_failure_is_a_dead_letter() {
        let dead = Verdict::DeadLetter(Reason::Exhausted);
        assert_eq!(verdict_of(500, None, 2), dead);
        assert_eq!(verdict_of(429, Some(60), 2), dead);
        let failed = Ending::Failed(Fault::Timeout);
        assert_eq!(judge(failed, 1, &two_attempts(), 0.5), RETRY);
        assert_eq!(judge(failed, 2, &two_attempts(), 0.5), dead);
        assert_eq!(verdict_of(200, None, 2), Verdict::Done);
    }
}
