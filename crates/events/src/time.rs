//! Points in time as the canonical events carry them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Microseconds since the Unix epoch, UTC (Avro `timestamp-micros`).
///
/// In JSON it is an RFC 3339 string, in Avro a long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// A text that is no RFC 3339 time, or a number outside the years that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a point in time")]
pub struct TimeError;

impl Time {
    /// Takes microseconds since the epoch; refuses what no calendar date can show.
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        jiff::Timestamp::from_microsecond(micros).map_err(|_| TimeError)?;
        Ok(Self(micros))
    }

    /// Takes milliseconds since the epoch.
    pub fn from_millis(millis: i64) -> Result<Self, TimeError> {
        Self::from_micros(millis.checked_mul(1_000).ok_or(TimeError)?)
    }

    /// Takes seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Result<Self, TimeError> {
        Self::from_micros(seconds.checked_mul(1_000_000).ok_or(TimeError)?)
    }

    /// Returns microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Returns milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Returns seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Returns the time that many microseconds later, or the last one there is.
    pub fn saturating_add_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
            .unwrap_or(Self(jiff::Timestamp::MAX.as_microsecond()))
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at.as_microsecond())
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let at: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
        Ok(at.into())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{at}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor)
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time or microseconds since the epoch")
    }

    fn visit_i64<E: serde::de::Error>(self, micros: i64) -> Result<Time, E> {
        Time::from_micros(micros).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, micros: u64) -> Result<Time, E> {
        i64::try_from(micros)
            .map_err(|_| TimeError)
            .and_then(Time::from_micros)
            .map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
        text.parse().map_err(E::custom)
    }
}
