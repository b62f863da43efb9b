//! What is measured runs as a process of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Kind;
use crate::site::Site;

/// The kernel counts CPU time for user space in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Product,
    Yardstick(Kind),
}

/// A running subject; killed when dropped.
pub(crate) struct Process(Child);

/// What a process has used until now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Yardstick(Kind::Bare) => "yardstick",
            Self::Yardstick(Kind::AtLeastOnce) => "yardstick without transactions",
        }
    }

    pub(crate) fn start(self, site: &Site, commit_interval: Duration) -> Process {
        let interval = format!("{}ms", commit_interval.as_millis());
        let mut command = match self {
            Self::Product => {
                let mut command = Command::new(beside("cardea"));
                let admin = format!("127.0.0.1:{}", testkit::free_port());
                let partitions = site.partitions.to_string();
                command
                    .args(["normalizer", "--instance", "bench", "--workers", "1"])
                    .args(["--partitions", &partitions, "--admin-address", &admin]);
                command
            }
            Self::Yardstick(kind) => {
                let mut command = Command::new(beside("bench-normalizer"));
                let kind = clap::ValueEnum::to_possible_value(&kind).unwrap();
                command.args(["yardstick", "--kind", kind.get_name()]);
                command
            }
        };
        command
            .args(["--brokers", site.brokers()])
            .args(["--topic-prefix", site.prefix()])
            .args(["--commit-interval", &interval])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Process(command.spawn().unwrap())
    }
}

impl Process {
    pub(crate) fn usage(&mut self) -> Usage {
        assert_eq!(self.0.try_wait().unwrap(), None, "it ended by itself");
        let file = |name| {
            let path = format!("/proc/{}/{name}", self.0.id());
            std::fs::read_to_string(path).unwrap()
        };
        let stat = file("stat");
        // The name before may hold blanks; then user time is the 12th field and system time the 13th.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: u32 = ticks.map(|field| field.parse::<u32>().unwrap()).sum();
        let status = file("status");
        let resident = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = resident.unwrap().split_whitespace().nth(1).unwrap();
        Usage {
            cpu: TICK * ticks,
            resident_bytes: kilobytes.parse::<u64>().unwrap() * 1_024,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A program of the same build.
pub(crate) fn beside(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.with_file_name(name);
    assert!(program.exists(), "build {name} as well");
    program
}
