//! What no test can bring about from outside: a disk that hangs, a producer that fails for good.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;

use bytes::Bytes;
use futures::FutureExt;
use service::Metrics;
use spool::Disk;
use testkit::{Isolation, Kafka, read_topic, wait_until};

use super::*;
use crate::config::SpoolFolder;

const SOON: Duration = Duration::from_secs(30);

/// Spooling with its threads.
struct Running {
    spooling: Spooling,
    threads: [JoinHandle<()>; 2],
}

impl Running {
    fn start(dir: &Path, disk: Box<dyn Disk>, at: (&str, &str)) -> Self {
        Self::of(open(dir, disk, at))
    }

    fn of(spooling: Spooling) -> Self {
        let (writing, draining) = (Arc::clone(&spooling.0), Arc::clone(&spooling.0));
        let threads = [
            std::thread::spawn(move || writing.write()),
            std::thread::spawn(move || drain::run(&draining)),
        ];
        Self { spooling, threads }
    }

    fn end(self) {
        self.spooling.end();
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn open(dir: &Path, disk: Box<dyn Disk>, (brokers, prefix): (&str, &str)) -> Spooling {
    let config = SpoolConfig {
        folder: SpoolFolder {
            spool_dir: dir.to_owned(),
        },
        no_spool: false,
        spool_bytes_max: 1 << 24,
        spool_drain_rate: 1 << 24,
    };
    let cluster = Cluster::new(&kafka::Config {
        brokers: brokers.to_owned(),
        topic_prefix: prefix.to_owned(),
        kafka_set: Vec::new(),
    });
    let opened = spool::open(dir, config.spool_bytes_max, disk).unwrap();
    let metrics = IngestMetrics::register(&Metrics::new());
    Spooling::new(opened, &config, &cluster.unwrap(), &metrics).unwrap()
}

fn content(key: usize, number: usize) -> RawContent {
    RawContent {
        key: format!("key {key}").into_bytes(),
        headers: Vec::new(),
        body: Bytes::from(number.to_string()),
    }
}

/// Each sync waits for a word.
struct Hanging(Receiver<()>);

impl Disk for Hanging {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        LocalDisk.write(file, bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.0.recv().ok();
        LocalDisk.sync(file)
    }
}

#[tokio::test]
async fn a_disk_that_hangs_delays_no_answer_beyond_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let (go, hangs) = mpsc::channel();
    let away = ("127.0.0.1:1", "");
    let running = Running::start(dir.path(), Box::new(Hanging(hangs)), away);
    running.spooling.0.counts.learn("raw.genea", 1);
    let deadline = || Instant::now() + course::FLIP_AFTER + Duration::from_secs(1);
    let keep = |number| {
        running
            .spooling
            .keep("raw.genea", content(0, number), deadline())
    };
    let began_at = Instant::now();
    let (first, second) = tokio::join!(keep(1), keep(2));
    assert!(matches!(first, Err(NotKept::Unavailable)));
    assert!(matches!(second, Err(NotKept::Unavailable)));
    assert!(began_at.elapsed() < Duration::from_secs(4));
    // Neither was accepted; that they are kept all the same is no harm.
    drop(go);
    assert_eq!(keep(3).await.unwrap(), (0, Durable::InSpool));
    running.end();
    let left = spool::open(dir.path(), 0, Box::new(LocalDisk)).unwrap();
    assert_eq!(left.found.len(), 3);
}

#[tokio::test]
async fn what_is_damaged_holds_up_nothing_and_is_counted() {
    let kafka = Kafka::shared();
    let topic = format!("{}raw.genea", kafka.prefix());
    testkit::create_topic(kafka.brokers(), &topic, 1);
    let dir = tempfile::tempdir().unwrap();
    let away = Running::start(
        dir.path(),
        Box::new(LocalDisk),
        ("127.0.0.1:1", kafka.prefix()),
    );
    away.spooling.0.counts.learn(&topic, 1);
    for number in 1_000..1_003 {
        let kept = away
            .spooling
            .keep(&topic, content(0, number), Instant::now() + SOON);
        assert_eq!(kept.await.unwrap(), (0, Durable::InSpool));
    }
    away.end();

    let spooling = open(
        dir.path(),
        Box::new(LocalDisk),
        (kafka.brokers(), kafka.prefix()),
    );
    assert_eq!(spooling.copies(), 3);
    let files = std::fs::read_dir(dir.path()).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let entries = files.find(|path| path.extension().is_some_and(|it| it == "entries"));
    let entries = entries.unwrap();
    let mut bytes = std::fs::read(&entries).unwrap();
    let at = bytes
        .windows(4)
        .position(|window| window == b"1001")
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&entries, bytes).unwrap();

    let running = Running::of(spooling);
    let empty = async || running.spooling.copies() == 0;
    wait_until("an empty spool", SOON, empty).await;
    assert_eq!(running.spooling.0.spool.stats().unreadable, 1);
    running.end();
    let records = read_topic(kafka.brokers(), &topic, Isolation::ReadUncommitted);
    let bodies: Vec<_> = records
        .iter()
        .map(|it| it.value.as_deref().unwrap())
        .collect();
    assert_eq!(bodies, [b"1000", b"1002"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_fails_for_good_loses_nothing_and_the_next_one_keeps_the_order() {
    const KEYS: usize = 8;
    const EACH: usize = 400;
    /// Deliveries of one key under way at once.
    const WINDOW: usize = 8;
    let kafka = Kafka::shared();
    let topic = format!("{}raw.genea", kafka.prefix());
    testkit::create_topic(kafka.brokers(), &topic, 2);
    let dir = tempfile::tempdir().unwrap();
    let at = (kafka.brokers(), kafka.prefix());
    let running = Running::start(dir.path(), Box::new(LocalDisk), at);
    running.spooling.0.counts.learn(&topic, 2);
    let mut keys = tokio::task::JoinSet::new();
    for key in 0..KEYS {
        let (spooling, topic) = (running.spooling.clone(), topic.clone());
        keys.spawn(async move {
            for first in (0..EACH).step_by(WINDOW) {
                let mut window = Vec::new();
                for number in first..first + WINDOW {
                    let content = content(key, number);
                    let mut kept = Box::pin(spooling.keep(&topic, content, Instant::now() + SOON));
                    // Asked once, it has been taken, in its turn.
                    match kept.as_mut().now_or_never() {
                        Some(kept) => drop(kept.unwrap()),
                        None => window.push(kept),
                    }
                }
                for kept in window {
                    kept.await.unwrap();
                }
            }
        });
    }
    while !keys.is_empty() {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let shared = Arc::clone(&running.spooling.0);
        let renewed = tokio::task::spawn_blocking(move || {
            let mut renewal = Renewal::default();
            while renewal.renewed_at.is_none() {
                shared.renew_producer(&mut renewal);
            }
        });
        renewed.await.unwrap();
        while keys.try_join_next().is_some() {}
    }
    let partitions = || running.spooling.0.partitions();
    let rest = async || partitions().iter().all(|partition| partition.at_rest());
    wait_until("an empty spool", SOON, rest).await;
    running.end();
    let mut firsts: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for record in read_topic(kafka.brokers(), &topic, Isolation::ReadUncommitted) {
        let number = String::from_utf8(record.value.unwrap()).unwrap();
        let of_key = firsts.entry(record.key).or_default();
        let number = number.parse().unwrap();
        if !of_key.contains(&number) {
            of_key.push(number);
        }
    }
    assert_eq!(firsts.len(), KEYS);
    assert!(
        firsts
            .values()
            .all(|numbers| numbers.iter().copied().eq(0..EACH))
    );
}
