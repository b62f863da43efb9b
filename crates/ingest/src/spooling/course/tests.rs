//! One partition between a broker that freezes, a disk that is slow or full, and a process that is
//! killed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

/// Deliveries by the order in which they came, over all restarts.
type Id = u64;

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive,
    Wait(u64),
    /// The broker writes what the producer has sent; the acknowledgement is on its way.
    Write(usize),
    Acknowledge(usize),
    Sync(usize),
    DiskFull,
    Drain(usize),
    ProducerFails,
    Kill,
}

/// All around a course.
struct World {
    course: Course<Id>,
    now: Instant,
    ids: BTreeMap<Place, Id>,
    next_id: Id,
    producer: VecDeque<Place>,
    /// Written, and not acknowledged yet.
    underway: VecDeque<Place>,
    raw: Vec<Id>,
    to_disk: VecDeque<Place>,
    disk: BTreeMap<Place, Id>,
    accepted: BTreeSet<Id>,
}

impl World {
    fn new() -> Self {
        Self {
            course: Course::new([]),
            now: Instant::now(),
            ids: BTreeMap::new(),
            next_id: 0,
            producer: VecDeque::new(),
            underway: VecDeque::new(),
            raw: Vec::new(),
            to_disk: VecDeque::new(),
            disk: BTreeMap::new(),
            accepted: BTreeSet::new(),
        }
    }

    fn after(steps: &[Step]) -> Self {
        let mut world = Self::new();
        for step in steps {
            world.step(*step);
            let due = world.course.tick(world.now);
            world.store(due);
        }
        world.settle();
        world
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Arrive => self.arrive(),
            Step::Wait(millis) => self.now += Duration::from_millis(millis),
            Step::Write(count) => {
                for place in take(&mut self.producer, count) {
                    self.raw.push(self.ids[&place]);
                    self.underway.push_back(place);
                }
            }
            Step::Acknowledge(count) => {
                for place in take(&mut self.underway, count) {
                    self.accepted.insert(self.ids[&place]);
                    if self.course.acknowledged(place).is_some() {
                        self.disk.remove(&place);
                    }
                }
            }
            Step::Sync(count) => {
                for place in take(&mut self.to_disk, count) {
                    self.accepted.insert(self.ids[&place]);
                    self.disk.insert(place, self.ids[&place]);
                    if self.course.stored(place, self.ids[&place]).is_some() {
                        self.disk.remove(&place);
                    }
                }
            }
            Step::DiskFull => {
                for place in std::mem::take(&mut self.to_disk) {
                    self.course.not_stored(place);
                }
            }
            Step::Drain(count) => self.drain(count),
            Step::ProducerFails => {
                let underway = std::mem::take(&mut self.underway);
                for place in underway
                    .into_iter()
                    .chain(std::mem::take(&mut self.producer))
                {
                    let due = self.course.failed(place, self.now);
                    self.store(due);
                }
            }
            Step::Kill => self.kill(),
        }
    }

    fn arrive(&mut self) {
        let place = self.course.arrive();
        self.ids.insert(place, self.next_id);
        self.next_id += 1;
        match self.course.mode() {
            Mode::Live => {
                self.course.sent(place, self.now);
                self.producer.push_back(place);
            }
            Mode::Spooling | Mode::Draining => self.store(vec![place]),
        }
    }

    fn store(&mut self, places: Vec<Place>) {
        for place in places {
            self.course.storing(place);
            self.to_disk.push_back(place);
        }
    }

    fn drain(&mut self, count: usize) {
        for _ in 0..count {
            let Some(next) = self.course.next(self.now) else {
                return;
            };
            let place = next.place();
            if let Next::Disk(_, id) = next {
                assert_eq!(self.disk[&place], id);
            }
            self.course.sent_copy(place, 1_000, self.now);
            self.producer.push_back(place);
        }
    }

    fn kill(&mut self) {
        self.course = Course::new(self.disk.iter().map(|(place, id)| (*place, *id)));
        self.ids.clone_from(&self.disk);
        self.producer.clear();
        self.underway.clear();
        self.to_disk.clear();
    }

    /// Everything heals, and goes on until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.step(Step::Wait(100));
            self.step(Step::Sync(usize::MAX));
            self.step(Step::Write(usize::MAX));
            self.step(Step::Acknowledge(usize::MAX));
            self.drain(1_000);
            if self.course.at_rest() && self.course.mode() == Mode::Live {
                assert!(self.disk.is_empty(), "the spool is empty at rest");
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.course);
    }

    fn in_raw(&self) -> BTreeSet<Id> {
        self.raw.iter().copied().collect()
    }
}

fn take(from: &mut VecDeque<Place>, count: usize) -> Vec<Place> {
    from.drain(..count.min(from.len())).collect()
}

fn healing() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Arrive),
        2 => (0_u64..900).prop_map(Step::Wait),
        2 => (0_usize..6).prop_map(Step::Write),
        2 => (0_usize..6).prop_map(Step::Acknowledge),
        2 => (0_usize..6).prop_map(Step::Sync),
        2 => (0_usize..6).prop_map(Step::Drain),
    ]
}

fn harmful() -> impl Strategy<Value = Step> {
    prop_oneof![
        18 => healing(),
        1 => Just(Step::DiskFull),
        1 => Just(Step::ProducerFails),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_broker_that_is_frozen_again_and_again_costs_no_order_and_makes_no_duplicate(
        steps in prop::collection::vec(healing(), 0..150),
    ) {
        let world = World::after(&steps);
        let all: Vec<_> = (0..world.next_id).collect();
        prop_assert_eq!(world.raw, all);
    }

    #[test]
    fn what_was_accepted_is_never_lost_and_first_comes_in_order(
        steps in prop::collection::vec(harmful(), 0..150),
    ) {
        let world = World::after(&steps);
        prop_assert!(world.in_raw().is_superset(&world.accepted));
        let mut seen = BTreeSet::new();
        let firsts: Vec<_> = world.raw.iter().filter(|id| seen.insert(**id)).collect();
        prop_assert!(firsts.is_sorted(), "{firsts:?}");
    }
}

#[test]
fn a_partition_flips_after_its_patience_and_not_before() {
    let mut course: Course<Id> = Course::new([]);
    let now = Instant::now();
    for _ in 0..3 {
        let place = course.arrive();
        course.sent(place, now);
    }
    assert_eq!(course.acknowledged(1), None);
    let almost = now + FLIP_AFTER - Duration::from_millis(1);
    assert!(course.tick(almost).is_empty());
    assert_eq!(course.tick(now + FLIP_AFTER), [0, 2]);
    assert_eq!(course.mode(), Mode::Spooling);
}

#[test]
fn what_was_left_is_drained_before_what_comes_now() {
    let mut course = Course::new([(7, 70), (9, 90)]);
    let now = Instant::now();
    assert_eq!(course.mode(), Mode::Spooling);
    let place = course.arrive();
    course.storing(place);
    let mut order = Vec::new();
    while let Some(next) = course.next(now) {
        course.sent_copy(next.place(), 1, now);
        order.push(next);
    }
    assert_eq!(
        order,
        [Next::Disk(7, 70), Next::Disk(9, 90), Next::Memory(10)]
    );
    assert_eq!(course.mode(), Mode::Live);
}

#[test]
fn no_more_is_in_flight_than_fits_into_memory() {
    let mut course = Course::new((0..10).map(|place| (place, ())));
    let now = Instant::now();
    for _ in 0..2 {
        let Some(Next::Disk(place, ())) = course.next(now) else {
            panic!("there is room");
        };
        course.sent_copy(place, DRAINED_BYTES_MAX / 2, now);
    }
    assert_eq!(course.next(now), None);
    assert_eq!(course.mode(), Mode::Draining);
    course.acknowledged(0);
    assert!(course.next(now).is_some());
}

#[test]
fn after_a_failure_nothing_is_sent_before_all_has_ended_and_a_moment_is_over() {
    let mut course: Course<Id> = Course::new([(0, 0), (1, 1)]);
    let now = Instant::now();
    for place in [0, 1] {
        assert!(course.next(now).is_some());
        course.sent_copy(place, 1, now);
    }
    assert!(course.failed(0, now).is_empty());
    let later = now + AGAIN_AFTER;
    assert_eq!(course.next(later), None, "place 1 is still in flight");
    assert_eq!(course.acknowledged(1), Some(1));
    assert_eq!(course.next(now), None);
    assert_eq!(course.next(later), Some(Next::Disk(0, 0)));
}
