//! Deliveries as providers send them, mixed; some are sent again.

use std::collections::VecDeque;

use events::Time;
use providers::{Delivery, Key, Provider, SecretEncoding, Verified, raw};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

const KEYS: f64 = 100_000.0;
/// From so many deliveries back one is sent again.
const RECENT: usize = 10_000;
const AGAIN_PERCENT: u32 = 10;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kinds {
    /// 30 % GxP, 20 % each of Genea, Alocity and AccessGrid, 10 % Glofox.
    Mixed,
    /// Check-ins of GxP and accesses of Alocity, which the yardstick knows how to map.
    Two,
}

/// A raw record as ingest would write it.
pub(crate) struct RawRecord {
    pub(crate) provider: Provider,
    pub(crate) key: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: String,
}

/// An endless, reproducible mix.
pub(crate) struct Mix {
    kinds: Kinds,
    random: StdRng,
    keys: Vec<(Provider, Key)>,
    recent: VecDeque<(u64, u64)>,
    /// How many distinct deliveries there were.
    pub(crate) distinct: u64,
}

impl Mix {
    pub(crate) fn new(kinds: Kinds, seed: u64) -> Self {
        let secret = "bench-secret".into();
        let key = |provider| {
            let key = Key::new(provider, "1", &secret, SecretEncoding::Text);
            (provider, key.unwrap())
        };
        Self {
            kinds,
            random: StdRng::seed_from_u64(seed),
            keys: Provider::ALL.map(key).into(),
            recent: VecDeque::with_capacity(RECENT),
            distinct: 0,
        }
    }

    /// Makes the next delivery; one in ten has been there before.
    pub(crate) fn next(&mut self, received_at: Time) -> RawRecord {
        let again = self.random.random_range(0..100) < AGAIN_PERCENT;
        let (number, entity) = if again && !self.recent.is_empty() {
            let back = self.random.random_range(0..self.recent.len());
            self.recent[back]
        } else {
            // Few keys are met often and many seldom: Zipf's law with exponent 1.
            let entity = KEYS.powf(self.random.random::<f64>()) as u64;
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((self.distinct, entity));
            self.distinct += 1;
            (self.distinct - 1, entity)
        };
        self.record(number, entity, received_at)
    }

    fn record(&self, number: u64, entity: u64, received_at: Time) -> RawRecord {
        let (provider, name, tail) = self.kinds.of(number);
        let body = body(provider, name, number, entity);
        let (_, key) = self.keys.iter().find(|(of, _)| *of == provider).unwrap();
        let verified = verified(provider, tail, key, &body, received_at);
        RawRecord {
            provider,
            key: providers::ordering_key(&verified).unwrap(),
            headers: raw::headers(&verified, Uuid::new_v4(), received_at),
            body,
        }
    }
}

impl Kinds {
    /// Returns provider, sample and path.
    fn of(self, number: u64) -> (Provider, &'static str, &'static str) {
        match (self, number % 20) {
            (Self::Mixed, 0..3) => (Provider::Gxp, "access.granted", ""),
            (Self::Mixed, 3..6) => (Provider::Gxp, "access-event", "access-event"),
            (Self::Mixed, 6..10) => (Provider::Genea, "access-granted-live", ""),
            (Self::Mixed, 10..14) => (Provider::Alocity, "accesslog-granted", ""),
            (Self::Mixed, 14..18) => (Provider::Accessgrid, "ag.access_pass.issued", ""),
            (Self::Mixed, _) => (Provider::Glofox, "booking-created-live", ""),
            (Self::Two, 0..10) => (Provider::Gxp, "cvent.attendee.checked_in", "cvent"),
            (Self::Two, _) => (Provider::Alocity, "accesslog-granted", ""),
        }
    }
}

/// The sample with an id of its own, about one of many doors, passes or bookings.
fn body(provider: Provider, name: &str, number: u64, entity: u64) -> String {
    let samples = providers::samples(provider);
    let sample = samples.iter().find(|sample| sample.name == name).unwrap();
    let with = |id: &str, its: String, about: &str, entity: String| {
        assert!(sample.body.contains(id) && sample.body.contains(about));
        sample.body.replace(id, &its).replace(about, &entity)
    };
    match name {
        "access.granted" => with(
            "evt_abc126",
            format!("evt_{number}"),
            "READER-001",
            format!("READER-{entity}"),
        ),
        "access-event" => with(
            "ABC123456",
            format!("ABC{number}"),
            "READER-001",
            format!("READER-{entity}"),
        ),
        "access-granted-live" => with(
            "65f0aad3d64a990004000001",
            format!("{number:024x}"),
            "0d9ff5b2-5a6f-4d13-9d36-577000b15e53",
            Uuid::from_u64_pair(entity, entity).to_string(),
        ),
        "accesslog-granted" => with(
            "48121",
            number.to_string(),
            "SN-0001",
            format!("SN-{entity}"),
        ),
        "cvent.attendee.checked_in" => with(
            "evt_126",
            format!("evt_{number}"),
            "reg_456",
            format!("reg_{entity}"),
        ),
        "ag.access_pass.issued" => with(
            "evt_0001",
            format!("evt_{number}"),
            "ap_123",
            format!("ap_{entity}"),
        ),
        _ => with(
            "abc",
            format!("trace-{number}"),
            "64a1f0c2d3e4b5a697880010",
            format!("{entity:024x}"),
        ),
    }
}

fn verified(provider: Provider, tail: &str, key: &Key, body: &str, at: Time) -> Verified {
    let delivery = Delivery {
        provider,
        source: format!("{provider}-bench").into(),
        tenant: "acme".into(),
        tail: tail.to_owned(),
        headers: providers::sign(provider, tail, key, body.as_bytes(), at),
        body: body.to_owned().into(),
    };
    providers::verify(delivery, &[key]).unwrap()
}
