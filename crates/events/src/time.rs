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
        timestamp(micros)?;
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
        let at = timestamp(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{at}")
    }
}

/// By seconds and the rest, as jiff's own constructor refuses the last 999 microseconds.
fn timestamp(micros: i64) -> Result<jiff::Timestamp, TimeError> {
    let seconds = micros.div_euclid(1_000_000);
    let nanos = micros.rem_euclid(1_000_000) as i32 * 1_000;
    jiff::Timestamp::new(seconds, nanos).map_err(|_| TimeError)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_units_agree() {
        let at: Time = "2026-05-12T20:00:00.123456+02:00".parse().unwrap();
        assert_eq!(at.micros(), 1_778_608_800_123_456);
        assert_eq!(at.millis(), 1_778_608_800_123);
        assert_eq!(at.seconds(), 1_778_608_800);
        assert_eq!(at.to_string(), "2026-05-12T18:00:00.123456Z");
        assert_eq!(
            Time::from_millis(at.millis()).unwrap().micros(),
            1_778_608_800_123_000
        );
        assert_eq!(
            Time::from_seconds(at.seconds()).unwrap().to_string(),
            "2026-05-12T18:00:00Z"
        );
    }

    #[test]
    fn before_the_epoch_is_rounded_down() {
        let at = Time::from_micros(-1).unwrap();
        assert_eq!((at.millis(), at.seconds()), (-1, -1));
        assert_eq!(at.to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_no_calendar_shows_is_refused() {
        assert_eq!(Time::from_micros(i64::MAX), Err(TimeError));
        assert_eq!(Time::from_millis(i64::MAX), Err(TimeError));
        assert_eq!(Time::from_seconds(i64::MIN), Err(TimeError));
        assert_eq!("2026-05-12 18:00".parse::<Time>(), Err(TimeError));
        assert_eq!("".parse::<Time>(), Err(TimeError));
    }

    #[test]
    fn adding_stops_at_the_last_time() {
        let last = Time::from_micros(0)
            .unwrap()
            .saturating_add_micros(i64::MAX);
        assert_eq!(last.to_string(), "9999-12-30T22:00:00.999999Z");
        assert_eq!(last.saturating_add_micros(1), last);
        assert_eq!("9999-12-30T22:00:00.999999999Z".parse(), Ok(last));
    }

    proptest! {
        #[test]
        fn text_and_micros_tell_the_same(micros: i64) {
            if let Ok(at) = Time::from_micros(micros) {
                prop_assert_eq!(at.to_string().parse::<Time>(), Ok(at));
                let json = serde_json::to_string(&at).unwrap();
                prop_assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), at);
            }
        }
    }
}
