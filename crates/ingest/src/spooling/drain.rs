//! The thread that flips partitions whose deliveries wait too long, and drains those that can be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use events::Time;
use spool::Stats;
use tracing::{info, warn};

use super::course::Mode;
use super::partition::{RawPartition, Step};
use super::{Renewal, Shared};

/// How late a flip may be noticed.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_WHILE_SPOOLING: Duration = Duration::from_millis(5);
const SHOWN_EVERY: Duration = Duration::from_secs(1);
/// At the end, for what is in flight.
const LANDED_WITHIN: Duration = Duration::from_secs(2);
/// Deliveries of one partition in a row.
const TURN: usize = 64;

/// Bytes that may be sent, so that old deliveries do not crowd out new ones.
struct Budget {
    per_second: u64,
    bytes: u64,
    refilled_at: Instant,
}

impl Budget {
    fn new(per_second: u64, now: Instant) -> Self {
        Self {
            per_second,
            bytes: 0,
            refilled_at: now,
        }
    }

    /// Holds no more than the share of a tenth of a second.
    fn refill(&mut self, now: Instant) {
        let millis = now.saturating_duration_since(self.refilled_at).as_millis();
        let due = u64::try_from(millis).unwrap_or(u64::MAX).min(100) * self.per_second / 1_000;
        if due > 0 {
            self.bytes = (self.bytes + due).min(self.per_second / 10);
            self.refilled_at = now;
        }
    }

    /// The last delivery may take more than is left.
    fn take(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Works until the process is about to end and nothing is in flight.
pub(super) fn run(shared: &Shared) {
    let mut budget = Budget::new(shared.drain_rate, Instant::now());
    let (mut shown, mut renewal) = (Shown::default(), Renewal::default());
    loop {
        let now = Instant::now();
        if shared.producer().failed() {
            shared.renew_producer(&mut renewal);
        }
        budget.refill(now);
        let partitions = shared.partitions();
        let mut sent = false;
        let mut spooling = 0;
        for partition in &partitions {
            partition.tick(now);
            if partition.mode() != Mode::Live {
                spooling += 1;
                sent |= drain(shared, partition, &mut budget);
            }
        }
        shown.tell(spooling);
        shown.show(shared, &partitions, now);
        if let Some(since) = shared.ending_since() {
            let landed = partitions.iter().all(|partition| partition.at_rest());
            if landed || since.elapsed() > LANDED_WITHIN {
                break;
            }
            std::thread::sleep(PAUSE_WHILE_SPOOLING);
        } else if spooling == 0 {
            shared.wait(PAUSE);
        } else if !sent {
            shared.wait(PAUSE_WHILE_SPOOLING);
        }
    }
    shared.spool.close();
}

/// Sends some of what waits; returns whether there was any.
fn drain(shared: &Shared, partition: &Arc<RawPartition>, budget: &mut Budget) -> bool {
    let producer = shared.producer();
    for turn in 0..TURN {
        if budget.bytes == 0 {
            return turn > 0;
        }
        match partition.drain(&producer, Instant::now()) {
            Step::Sent(bytes) => budget.take(bytes),
            Step::Nothing => return turn > 0,
        }
    }
    true
}

/// What was last said of the spool, in the log and in metrics.
#[derive(Default)]
struct Shown {
    away: bool,
    at: Option<Instant>,
    stats: Stats,
}

impl Shown {
    fn tell(&mut self, spooling: usize) {
        match (self.away, spooling > 0) {
            (false, true) => warn!("kafka does not acknowledge, deliveries go to the spool"),
            (true, false) => info!("the spool is drained, deliveries go to kafka"),
            (false, false) | (true, true) => {}
        }
        self.away = spooling > 0;
    }

    fn show(&mut self, shared: &Shared, partitions: &[Arc<RawPartition>], now: Instant) {
        if self.at.is_some_and(|at| now < at + SHOWN_EVERY) {
            return;
        }
        self.at = Some(now);
        let stats = shared.spool.stats();
        shared.metrics.spool(&self.stats, &stats);
        self.stats = stats;
        let oldest = partitions.iter().filter_map(|it| it.oldest_at()).min();
        let micros = oldest.map(|at| Time::from(service::clock::now()).micros() - at.micros());
        let age = u64::try_from(micros.unwrap_or(0)).unwrap_or(0);
        shared.metrics.oldest_in_spool(Duration::from_micros(age));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_gives_its_rate_and_saves_up_little() {
        let start = Instant::now();
        let mut budget = Budget::new(10_000, start);
        let mut given = 0;
        for millis in (7..=10_000).step_by(7) {
            budget.refill(start + Duration::from_millis(millis));
            given += budget.bytes;
            budget.take(u64::MAX);
        }
        assert!((99_000..=100_000).contains(&given), "{given}");
        budget.refill(start + Duration::from_secs(60));
        assert_eq!(budget.bytes, 1_000);
    }
}
