//! Kafka is killed under load, and then ingest as well, with deliveries in its spool.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use events::Provider;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Cluster, Isolation, Kafka, free_port, read_topic, wait_until};
use tokio::task::JoinSet;

use crate::program::{DEADLINE, binary, sources};
use crate::sender::{self, Sender};

const DOORS: usize = 12;

/// Where ingest runs, again and again.
struct Site {
    kafka: Cluster,
    spool: TempDir,
    ingest: u16,
    admin: u16,
}

/// Killed when dropped, as with `kill -9`.
struct Ingest(Child);

/// One sender for each door; each waits for an answer before its next scan.
struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    doors: JoinSet<Vec<String>>,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            kafka: Kafka::one_node(),
            spool: tempfile::tempdir().unwrap(),
            ingest: free_port(),
            admin: free_port(),
        };
        site.cardea(&["topics", "--partitions", "3"]);
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env("CARDEA_BROKERS", self.kafka.brokers())
            .env("CARDEA_TOPIC_PREFIX", self.kafka.prefix())
            .env("CARDEA_SPOOL_DIR", self.spool.path());
        command
    }

    fn cardea(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).stderr(Stdio::inherit()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    /// Starts ingest and waits until it takes deliveries.
    async fn start(&self) -> Ingest {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let (ingest, admin) = (address(self.ingest), address(self.admin));
        let sources = sources();
        let flags = [
            "ingest",
            "--partitions",
            "3",
            "--sources",
            sources.to_str().unwrap(),
        ];
        let child = self
            .command(&flags)
            .args(["--ingest-address", &ingest, "--admin-address", &admin])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let ingest = Ingest(child);
        let ready = async || {
            let answer = sender::get(self.admin, "/ready").await;
            answer.is_some_and(|(status, _)| status == 200)
        };
        wait_until("ingest to be ready", DEADLINE, ready).await;
        ingest
    }

    fn load(&self) -> Load {
        let (stop, accepted) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut doors = JoinSet::new();
        for door in 0..DOORS {
            let sender = Sender::new(self.ingest);
            let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
            doors.spawn(async move {
                let mut scans = Vec::new();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let body = scan(door, number);
                    if sender.post(Provider::Genea, "", &body).await == Some(200) {
                        scans.push(body);
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                }
                scans
            });
        }
        Load {
            stop,
            accepted,
            doors,
        }
    }

    /// Waits until nothing waits on disk any more.
    async fn drained(&self) {
        let empty = async || {
            let Some((_, metrics)) = sender::get(self.admin, "/metrics").await else {
                return false;
            };
            let metrics = String::from_utf8(metrics.to_vec()).unwrap();
            let mut gauges = metrics
                .lines()
                .filter(|line| line.starts_with("cardea_ingest_spool_deliveries{"))
                .peekable();
            gauges.peek().is_some() && gauges.all(|line| line.ends_with(" 0"))
        };
        wait_until("an empty spool", DEADLINE, empty).await;
    }

    /// Returns the bodies in raw by key, each once, in the order in which they first came.
    fn firsts(&self) -> BTreeMap<Vec<u8>, Vec<String>> {
        let topic = format!("{}raw.genea", self.kafka.prefix());
        let (mut seen, mut firsts) = (BTreeSet::new(), BTreeMap::new());
        for record in read_topic(self.kafka.brokers(), &topic, Isolation::ReadUncommitted) {
            let body = String::from_utf8(record.value.unwrap()).unwrap();
            if seen.insert(body.clone()) {
                let of_key: &mut Vec<_> = firsts.entry(record.key.unwrap()).or_default();
                of_key.push(body);
            }
        }
        firsts
    }
}

impl Load {
    /// Waits until so many more are accepted.
    async fn goes_on(&self, more: usize) {
        let goal = self.accepted.load(Ordering::Relaxed) + more;
        let reached = async || self.accepted.load(Ordering::Relaxed) >= goal;
        wait_until("accepted deliveries", DEADLINE, reached).await;
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn scan(door: usize, number: usize) -> String {
    format!(
        r#"{{"uuid":"scan-{door}-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{door}"}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_with_deliveries_in_the_spool_loses_none() {
    let site = Site::new();
    let ingest = site.start().await;
    let load = site.load();
    load.goes_on(200).await;
    site.kafka.kill_node(1);
    load.goes_on(500).await;
    drop(ingest);
    let ingest = site.start().await;
    load.goes_on(500).await;
    drop(ingest);
    site.kafka.start_node(1);
    let ingest = site.start().await;
    load.goes_on(200).await;
    load.stop.store(true, Ordering::Relaxed);
    let accepted = load.doors.join_all().await;
    site.drained().await;

    let firsts = site.firsts();
    for scans in accepted {
        let came: Vec<_> = firsts
            .values()
            .flatten()
            .filter(|body| scans.contains(body))
            .collect();
        assert!(came.into_iter().eq(&scans), "lost, or out of order");
    }
    // The log is written half a second behind the answers.
    let mut found = Value::Null;
    let told = async || {
        // A broker that has just started may not find the groups yet.
        found = serde_json::from_str(&site.cardea(&["audit", "--json"])).unwrap_or_default();
        found["holds"] == true
    };
    wait_until("an audit without offenders", DEADLINE, told).await;
    drop(ingest);
}
