//! How each provider repeats a delivery that was not taken (providers.md).

use std::time::Duration;

use events::Provider;

use super::tally::Ending;
use crate::http::Answered;

/// Whether a delivery that was not taken is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Once is all.
    Never,
    /// As often as the provider does.
    AsProvider,
}

const AT_MOST: Duration = Duration::from_secs(60);

/// How often a provider repeats, and how long it waits the first time.
fn habit(provider: Provider) -> (u32, Duration) {
    match provider {
        // Three attempts in all; the pause is not documented.
        Provider::Glofox => (2, Duration::from_secs(2)),
        // Three retries within 10 s.
        Provider::Genea => (3, Duration::from_secs(1)),
        // Up to 6 h; the intervals are not documented.
        Provider::Accessgrid => (360, Duration::from_secs(1)),
        // No retry is documented.
        Provider::Alocity | Provider::Gxp | Provider::Cvent => (0, Duration::ZERO),
    }
}

impl Patience {
    /// Says how long to wait before the next retry; `None` gives up. Waits double, up to a minute.
    pub(crate) fn wait(
        self,
        provider: Provider,
        retries: u32,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let (retries_max, first) = match self {
            Self::Never => return None,
            Self::AsProvider => habit(provider),
        };
        let doubled = first.saturating_mul(2_u32.saturating_pow(retries));
        (retries < retries_max).then_some(retry_after.unwrap_or(doubled).min(AT_MOST))
    }
}

/// Sorts an answer, or its absence.
pub(crate) fn ending(answered: Option<&Answered>) -> Ending {
    match answered {
        Some(answered) if answered.accepted() => Ending::Accepted,
        Some(Answered {
            status: 408 | 429 | 500..=599,
            ..
        })
        | None => Ending::Unavailable,
        Some(_) => Ending::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Answered {
        Answered {
            status,
            retry_after: None,
            body: String::new(),
        }
    }

    #[test]
    fn only_what_may_heal_is_unavailable() {
        assert_eq!(ending(Some(&answered(201))), Ending::Accepted);
        assert_eq!(ending(Some(&answered(401))), Ending::Refused);
        assert_eq!(ending(Some(&answered(503))), Ending::Unavailable);
        assert_eq!(ending(None), Ending::Unavailable);
    }

    #[test]
    fn each_provider_gives_up_when_it_says_it_does() {
        let waits = |provider, retries| Patience::AsProvider.wait(provider, retries, None);
        assert_eq!(waits(Provider::Gxp, 0), None);
        assert!(waits(Provider::Glofox, 1).is_some());
        assert_eq!(waits(Provider::Glofox, 2), None);
        let genea: Duration = (0..3).filter_map(|n| waits(Provider::Genea, n)).sum();
        assert!(genea <= Duration::from_secs(10));
        assert_eq!(waits(Provider::Genea, 3), None);
        assert_eq!(waits(Provider::Accessgrid, 300), Some(AT_MOST));
        assert_eq!(Patience::Never.wait(Provider::Accessgrid, 0, None), None);
    }

    #[test]
    fn retry_after_is_heeded() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(Patience::AsProvider.wait(Provider::Glofox, 0, asked), asked);
    }
}
