//! What the topics hold of a span of time, and how far the services have come.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{CanonicalTopic, Provider, Time, Topic};
use kafka::{Cluster, Extent, Extents, Failure, Message, Partition, group_offsets};
use sink::Subscription;

use super::delivered::Wish;

/// Clocks of ingest, normalizer and sink may differ by so much; their hosts stamp the records.
const SKEW: Duration = Duration::from_secs(10 * 60);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) now: Time,
    pub(crate) from: Option<Time>,
    pub(crate) to: Option<Time>,
    pub(crate) window: Duration,
    /// How long it may take until every sink knows a subscription.
    pub(crate) settled_after: Duration,
}

/// What is to be read, fixed once: each share reads the same.
pub(crate) struct Span {
    pub(crate) requests: Extent,
    pub(crate) quarantine: Extent,
    pub(crate) raw: Extent,
    /// Raw past the span: what was retried there need not be as it was in the span.
    pub(crate) raw_after: Option<Extent>,
    pub(crate) canonical: Extent,
    pub(crate) retries: Extent,
    pub(crate) dead_letters: Extent,
    pub(crate) attempts: Extent,
    pub(crate) wishes: Vec<Wish>,
    /// How far the normalizer has come, by raw partition, and the sink, by canonical partition.
    pub(crate) reached: BTreeMap<Partition, i64>,
    pub(crate) raw_topics: BTreeMap<String, Provider>,
    pub(crate) canonical_topics: BTreeMap<String, CanonicalTopic>,
    pub(crate) from: Option<Time>,
    pub(crate) to: Option<Time>,
    pub(crate) window: Duration,
}

impl Span {
    /// Finds what is to be read. Deliveries of the window before the span are read as well: an
    /// event that one of them told of has come out already.
    pub(crate) fn of(
        cluster: &Cluster,
        asked: Asked,
        retentions: &BTreeMap<String, Duration>,
    ) -> Result<Self, Failure> {
        let raw_topics: BTreeMap<_, _> = Provider::ALL
            .map(|provider| (cluster.topic(Topic::Raw(provider)), provider))
            .into();
        let canonical_topics: BTreeMap<_, _> = CanonicalTopic::ALL
            .map(|topic| (cluster.topic(Topic::Canonical(topic)), topic))
            .into();
        let raw: Vec<_> = raw_topics.keys().cloned().collect();
        let canonical: Vec<_> = canonical_topics.keys().cloned().collect();
        let quarantine = Provider::ALL.map(|provider| cluster.topic(Topic::Quarantine(provider)));
        let retries = CanonicalTopic::ALL.map(|topic| cluster.topic(Topic::Retries(topic)));
        let one = |topic: Topic| [cluster.topic(topic)];
        let to = asked.to.map(Time::millis);
        let lead = asked.window.saturating_add(SKEW);
        let since = asked.from.map(|from| earlier(from, lead).millis());
        let logged_until = asked.to.map(|to| later(to, SKEW).millis());

        // What proves something is looked for where it ends later than what it proves: first how
        // far the services have come, then what they may take back, last what they only add to.
        let extents = Extents::new(cluster)?;
        let mut reached = group_offsets(cluster, &cluster.topic("normalizer"), &raw)?;
        reached.extend(group_offsets(cluster, &cluster.topic("sink"), &canonical)?);
        let wishes = wishes(&extents, cluster, asked.settled_after)?;
        let retries = extents.of(&retries, None, None)?;
        let quarantine = extents.of(&quarantine, since, None)?;
        let requests = extents.of(&one(Topic::Requests), since, logged_until)?;
        let raw_after = match to {
            Some(_) => Some(extents.of(&raw, to, None)?),
            None => None,
        };
        let raw = extents.of(&raw, since, to)?;
        let canonical = extents.of(&canonical, since, None)?;
        let dead_letters = extents.of(&one(Topic::DeadLetters), None, None)?;
        let attempts = extents.of(&one(Topic::Attempts), since, None)?;

        let kept = [
            (&raw, lead),
            (&canonical, SKEW),
            (&dead_letters, SKEW),
            (&attempts, SKEW),
        ];
        let whole_from = kept.iter().flat_map(|(extent, lead)| {
            let shortened = extent.shortened();
            shortened
                .filter_map(|topic| Some(whole_from(asked.now, *retentions.get(topic)?, *lead)))
        });
        Ok(Self {
            from: whole_from.chain(asked.from).max(),
            to: asked.to,
            window: asked.window,
            requests,
            quarantine,
            raw,
            raw_after,
            canonical,
            retries,
            dead_letters,
            attempts,
            wishes,
            reached,
            raw_topics,
            canonical_topics,
        })
    }

    /// Tells whether a time of receipt lies in the span.
    pub(crate) fn has(&self, at: Time) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    /// Tells whether the normalizer has taken a raw record, or the sink has passed a canonical one.
    pub(crate) fn passed(&self, topic: &str, number: i32, offset: i64) -> bool {
        let partition = Partition {
            topic: topic.into(),
            number,
        };
        let reached = self.reached.get(&partition);
        reached.is_some_and(|next| offset < *next)
    }
}

/// From when on a topic that is kept for so long has all that is needed to judge.
fn whole_from(now: Time, kept: Duration, lead: Duration) -> Time {
    later(earlier(now, kept), lead)
}

fn earlier(time: Time, by: Duration) -> Time {
    time.saturating_add_micros(-micros(by))
}

fn later(time: Time, by: Duration) -> Time {
    time.saturating_add_micros(micros(by))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Reads the subscriptions that there are. One whose row was written again is known only from then
/// on; a deleted one, or a row that is not understood, is not judged.
fn wishes(
    extents: &Extents,
    cluster: &Cluster,
    settled_after: Duration,
) -> Result<Vec<Wish>, Failure> {
    let topic = [cluster.topic(Topic::Subscriptions)];
    let mut rows: BTreeMap<Vec<u8>, Wish> = BTreeMap::new();
    extents.of(&topic, None, None)?.read(|record| {
        let key = record.key().unwrap_or_default();
        rows.remove(key);
        let read = serde_json::from_slice::<Subscription>(record.payload().unwrap_or_default());
        let stamp = record.timestamp().to_millis().map(Time::from_millis);
        if let (Ok(subscription), Some(Ok(written_at))) = (read, stamp) {
            let wish = Wish {
                since: later(written_at.max(subscription.created_at), settled_after),
                subscription,
            };
            rows.insert(key.to_vec(), wish);
        }
        Ok(())
    })?;
    Ok(rows.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lost_its_oldest_records_is_judged_from_the_kept_window_on() {
        let day = |number: i64| Time::from_seconds(number * 86_400).unwrap();
        let days = |count: u64| Duration::from_secs(count * 86_400);
        assert_eq!(whole_from(day(100), days(30), days(7)), day(77));
    }
}
