//! `make bench-normalizer`: what the normalizer costs, beside the same loop written bare.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and fails by panicking"
)]

mod latency;
mod mix;
mod process;
mod site;
mod throughput;

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use yardstick::{Commits, Options};

/// Measures the normalizer on a real Kafka of its own, on this machine.
///
/// Kafka, the generator and what is measured share its cores: only ratios of one run mean anything.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Works off a backlog with the product and with the yardstick, one after the other.
    Throughput(throughput::Args),
    /// Measures what the normalizer adds to an event's way, at a constant arrival rate.
    Latency(latency::Args),
    /// Runs the yardstick until it is killed.
    Yardstick(YardstickArgs),
}

#[derive(Debug, clap::Args)]
struct YardstickArgs {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    topic_prefix: String,
    #[arg(long, default_value = "100ms", value_parser = service::duration::parse)]
    commit_interval: Duration,
    #[arg(long, value_enum, default_value_t = Kind::Bare)]
    kind: Kind,
}

/// Which of the yardsticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Bare,
    /// The same without transactions.
    AtLeastOnce,
}

fn main() -> ExitCode {
    match Args::parse().what {
        What::Throughput(args) => throughput::run(&args),
        What::Latency(args) => latency::run(&args),
        What::Yardstick(args) => run_yardstick(&args),
    }
}

fn run_yardstick(args: &YardstickArgs) -> ExitCode {
    let commits = match args.kind {
        Kind::Bare => Commits::Transactional,
        Kind::AtLeastOnce => Commits::AtLeastOnce,
    };
    let options = Options {
        brokers: &args.brokers,
        topic_prefix: &args.topic_prefix,
        commit_interval: args.commit_interval,
        commits,
        plant: None,
    };
    yardstick::run(options, &AtomicBool::new(false));
    ExitCode::SUCCESS
}

/// Names the machine, without which no absolute number means anything.
fn print_machine() {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = model.map_or("unknown cpu", |(_, name)| name.trim());
    println!("machine: {model}, {cores} cores; Kafka and generator share them");
}
