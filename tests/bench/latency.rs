//! What the normalizer adds to an event's way: from the moment at which its raw record was to be
//! written, at a constant arrival rate, until a reader of committed records has it.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use events::{CanonicalTopic, Time, Topic, wire};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::Producer;
use rdkafka::{Offset, TopicPartitionList};

use crate::mix::{Kinds, Mix};
use crate::process::Subject;
use crate::site::{Layout, Site};

/// At these intervals the 99th percentile is at most twice the interval.
const JUDGED_MS: [u64; 2] = [50, 100];
const STEP: Duration = Duration::from_millis(1);
const STALLED: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    layout: Layout,
    /// Raw records a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How long is measured at each interval.
    #[arg(long, default_value = "30s", value_parser = service::duration::parse)]
    time: Duration,
    /// How long the normalizer works before.
    #[arg(long, default_value = "10s", value_parser = service::duration::parse)]
    warm_up: Duration,
    /// Commit intervals, in milliseconds.
    #[arg(long, value_delimiter = ',', default_value = "10,25,50,100")]
    intervals: Vec<u64>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    crate::print_machine();
    let Args { layout, rate, .. } = args;
    println!("{rate} raw records a second; {layout:?}\n");
    println!(
        "{:<18}{:>10}{:>10}{:>10}  (ms)",
        "commit interval", "p50", "p99", "max"
    );
    let mut missed = false;
    let mut site = Site::new(args.layout);
    for interval in &args.intervals {
        site.renew();
        let mut process = Subject::Product.start(&site, Duration::from_millis(*interval));
        let mut latencies = measure(&site, args);
        process.usage();
        drop(process);
        latencies.sort_unstable();
        let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
        let [p50, p99, max] = [at(0.5), at(0.99), latencies[latencies.len() - 1]]
            .map(|micros| micros as f64 / 1_000.0);
        let verdict = match JUDGED_MS.contains(interval) {
            true if p99 <= 2.0 * *interval as f64 => "p99 at most twice the interval: pass",
            true => {
                missed = true;
                "p99 at most twice the interval: FAIL"
            }
            false => "",
        };
        println!("{interval:<18}{p50:>10.1}{p99:>10.1}{max:>10.1}  {verdict}");
    }
    ExitCode::from(u8::from(missed))
}

/// Sends at the rate, reads what comes out; returns the microseconds that each event took. The
/// warm-up begins with the first event that comes out: a normalizer takes seconds to start.
fn measure(site: &Site, args: &Args) -> Vec<i64> {
    let reader = reader(site);
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut sender = Some(scope.spawn(|| send(site, args, &enough)));
        let mut latencies = Vec::new();
        let mut measured_from = None;
        let mut came_out = 0;
        let mut sent = None;
        let mut last_at = Instant::now();
        while sent.is_none_or(|sent| came_out < sent) {
            if sender.as_ref().is_some_and(|sender| sender.is_finished()) {
                sent = sender.take().map(|sender| sender.join().unwrap());
            }
            assert!(last_at.elapsed() < STALLED, "events are missing");
            let Some(record) = reader.poll(STEP) else {
                continue;
            };
            last_at = Instant::now();
            came_out += 1;
            let now = service::clock::now();
            let from = *measured_from.get_or_insert(now + args.warm_up);
            enough.store(now >= from + args.time, Ordering::Relaxed);
            let event = wire::decode(record.unwrap().payload().unwrap()).unwrap();
            let sent_at = event.envelope.received_at;
            if (from.into()..(from + args.time).into()).contains(&sent_at) {
                latencies.push(Time::from(now).micros() - sent_at.micros());
            }
        }
        assert_eq!(Some(came_out), sent, "events came out twice");
        latencies
    })
}

/// Sends each record at its time, or as soon as it can; its time of receipt says when that was to
/// be. Returns how many distinct events there were.
fn send(site: &Site, args: &Args, enough: &AtomicBool) -> u64 {
    let (start, began_at) = (Instant::now(), service::clock::now());
    let producer = site.producer();
    let mut mix = Mix::new(Kinds::Mixed, 2);
    let mut due = Duration::ZERO;
    let latest = STALLED + args.warm_up + args.time;
    while !enough.load(Ordering::Relaxed) && due < latest {
        if let Some(early) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(early);
        }
        site.send(&producer, &mix.next((began_at + due).into()));
        due += Duration::from_secs(1) / args.rate;
    }
    producer.flush(STALLED).unwrap();
    mix.distinct
}

fn reader(site: &Site) -> BaseConsumer {
    let reader: BaseConsumer = site
        .client()
        .set("group.id", "bench-reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for topic in CanonicalTopic::ALL {
        let topic = site.topic(Topic::Canonical(topic));
        for partition in 0..i32::from(site.partitions) {
            all.add_partition_offset(&topic, partition, Offset::Beginning)
                .unwrap();
        }
    }
    reader.assign(&all).unwrap();
    reader
}
