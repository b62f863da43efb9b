//! Reads back what a partition of `seen` remembers, beginning where the dedupe window does.
//!
//! Stream time never goes back within a partition, so all that still matters lies behind the last
//! record that is out of the window. Where that may be is found by the broker's stamps: a record is
//! appended no earlier than its stream time, less what that may lie in the future. Clocks are not
//! trusted with it: unless the record before is seen to be out of the window, all is read.

use std::time::Duration;

use events::Time;
use kafka::{BorrowedMessage, Failure, Message, Partition, Scanner, headers_of};
use tracing::error;

use crate::ledger::{BadEntry, Entry};
use crate::seen::{Seen, Window};

/// Stream time in the future, and clocks that disagree.
const SLACK: Duration = Duration::from_secs(24 * 60 * 60);
/// A ledger of so few offsets is read sooner than looked through.
const SHORT: i64 = 20_000;

/// What is remembered of a raw partition.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    pub(crate) seen: Seen,
    /// Where the last batch ended, if there was one.
    pub(crate) ended_at: Option<i64>,
    /// Records that no normalizer wrote.
    pub(crate) unreadable: u64,
}

/// Reads the ledger of a raw partition.
pub(crate) fn rebuild(
    scanner: &Scanner,
    ledger: &Partition,
    window: Window,
) -> Result<Rebuilt, Failure> {
    let span = scanner.span(ledger)?;
    let stream_time_before = |end| {
        scanner.last(ledger, span.start..end, |record| {
            Some(entry_of(record).ok()?.stream_time)
        })
    };
    let stamped_since = |millis| scanner.since(ledger, millis);
    let start = if span.end - span.start <= SHORT {
        span.start
    } else {
        let begin = begin(window, span.end, stream_time_before, stamped_since)?;
        begin.unwrap_or(span.start).max(span.start)
    };
    let mut rebuilt = Rebuilt {
        seen: Seen::new(window),
        ended_at: None,
        unreadable: 0,
    };
    scanner.read(ledger, start..span.end, |record| {
        match entry_of(record) {
            Ok(entry) => {
                rebuilt.seen.absorb(entry.stream_time, entry.ids());
                rebuilt.ended_at = Some(entry.next);
            }
            // No normalizer wrote it, so that nothing is lost with it.
            Err(bad) => {
                error!(%ledger, offset = record.offset(), %bad, "a record of seen is passed over");
                rebuilt.unreadable += 1;
            }
        }
        Ok(())
    })?;
    Ok(rebuilt)
}

/// Finds an offset before which nothing is in the window any more; `None` if that is not certain.
fn begin<E>(
    window: Window,
    end: i64,
    mut stream_time_before: impl FnMut(i64) -> Result<Option<Time>, E>,
    stamped_since: impl FnOnce(i64) -> Result<Option<i64>, E>,
) -> Result<Option<i64>, E> {
    let Some(now) = stream_time_before(end)? else {
        return Ok(None);
    };
    let Some(at) = stamped_since(window.before(now, SLACK))? else {
        return Ok(None);
    };
    let before = stream_time_before(at)?;
    let gone = before.is_some_and(|before| !window.reaches(before, now));
    Ok(gone.then_some(at))
}

fn entry_of<'a>(record: &'a BorrowedMessage<'_>) -> Result<Entry<'a>, BadEntry> {
    Entry::parse(headers_of(record), record.payload().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, proptest};

    use super::*;

    const DAY: i64 = 86_400;

    #[derive(Clone, Copy, Debug)]
    struct Written {
        offset: i64,
        appended_at_ms: i64,
        stream_time: Time,
    }

    fn window() -> Window {
        Window::new(Duration::from_secs(7 * 86_400))
    }

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    /// Where a rebuild of this ledger begins.
    fn start(ledger: &[Written]) -> Option<i64> {
        let before = |end| {
            let found = ledger.iter().rfind(|written| written.offset < end);
            Ok::<_, Infallible>(found.map(|written| written.stream_time))
        };
        let since = |millis| {
            let found = ledger
                .iter()
                .find(|written| written.appended_at_ms >= millis);
            Ok(found.map(|written| written.offset))
        };
        begin(window(), i64::MAX, before, since).unwrap()
    }

    /// One record an hour, appended when its time came; every other offset is a marker.
    fn steady(hours: i64) -> Vec<Written> {
        let written = |hour| Written {
            offset: hour * 2,
            appended_at_ms: hour * 3_600_000,
            stream_time: at(hour * 3_600),
        };
        (0..hours).map(written).collect()
    }

    #[test]
    fn what_left_the_window_more_than_a_day_ago_is_not_read() {
        let start = start(&steady(38 * 24)).unwrap();
        assert_eq!(start / 2, 38 * 24 - 1 - 8 * 24);
    }

    #[test]
    fn all_is_read_where_nothing_has_left_the_window() {
        assert_eq!(start(&steady(6 * 24)), None);
        assert_eq!(start(&[]), None);
    }

    #[test]
    fn all_is_read_where_a_broker_stamped_too_early() {
        let mut ledger = steady(38 * 24);
        for written in &mut ledger {
            written.appended_at_ms -= 3 * DAY * 1_000;
        }
        assert_eq!(start(&ledger), None);
    }

    /// Time goes on in steps or stands still; clocks may say anything.
    fn ledgers() -> impl Strategy<Value = Vec<Written>> {
        let step = (1..5_i64, 0..3 * DAY, any::<bool>(), -20 * DAY..20 * DAY);
        vec(step, 0..60).prop_map(|steps| {
            let (mut offset, mut now) = (0, 100 * DAY);
            let written = |(gap, later, rightly, error)| {
                offset += gap;
                now += later;
                Written {
                    offset,
                    appended_at_ms: (now + if rightly { 0 } else { error }) * 1_000,
                    stream_time: at(now),
                }
            };
            steps.into_iter().map(written).collect()
        })
    }

    proptest! {
        #[test]
        fn nothing_in_the_window_is_skipped_whatever_the_clocks_say(ledger in ledgers()) {
            let Some(last) = ledger.last() else { return Ok(()) };
            let start = start(&ledger).unwrap_or(0);
            for written in &ledger {
                let needed = window().reaches(written.stream_time, last.stream_time);
                assert!(!needed || written.offset >= start, "{written:?} before {start}");
            }
        }
    }
}
