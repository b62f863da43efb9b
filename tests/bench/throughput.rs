//! Records per core-second, product and yardstick interleaved.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::Kind;
use crate::process::Subject;
use crate::site::{Layout, Site, progress};

const RATIO_MIN: f64 = 0.8;
/// They cost at most 15 %.
const TRANSACTIONS_MIN: f64 = 0.85;
const STALLED: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    layout: Layout,
    /// Raw records in the backlog.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How often each is run, one after the other.
    #[arg(long, default_value_t = 5)]
    pairs: u16,
    /// How old a transaction becomes.
    #[arg(long, default_value = "100ms", value_parser = service::duration::parse)]
    commit_interval: Duration,
}

/// What one run took.
#[derive(Clone, Copy, Debug)]
struct Run {
    subject: Subject,
    per_core_second: f64,
    per_second: f64,
    resident_bytes: u64,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    crate::print_machine();
    let mut site = Site::new(args.layout);
    println!("backlog: {} raw records; {:?}", args.records, args.layout);
    println!(
        "\n{:<32}{:>16}{:>14}{:>10}",
        "", "records/core-s", "records/s", "RSS MiB"
    );
    let subjects = [
        Subject::Product,
        Subject::Yardstick(Kind::Bare),
        Subject::Yardstick(Kind::AtLeastOnce),
    ];
    let mut runs = Vec::new();
    for _ in 0..args.pairs {
        for subject in subjects {
            site.renew();
            let distinct = site.fill(args.records);
            let run = measure(&site, subject, args.commit_interval);
            if let Err(wrong) = site.check_output(distinct) {
                println!("{:<32}no result: {wrong}", subject.name());
                return ExitCode::FAILURE;
            }
            println!(
                "{:<32}{:>16.0}{:>14.0}{:>10}",
                subject.name(),
                run.per_core_second,
                run.per_second,
                run.resident_bytes >> 20
            );
            runs.push(run);
        }
    }
    report(&runs)
}

fn measure(site: &Site, subject: Subject, commit_interval: Duration) -> Run {
    let watch = site.watch();
    let mut process = subject.start(site, commit_interval);
    let started = Instant::now();
    let mut first = None;
    let (_, records) = watch.committed();
    let progress = progress(subject.name(), u64::try_from(records).unwrap());
    loop {
        let (committed, records) = watch.committed();
        progress.set_position(u64::try_from(committed).unwrap());
        if committed > 0 {
            first.get_or_insert((committed, Instant::now()));
        }
        if committed >= records {
            break;
        }
        assert!(started.elapsed() < STALLED, "{subject:?} does not get on");
        std::thread::sleep(Duration::from_millis(50));
    }
    progress.finish_and_clear();
    let usage = process.usage();
    let (at_first, first_at) = first.unwrap();
    Run {
        subject,
        per_core_second: records as f64 / usage.cpu.as_secs_f64(),
        per_second: (records - at_first) as f64 / first_at.elapsed().as_secs_f64(),
        resident_bytes: usage.resident_bytes,
    }
}

/// Median and range of the ratios of one run to the other of its pair.
struct Ratios(Vec<f64>);

impl Ratios {
    fn of(runs: &[Run], a: Subject, b: Subject, value: fn(&Run) -> f64) -> Self {
        let of = |subject| runs.iter().filter(move |run| run.subject == subject);
        let pairs = of(a).zip(of(b));
        let mut ratios: Vec<_> = pairs.map(|(a, b)| value(a) / value(b)).collect();
        ratios.sort_by(f64::total_cmp);
        Self(ratios)
    }

    fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        f64::midpoint(self.0[(self.0.len() - 1) / 2], self.0[middle])
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        write!(f, "{:.3} ({least:.3} to {most:.3})", self.median())
    }
}

fn report(runs: &[Run]) -> ExitCode {
    let bare = Subject::Yardstick(Kind::Bare);
    let without = Subject::Yardstick(Kind::AtLeastOnce);
    let per_core: fn(&Run) -> f64 = |run| run.per_core_second;
    let per_second: fn(&Run) -> f64 = |run| run.per_second;
    let lines = [
        ("product to yardstick", Subject::Product, bare, RATIO_MIN),
        (
            "yardstick, transactions to none",
            bare,
            without,
            TRANSACTIONS_MIN,
        ),
    ];
    println!();
    let mut missed = false;
    for (what, a, b, least) in lines {
        let ratios = Ratios::of(runs, a, b, per_core);
        let met = ratios.median() >= least;
        missed |= !met;
        let verdict = if met { "pass" } else { "FAIL" };
        println!("{what}, per core-second   {ratios}   at least {least:.2}: {verdict}");
        println!(
            "{what}, per second        {}",
            Ratios::of(runs, a, b, per_second)
        );
    }
    ExitCode::from(u8::from(missed))
}
