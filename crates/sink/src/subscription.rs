//! Who wants which events, where; a row of the topic `subscriptions`.

use std::fmt;
use std::str::FromStr;

use events::Time;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::endpoint::Endpoint;
use crate::filter::{Pattern, Traits, wanted};
use crate::signature::Secret;

const ID_PREFIX: &str = "sub_";

/// The key of the row: `sub_` and a UUID without hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(Uuid);

/// One subscription. Its JSON is the row's value.
///
/// The secret stands in the row in clear: whoever reads the topic can sign, so grant that to Cardea
/// alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub name: String,
    pub url: Endpoint,
    pub event_types: Vec<Pattern>,
    /// Ids of sources; none means all.
    #[serde(default)]
    pub sources: Vec<String>,
    pub state: State,
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub secret: Secret,
    pub created_at: Time,
}

/// Whether attempts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Active,
}

/// A text that is no id of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a subscription is `sub_` and 32 hex digits")]
pub struct BadId;

impl Subscription {
    /// Tells whether it wants an event.
    pub fn wants(&self, event: Traits<'_>) -> bool {
        wanted(&self.event_types, &self.sources, event)
    }
}

impl From<Uuid> for SubscriptionId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ID_PREFIX}{}", self.0.as_simple())
    }
}

impl FromStr for SubscriptionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text.strip_prefix(ID_PREFIX).ok_or(BadId)?;
        let id: Uuid = digits.parse().map_err(|_| BadId)?;
        // One spelling only: it is a key.
        if digits != id.as_simple().to_string() {
            return Err(BadId);
        }
        Ok(Self(id))
    }
}

impl Serialize for SubscriptionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubscriptionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

fn write_secret<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn read_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = SecretString::deserialize(deserializer)?;
    Secret::parse(text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{
        "id": "sub_0123456789abcdef0123456789abcdef",
        "name": "receiver",
        "url": "https://example.org/hook",
        "event_types": ["access.*", "gxp:*"],
        "sources": ["hq-doors"],
        "state": "active",
        "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "created_at": "2026-05-12T18:00:00Z"
    }"#;

    #[test]
    fn a_row_survives_json() {
        let read: Subscription = serde_json::from_str(ROW).unwrap();
        let expected: serde_json::Value = serde_json::from_str(ROW).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), expected);
    }

    #[test]
    fn a_row_that_is_not_understood_is_refused() {
        let breakers = [
            ("sub_0123", "sub_x"),
            ("https://example.org", "gopher://example.org"),
            ("access.*", "*.*"),
            ("active", "paused"),
            ("whsec_", ""),
        ];
        for (from, to) in breakers {
            let row = ROW.replace(from, to);
            assert!(serde_json::from_str::<Subscription>(&row).is_err(), "{to}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let read: Subscription = serde_json::from_str(ROW).unwrap();
        let text = format!("{read:?}");
        assert!(
            !text.contains("whsec_") && !text.contains("/hook"),
            "{text}"
        );
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = SubscriptionId::from(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse(), Ok(id));
        let hyphenated = "sub_00000000-0000-0000-0000-000000000007";
        assert!(hyphenated.parse::<SubscriptionId>().is_err());
        assert!("7".parse::<SubscriptionId>().is_err());
    }
}
