//! Makes a shipped sample an event that has not happened before.

use events::{Provider, Time};
use providers::Sample;
use serde_json::Value;
use uuid::Uuid;

/// What is to be new in a sample.
#[derive(Clone, Debug)]
pub(crate) struct Novelty {
    /// The event's own id, and what stands in for one.
    pub(crate) id: Uuid,
    pub(crate) at: Time,
    /// Appended to the names of door and badge, so that one sample serves a whole site.
    pub(crate) door: Option<u64>,
    pub(crate) badge: Option<u64>,
}

/// A body that the provider could send, and the path after the source to which it would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) tail: String,
    pub(crate) body: String,
}

/// Where the bodies of a provider keep what makes an event a new one, as JSON pointers.
struct Places {
    ids: &'static [&'static str],
    times: &'static [&'static str],
    doors: &'static [&'static str],
    badges: &'static [&'static str],
}

fn places(provider: Provider) -> Places {
    match provider {
        Provider::Glofox => Places {
            ids: &["/Metadata/trace_id", "/metadata/trace_id"],
            times: &["/Timestamp", "/timestamp"],
            doors: &[],
            badges: &["/Payload/user_id", "/payload/user_id"],
        },
        Provider::Alocity => Places {
            ids: &["/id", "/payload/id"],
            times: &["/createdAt", "/payload/createdAt"],
            doors: &[
                "/serialNumber",
                "/payload/serialNumber",
                "/data/serialNumber",
            ],
            badges: &["/userId", "/payload/userId"],
        },
        Provider::Gxp => Places {
            ids: &["/id", "/event_id", "/attendees/0/external_id"],
            times: &["/timestamp"],
            doors: &["/reader_id", "/gateway_id", "/data/reader_id"],
            badges: &["/credential_value", "/data/credential_value"],
        },
        Provider::Genea => Places {
            ids: &["/uuid"],
            times: &["/event_time", "/created_at"],
            doors: &["/door/uuid", "/controller/uuid"],
            badges: &["/card/uuid"],
        },
        Provider::Accessgrid => Places {
            ids: &["/id"],
            times: &["/time"],
            doors: &[],
            badges: &["/data/access_pass_id", "/data/id"],
        },
        Provider::Cvent => Places {
            ids: &["/messageStub"],
            times: &["/messageTime"],
            doors: &[],
            badges: &["/message/0/contactStub"],
        },
    }
}

/// Tells whether the sample can be sent many times and be another event each time.
pub(crate) fn renewable(provider: Provider, sample: &Sample) -> bool {
    let Ok(tree) = serde_json::from_str::<Value>(sample.body) else {
        return false;
    };
    let Places {
        ids,
        times,
        doors,
        badges,
    } = places(provider);
    let has = |pointers: &[&str]| pointers.iter().any(|place| tree.pointer(place).is_some());
    match provider {
        // The signed second tells apart what has neither id nor time, one door or badge given.
        Provider::Alocity => [ids, times, doors, badges].into_iter().any(has),
        Provider::Glofox
        | Provider::Gxp
        | Provider::Genea
        | Provider::Accessgrid
        | Provider::Cvent => has(ids) || has(times),
    }
}

/// Returns the sample as it ships.
pub(crate) fn as_shipped(sample: &Sample) -> Payload {
    Payload {
        tail: sample.tail.to_owned(),
        body: sample.body.to_owned(),
    }
}

/// Returns the sample with a new id and time, as far as its body has a place for them.
///
/// Only these values change: the rest stays byte for byte, blanks and order of fields included.
pub(crate) fn renewed(provider: Provider, sample: &Sample, new: &Novelty) -> Payload {
    let mut payload = as_shipped(sample);
    let Ok(tree) = serde_json::from_str::<Value>(sample.body) else {
        return payload;
    };
    let found =
        |pointers: &'static [&'static str]| pointers.iter().filter_map(|place| tree.pointer(place));
    let places = places(provider);
    for old in found(places.ids) {
        match old {
            Value::String(old) => payload.replace(old, &new.id.to_string()),
            Value::Number(old) => payload.replace_number(&old.to_string(), number_of(new.id)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
        }
    }
    for old in found(places.times).filter_map(Value::as_str) {
        payload.replace(old, &new.at.to_string());
    }
    for (pointers, number) in [(places.doors, new.door), (places.badges, new.badge)] {
        for (old, number) in found(pointers).filter_map(Value::as_str).zip(number) {
            payload.replace(old, &format!("{old}-{number}"));
        }
    }
    payload
}

/// A number that any JSON reader keeps exact.
fn number_of(id: Uuid) -> u64 {
    id.as_u64_pair().1 >> 11
}

impl Payload {
    fn replace(&mut self, old: &str, new: &str) {
        self.body = self
            .body
            .replace(&format!("\"{old}\""), &format!("\"{new}\""));
        // Cvent repeats the id in its path.
        self.tail = self.tail.replace(old, new);
    }

    fn replace_number(&mut self, old: &str, new: u64) {
        self.body = self.body.replace(old, &new.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(provider: Provider, name: &str) -> &'static Sample {
        let samples = providers::samples(provider).iter();
        samples
            .into_iter()
            .find(|sample| sample.name == name)
            .unwrap()
    }

    fn novelty() -> Novelty {
        Novelty {
            id: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            at: Time::from_seconds(1_767_225_600).unwrap(),
            door: Some(3),
            badge: None,
        }
    }

    #[test]
    fn id_time_and_door_are_new_and_all_else_stays() {
        let old = sample(Provider::Gxp, "access-event");
        let new = renewed(Provider::Gxp, old, &novelty());
        let expected = old
            .body
            .replace("READER-001", "READER-001-3")
            .replace("2024-01-15T14:30:00Z", "2026-01-01T00:00:00Z");
        assert_eq!((new.tail.as_str(), new.body), (old.tail, expected));
    }

    #[test]
    fn an_id_in_the_path_follows_the_body() {
        let old = sample(Provider::Cvent, "InviteeOrGuestCancelled");
        let new = renewed(Provider::Cvent, old, &novelty());
        let id = novelty().id.to_string();
        assert_eq!(new.tail, format!("InviteeOrGuestCancelled/{id}"));
        assert!(new.body.contains(&id));
    }

    #[test]
    fn a_number_stays_a_number() {
        let old = sample(Provider::Alocity, "accesslog-granted");
        let new = renewed(Provider::Alocity, old, &novelty());
        let tree: Value = serde_json::from_str(&new.body).unwrap();
        assert_eq!(tree["payload"]["id"], number_of(novelty().id));
    }

    #[test]
    fn what_has_no_place_for_an_id_or_a_time_cannot_be_renewed() {
        let can = |provider, name| renewable(provider, sample(provider, name));
        assert!(can(Provider::Gxp, "mqtt-gateway-status"));
        assert!(!can(Provider::Gxp, "mqtt-gateway-status.without-time"));
        assert!(can(Provider::Alocity, "door-state"));
        assert!(!can(Provider::Alocity, "unknown-shape"));
    }
}
