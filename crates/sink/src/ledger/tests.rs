use super::*;
use crate::verdict::Fault;

const FAILED: Ending = Ending::Failed(Fault::Broken);
const OK: Ending = Ending::Answered {
    status: 200,
    retry_after: None,
};
const WAIT: Duration = Duration::from_secs(5);
const RETRY: Verdict = Verdict::Retry { wait: WAIT };
const DEAD: Verdict = Verdict::DeadLetter(Reason::Exhausted);

/// Books with one partition, read from offset 100 on.
struct Books {
    ledger: Ledger,
    start: Now,
}

fn partition() -> Partition {
    Partition {
        topic: "access".into(),
        number: 0,
    }
}

fn event(id: i64) -> Arc<Event> {
    Arc::new(Event {
        id: Uuid::from_u128(id.unsigned_abs().into()),
        wire: Bytes::from_static(b"wire"),
        ..Event::default()
    })
}

fn subscriptions(count: u128) -> Vec<SubscriptionId> {
    (1..=count).map(|n| Uuid::from_u128(n).into()).collect()
}

impl Books {
    fn new(window: usize) -> Self {
        let mut ledger = Ledger::new(window);
        ledger.assign(partition(), 100);
        let start = Now {
            wall: "2026-05-12T18:00:00Z".parse().unwrap(),
            steady: Instant::now(),
        };
        Self { ledger, start }
    }

    fn at(&self, seconds: u64) -> Now {
        Now {
            wall: later(self.start.wall, Duration::from_secs(seconds)),
            steady: self.start.steady + Duration::from_secs(seconds),
        }
    }

    /// Takes a record whose event id is its offset.
    fn take(&mut self, offset: i64, wanted_by: u128) {
        let at = (&partition(), offset);
        let wanted_by = subscriptions(wanted_by);
        self.ledger.take(at, &event(offset), wanted_by, self.start);
    }

    fn begin(&mut self, seconds: u64) -> Ticket {
        let now = self.at(seconds);
        self.ledger.begin(now).expect("an attempt is due").0
    }

    fn end(&mut self, ticket: Ticket, ending: Ending, verdict: Verdict, seconds: u64) {
        let now = self.at(seconds);
        self.ledger.ended(ticket, ending, now, |_| verdict);
    }

    fn prefix(&self) -> Option<i64> {
        self.ledger.prefixes().first().map(|(_, offset)| *offset)
    }

    /// Names what is to be written beside the delivery log.
    fn writes(&self) -> Vec<&'static str> {
        let name = |write: &Write| match write {
            Write::Row { .. } => Some("row"),
            Write::NoRow(_) => Some("no row"),
            Write::DeadLetter { .. } => Some("dead letter"),
            Write::Attempt { .. } => None,
        };
        self.ledger.writes().iter().filter_map(name).collect()
    }
}

#[test]
fn a_record_that_nobody_wants_moves_the_prefix() {
    let mut books = Books::new(1);
    books.ledger.pass((&partition(), 100));
    books.take(101, 0);
    assert_eq!(books.prefix(), Some(102));
    assert!(books.writes().is_empty());
    books.ledger.committed();
    assert_eq!(books.prefix(), None);
    assert!(!books.ledger.pending());
}

#[test]
fn the_prefix_waits_for_every_subscription_of_a_record() {
    let mut books = Books::new(10);
    books.take(100, 2);
    let (one, two) = (books.begin(0), books.begin(0));
    assert_eq!(books.prefix(), None);
    books.end(one, OK, Verdict::Done, 0);
    assert_eq!(books.prefix(), Some(100));
    books.end(two, OK, Verdict::Done, 0);
    assert_eq!(books.prefix(), Some(101));
    assert!(books.writes().is_empty());
}

#[test]
fn the_prefix_does_not_pass_a_hole() {
    let mut books = Books::new(10);
    books.take(100, 1);
    books.take(101, 1);
    let (first, second) = (books.begin(0), books.begin(0));
    books.end(second, OK, Verdict::Done, 0);
    assert_eq!(books.prefix(), Some(100));
    books.end(first, OK, Verdict::Done, 0);
    assert_eq!(books.prefix(), Some(102));
}

#[test]
fn a_failure_leaves_a_row_and_is_tried_again_when_due() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let first = books.begin(0);
    books.end(first, FAILED, RETRY, 1);
    assert_eq!((books.prefix(), books.writes()), (Some(101), vec!["row"]));
    books.ledger.committed();
    assert!(books.ledger.begin(books.at(5)).is_none());
    let (second, owed) = books.ledger.begin(books.at(6)).unwrap();
    assert_eq!(owed.attempts, 2);
    assert_eq!(owed.first_attempt_at, books.start.wall);
    books.end(second, OK, Verdict::Done, 7);
    assert_eq!(books.writes(), ["no row"]);
}

#[test]
fn a_used_up_schedule_leaves_a_dead_letter() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let only = books.begin(0);
    books.end(only, FAILED, DEAD, 0);
    assert_eq!(books.writes(), ["dead letter"]);
    assert_eq!(books.prefix(), Some(101));
}

#[test]
fn a_dead_letter_takes_its_row_away() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let first = books.begin(0);
    books.end(first, FAILED, RETRY, 0);
    books.ledger.committed();
    let second = books.begin(5);
    books.end(second, FAILED, DEAD, 5);
    assert_eq!(books.writes(), ["dead letter", "no row"]);
}

#[test]
fn a_slow_attempt_does_not_hold_the_prefix() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let slow = books.begin(0);
    books.ledger.pass_slow(books.at(1), |_| WAIT);
    assert_eq!(books.prefix(), None);
    books.ledger.pass_slow(books.at(2), |_| WAIT);
    assert_eq!((books.prefix(), books.writes()), (Some(101), vec!["row"]));
    let Some(Write::Row { owed, due_at }) = books.ledger.writes().first() else {
        panic!("a row is to be written");
    };
    assert_eq!((owed.attempts, *due_at), (1, later(books.start.wall, WAIT)));
    books.ledger.committed();
    // Its end is heard of after all: no second attempt.
    books.end(slow, OK, Verdict::Done, 9);
    assert_eq!(books.writes(), ["no row"]);
    assert!(books.ledger.begin(books.at(99)).is_none());
}

#[test]
fn a_slow_attempt_that_fails_in_the_end_waits_from_then_on() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let slow = books.begin(0);
    books.ledger.pass_slow(books.at(2), |_| WAIT);
    books.ledger.committed();
    books.end(slow, FAILED, RETRY, 9);
    assert_eq!(books.writes(), ["row"]);
    assert!(books.ledger.begin(books.at(13)).is_none());
    assert_eq!(books.ledger.begin(books.at(14)).unwrap().1.attempts, 2);
}

#[test]
fn what_is_not_committed_is_written_again() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let first = books.begin(0);
    books.end(first, FAILED, RETRY, 0);
    let before = (books.prefix(), books.writes());
    // The transaction is refused: nothing is called, nothing has changed.
    assert_eq!((books.prefix(), books.writes()), before);
    assert!(books.ledger.pending());
}

#[test]
fn what_is_written_goes_with_the_offset_of_its_partition() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let first = books.begin(0);
    books.end(first, FAILED, RETRY, 0);
    books.ledger.committed();
    assert_eq!(books.prefix(), None);
    let second = books.begin(5);
    books.end(second, OK, Verdict::Done, 5);
    assert_eq!(books.prefix(), Some(101));
    books.ledger.committed();
    assert_eq!(books.prefix(), None);
}

#[test]
fn the_window_counts_what_a_crash_would_repeat() {
    let mut books = Books::new(2);
    for offset in 100..104 {
        books.take(offset, 1);
    }
    let (first, second) = (books.begin(0), books.begin(0));
    assert!(books.ledger.full());
    assert!(books.ledger.begin(books.at(0)).is_none());
    // Done, but above the prefix: a crash would repeat it.
    books.end(second, OK, Verdict::Done, 0);
    books.ledger.committed();
    assert_eq!(books.ledger.used(), 2);
    // The first has a row now, so that both are recorded with the commit.
    books.end(first, FAILED, RETRY, 0);
    assert_eq!(books.ledger.used(), 2);
    books.ledger.committed();
    assert_eq!(books.ledger.used(), 0);
    books.begin(0);
    books.begin(0);
    assert!(books.ledger.full());
}

#[test]
fn an_event_that_more_want_than_the_window_has_places_does_not_stall() {
    let mut books = Books::new(2);
    books.take(100, 5);
    assert_eq!(books.writes(), ["row", "row", "row"]);
    let mut attempts = 0;
    while let Some((ticket, owed)) = books.ledger.begin(books.at(0)) {
        attempts += 1;
        assert_eq!(owed.attempts, 1);
        books.end(ticket, OK, Verdict::Done, 0);
        if books.ledger.full() {
            books.ledger.committed();
        }
    }
    assert_eq!((attempts, books.ledger.owed()), (5, 0));
    assert_eq!(books.writes(), ["no row"]);
    assert_eq!(books.ledger.shares[&partition()].committed, 101);
}

#[test]
fn an_event_has_its_bytes_once_for_each_subscription_until_it_is_done() {
    let mut books = Books::new(2);
    books.take(100, 3);
    assert_eq!(books.ledger.owed_bytes(), 12);
    let (one, two) = (books.begin(0), books.begin(0));
    books.ledger.pass_slow(books.at(2), |_| WAIT);
    books.end(one, OK, Verdict::Done, 2);
    books.end(two, FAILED, RETRY, 2);
    assert_eq!(books.ledger.owed_bytes(), 8);
}

#[test]
fn a_due_retry_takes_a_place_until_it_is_recorded() {
    let mut books = Books::new(1);
    books.take(100, 1);
    let first = books.begin(0);
    books.end(first, FAILED, RETRY, 0);
    books.ledger.committed();
    let second = books.begin(5);
    assert_eq!(books.ledger.used(), 1);
    books.end(second, OK, Verdict::Done, 5);
    assert_eq!(books.ledger.used(), 1);
    books.ledger.committed();
    assert_eq!(books.ledger.used(), 0);
}

#[test]
fn a_record_that_is_read_again_beside_its_row_is_owed_once() {
    let mut books = Books::new(10);
    let owed = Owed {
        partition: partition(),
        subscription: subscriptions(1)[0],
        event: event(100),
        attempts: 3,
        first_attempt_at: books.start.wall,
    };
    let due_at = books.at(7).wall;
    books.ledger.restore(owed, due_at, books.start);
    books.take(100, 1);
    assert_eq!(books.prefix(), Some(101));
    assert!(books.ledger.begin(books.at(6)).is_none());
    assert_eq!(books.ledger.begin(books.at(7)).unwrap().1.attempts, 4);
    assert!(books.ledger.begin(books.at(99)).is_none());
}

#[test]
fn a_row_due_in_the_past_is_due_now_and_never_too_far_away() {
    let mut books = Books::new(10);
    let mut owed = Owed {
        partition: partition(),
        subscription: subscriptions(1)[0],
        event: event(1),
        attempts: 1,
        first_attempt_at: books.start.wall,
    };
    let (now, past) = (books.at(100), books.start.wall);
    books.ledger.restore(owed.clone(), past, now);
    assert!(books.ledger.begin(now).is_some());
    owed.event = event(2);
    let never = later(now.wall, Duration::from_secs(365 * 86_400));
    books.ledger.restore(owed, never, now);
    assert!(books.ledger.begin(books.at(100 + 37 * 3600)).is_some());
}

#[test]
fn a_revoked_partition_is_forgotten() {
    let mut books = Books::new(10);
    for offset in 100..103 {
        books.take(offset, 1);
    }
    let (failed, open, slow) = (books.begin(0), books.begin(0), books.begin(0));
    books.end(failed, FAILED, RETRY, 0);
    books.ledger.revoke(&partition());
    assert_eq!((books.ledger.used(), books.ledger.owed()), (0, 0));
    assert_eq!(books.ledger.owed_bytes(), 0);
    assert!(!books.ledger.pending());
    books.ledger.assign(partition(), 100);
    books.end(open, OK, Verdict::Done, 1);
    books.end(slow, FAILED, RETRY, 1);
    assert!(!books.ledger.pending());
    assert!(books.ledger.begin(books.at(99)).is_none());
}

#[test]
fn an_event_of_a_subscription_that_is_gone_is_let_go() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let first = books.begin(0);
    books.ledger.unwanted(first);
    assert_eq!(books.prefix(), Some(101));
    assert!(books.ledger.writes().is_empty());
}

#[test]
fn an_event_that_cannot_be_sent_is_a_dead_letter() {
    let mut books = Books::new(10);
    books.take(100, 1);
    let first = books.begin(0);
    books.ledger.impossible(first, Reason::Undecodable);
    assert_eq!(books.writes(), ["dead letter"]);
    assert_eq!(books.prefix(), Some(101));
}

proptest::proptest! {
    /// Whatever happens in whatever order: in the end nothing is held, and nothing is owed.
    #[test]
    fn books_balance(steps in proptest::collection::vec((0..6_u8, 0..5_usize), 1..200)) {
        let mut books = Books::new(2);
        let (mut offset, mut seconds, mut under_way) = (100, 0, Vec::new());
        for (step, pick) in steps {
            seconds += 1;
            match step {
                0 => {
                    books.take(offset, pick as u128);
                    offset += 1;
                }
                1 => books.ledger.committed(),
                2 => books.ledger.pass_slow(books.at(seconds), |_| WAIT),
                _ => under_way.extend(books.ledger.begin(books.at(seconds)).map(|(t, _)| t)),
            }
            proptest::prop_assert!(books.ledger.used() <= 2);
            if step == 5 && !under_way.is_empty() {
                let ticket = under_way.swap_remove(pick % under_way.len());
                let verdict = [Verdict::Done, RETRY, DEAD, RETRY, Verdict::Done][pick];
                books.end(ticket, FAILED, verdict, seconds);
            }
        }
        while let Some(ticket) = under_way.pop() {
            books.end(ticket, OK, Verdict::Done, seconds);
            books.ledger.committed();
            seconds += 100;
            under_way.extend(books.ledger.begin(books.at(seconds)).map(|(t, _)| t));
        }
        books.ledger.committed();
        seconds += 100;
        while let Some((ticket, _)) = books.ledger.begin(books.at(seconds)) {
            books.end(ticket, OK, Verdict::Done, seconds);
            books.ledger.committed();
        }
        books.ledger.committed();
        proptest::prop_assert_eq!((books.ledger.used(), books.ledger.owed()), (0, 0));
        proptest::prop_assert_eq!(books.ledger.owed_bytes(), 0);
        proptest::prop_assert_eq!(books.ledger.shares[&partition()].committed, offset);
        proptest::prop_assert!(books.ledger.shares[&partition()].rows.is_empty());
    }
}
