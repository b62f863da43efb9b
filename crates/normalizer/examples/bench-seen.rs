//! How fast the remembered ids of a partition are read back: `make bench-seen`.

#![expect(clippy::print_stdout, reason = "a bench prints what it found")]

use std::time::{Duration, Instant};

use clap::Parser;
use events::{Provider, Topic};
use kafka::{Cluster, Config, Failure, GroupConsumer, Record, Transactor};
use testkit::{Kafka, create_topic};

const PROVIDER: Provider = Provider::Genea;
const WINDOW: Duration = Duration::from_secs(7 * 86_400);
const BEGAN_AT: i64 = 1_767_225_600_000_000;
/// Records of one transaction.
const COMMIT: usize = 1_000;

#[derive(Parser)]
struct Flags {
    #[arg(long, default_value_t = 10_000_000)]
    ids: usize,
    /// Ids of one record; each record is a batch of its own, as a commit every 100 ms makes it.
    #[arg(long, value_delimiter = ',', default_value = "1000,100")]
    ids_a_record: Vec<usize>,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

fn main() -> Result<(), Failure> {
    let flags = Flags::parse();
    let kafka = Kafka::one_node();
    for ids_a_record in flags.ids_a_record {
        let cluster = Cluster::new(&Config {
            brokers: kafka.brokers().to_owned(),
            topic_prefix: format!("{}{ids_a_record}.", kafka.prefix()),
            kafka_set: vec!["batch.num.messages=1".parse().expect("a setting")],
        });
        let cluster = cluster.expect("the settings are good");
        create_topic(kafka.brokers(), &cluster.topic(Topic::Seen(PROVIDER)), 1);
        fill(&cluster, flags.ids, ids_a_record)?;
        for _ in 0..flags.rounds {
            let (began, cpu) = (Instant::now(), cpu_time());
            let ids = normalizer::remembered(&cluster, PROVIDER, 0, WINDOW)?;
            report(ids, ids_a_record, began.elapsed(), cpu_time() - cpu);
        }
    }
    Ok(())
}

fn report(ids: usize, ids_a_record: usize, took: Duration, cpu: Duration) {
    let rate = |time: Duration| {
        f64::from(u32::try_from(ids).unwrap_or(u32::MAX)) / time.as_secs_f64() / 1e6
    };
    let (a_second, a_core_second) = (rate(took), rate(cpu));
    println!(
        "{ids} ids, {ids_a_record} a record: {took:.1?}, {a_second:.2} million ids a second, \
         {a_core_second:.2} million a core-second"
    );
}

/// What this process has used of its cores, by Linux's clock ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Writes what a normalizer would have written, spread over six days.
fn fill(cluster: &Cluster, ids: usize, ids_a_record: usize) -> Result<(), Failure> {
    let topic = cluster.topic(Topic::Seen(PROVIDER));
    let member = GroupConsumer::join(
        cluster,
        &cluster.topic("bench"),
        "bench",
        std::slice::from_ref(&topic),
    )?;
    let mut out = Transactor::new(cluster, &cluster.topic("bench"));
    out.init()?;
    let mut done = 0;
    while done < ids {
        out.begin(member.metadata().expect("it has a group"))?;
        let end = ids.min(done + COMMIT * ids_a_record);
        while done < end {
            let next = end.min(done + ids_a_record);
            write(&out, &topic, done..next, ids)?;
            done = next;
        }
        out.commit(&[])?;
    }
    Ok(())
}

fn write(
    out: &Transactor,
    topic: &str,
    numbers: std::ops::Range<usize>,
    of: usize,
) -> Result<(), Failure> {
    let (first, next) = (numbers.start.to_string(), numbers.end.to_string());
    let number = i64::try_from(numbers.start).expect("not so many");
    let days = 6 * 86_400_000_000 / i64::try_from(of).expect("not so many");
    let at = (BEGAN_AT + number * days).to_string();
    // Odd multipliers spread the numbers over all bits, as a digest would.
    let spread = |number: usize| {
        (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    };
    let value: Vec<u8> = numbers
        .flat_map(|number| spread(number).to_be_bytes())
        .collect();
    out.send(&Record {
        topic,
        partition: Some(0),
        key: None,
        headers: &[
            ("first", first.as_bytes()),
            ("next", next.as_bytes()),
            ("stream_time", at.as_bytes()),
        ],
        value: Some(&value),
    })
}
