//! What a simulated site sends: the same seed gives the same deliveries in the same order.

use std::collections::VecDeque;

use events::{Provider, Time};
use providers::Sample;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::mapping;
use crate::sample::{Novelty, Payload, renewable, renewed};
use crate::sources::Source;

/// So many deliveries back may a redelivery reach.
const RECENT_MAX: usize = 256;
const HOUR_MICROS: i64 = 60 * 60 * 1_000_000;

/// The size of the site and what its traffic is made of.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Mix {
    /// Doors of the site.
    #[arg(long, env = "CARDEA_DOORS", default_value_t = 20, value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) doors: u64,
    /// Badges of the site.
    #[arg(long, env = "CARDEA_BADGES", default_value_t = 500, value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) badges: u64,
    /// Share of deliveries that repeat an earlier one.
    #[arg(long, env = "CARDEA_REDELIVERED", default_value_t = 5, value_name = "PERCENT",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) redelivered: u8,
    /// Share of deliveries with the proof of a wrong key.
    #[arg(long, env = "CARDEA_FORGED", default_value_t = 1, value_name = "PERCENT",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) forged: u8,
    /// Share of events that an offline controller uploads 1 to 8 hours late.
    #[arg(long, env = "CARDEA_LATE", default_value_t = 5, value_name = "PERCENT",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) late: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Live,
    Late,
    Redelivered,
    Forged,
}

/// One delivery to come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// Which of the plan's sources sends it.
    pub(crate) source: usize,
    pub(crate) kind: Kind,
    pub(crate) payload: Payload,
    pub(crate) signed_at: Time,
}

/// An endless sequence of deliveries.
#[derive(Debug)]
pub(crate) struct Plan {
    random: StdRng,
    mix: Mix,
    sources: Vec<Traffic>,
    recent: VecDeque<Planned>,
    now: Time,
    step_micros: i64,
    number: u64,
}

/// What one source can send.
#[derive(Debug)]
struct Traffic {
    provider: Provider,
    samples: Vec<&'static Sample>,
}

impl Plan {
    /// The first delivery is due at `begin`, then `rate` a second.
    pub(crate) fn new(seed: u64, mix: Mix, rate: u32, sources: &[Source], begin: Time) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            mix,
            sources: sources.iter().map(Traffic::of).collect(),
            recent: VecDeque::new(),
            now: begin,
            step_micros: 1_000_000 / i64::from(rate.max(1)),
            number: 0,
        }
    }

    fn kind(&mut self) -> Kind {
        let Mix {
            redelivered,
            forged,
            late,
            ..
        } = self.mix;
        if self.happens(redelivered) {
            Kind::Redelivered
        } else if self.happens(forged) {
            Kind::Forged
        } else if self.happens(late) {
            Kind::Late
        } else {
            Kind::Live
        }
    }

    fn happens(&mut self, percent: u8) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn repeated(&mut self) -> Option<Planned> {
        if self.recent.is_empty() {
            return None;
        }
        let earlier = self.random.random_range(0..self.recent.len());
        Some(Planned {
            kind: Kind::Redelivered,
            ..self.recent[earlier].clone()
        })
    }

    fn new_event(&mut self, kind: Kind) -> Planned {
        let source = self.random.random_range(0..self.sources.len());
        let traffic = &self.sources[source];
        let provider = traffic.provider;
        let sample = traffic.samples[self.random.random_range(0..traffic.samples.len())];
        let delay = match kind {
            Kind::Late => self.random.random_range(HOUR_MICROS..8 * HOUR_MICROS),
            Kind::Live | Kind::Redelivered | Kind::Forged => 0,
        };
        let (door, badge) = match provider {
            // Told apart by body and signed second alone: no body may come twice in one second.
            Provider::Alocity => (self.number, self.number),
            Provider::Glofox
            | Provider::Gxp
            | Provider::Genea
            | Provider::Accessgrid
            | Provider::Cvent => (
                self.random.random_range(0..self.mix.doors),
                self.random.random_range(0..self.mix.badges),
            ),
        };
        let new = Novelty {
            id: uuid::Builder::from_random_bytes(self.random.random()).into_uuid(),
            at: self.now.saturating_add_micros(-delay),
            door: Some(door),
            badge: Some(badge),
        };
        Planned {
            source,
            kind,
            payload: renewed(provider, sample, &new),
            signed_at: self.now,
        }
    }
}

impl Iterator for Plan {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        let kind = self.kind();
        let repeated = match kind {
            Kind::Redelivered => self.repeated(),
            Kind::Live | Kind::Late | Kind::Forged => None,
        };
        let planned = match (repeated, kind) {
            (Some(repeated), _) => repeated,
            // Nothing was sent yet that could be repeated.
            (None, Kind::Redelivered) => self.new_event(Kind::Live),
            (None, kind) => self.new_event(kind),
        };
        if matches!(planned.kind, Kind::Live | Kind::Late) {
            self.recent.truncate(RECENT_MAX - 1);
            self.recent.push_front(planned.clone());
        }
        self.number += 1;
        self.now = self.now.saturating_add_micros(self.step_micros);
        Some(planned)
    }
}

impl Traffic {
    /// Takes the samples that become events, other ones each time.
    fn of(source: &Source) -> Self {
        let provider = source.provider;
        let epoch = Time::from(jiff::Timestamp::UNIX_EPOCH);
        let mappable = |sample: &Sample| {
            let delivery = source.delivery(sample.tail, sample.body);
            mapping::map(&delivery, Some(epoch), epoch).is_ok()
        };
        let samples = providers::samples(provider).iter();
        Self {
            provider,
            samples: samples
                .filter(|sample| renewable(provider, sample) && mappable(sample))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
