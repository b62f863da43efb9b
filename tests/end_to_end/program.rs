//! `cardea all` as a child process, with ports and topics of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use events::{CanonicalTopic, Event, wire};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Endpoint, Isolation, Kafka, OwnedRecord, free_port, read_topic, wait_until};

use crate::sender;

pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// Where a program runs; it can be started there again and again.
pub(crate) struct Site {
    kafka: Kafka,
    spool: TempDir,
    ingest: u16,
    console: u16,
    admin: u16,
}

/// A running program; killed when dropped.
pub(crate) struct Program(Child);

/// The secret of a subscription and the endpoint that it names.
pub(crate) struct Subscriber {
    pub(crate) endpoint: Endpoint,
    pub(crate) secret: String,
}

impl Site {
    /// Makes the topics.
    pub(crate) fn new() -> Self {
        let site = Self {
            kafka: Kafka::shared(),
            spool: tempfile::tempdir().unwrap(),
            ingest: free_port(),
            console: free_port(),
            admin: free_port(),
        };
        site.run(&["topics", "--partitions", "3"]);
        site
    }

    /// Starts the program and waits until it is ready.
    pub(crate) async fn start(&self) -> Program {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let child = self
            .command("all")
            .args(["--sources", sources().to_str().unwrap()])
            .args(["--ingest-address", &address(self.ingest)])
            .args(["--console-address", &address(self.console)])
            .args(["--admin-address", &address(self.admin)])
            .args([
                "--instance",
                "test",
                "--partitions",
                "3",
                "--allow-private-endpoints",
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut program = Program(child);
        let ready = async || {
            assert_eq!(program.0.try_wait().unwrap(), None, "the program ended");
            sender::get(self.admin, "/ready")
                .await
                .is_some_and(|(status, _)| status == 200)
        };
        wait_until("the program to be ready", DEADLINE, ready).await;
        program
    }

    /// Subscribes an endpoint that takes everything to all events.
    pub(crate) fn subscribe(&self, endpoint: Endpoint) -> Subscriber {
        let url = endpoint.url();
        let created = self.run(&[
            "subscriptions",
            "create",
            "--url",
            &url,
            "--event-types",
            "*",
            "--allow-private-endpoints",
            "--json",
        ]);
        let created: Value = serde_json::from_str(&created).unwrap();
        let secret = created["secret"].as_str().unwrap().to_owned();
        Subscriber { endpoint, secret }
    }

    /// Runs a subcommand to its end and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let (code, printed) = self.try_run(arguments);
        assert_eq!(code, 0, "cardea {arguments:?}: {printed}");
        printed
    }

    /// Runs a subcommand to its end and returns its exit code and what it printed; what it had to
    /// remark is among the test's own output.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self
            .command(arguments[0])
            .args(&arguments[1..])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), printed)
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(binary());
        command
            .arg(subcommand)
            .env("CARDEA_SPOOL_DIR", self.spool.path())
            .env("CARDEA_BROKERS", self.kafka.brokers())
            .env("CARDEA_TOPIC_PREFIX", self.kafka.prefix());
        command
    }

    pub(crate) fn ingest(&self) -> u16 {
        self.ingest
    }

    pub(crate) fn console(&self) -> u16 {
        self.console
    }

    pub(crate) fn brokers(&self) -> &str {
        self.kafka.brokers()
    }

    /// Returns the physical name of a topic or group.
    pub(crate) fn topic(&self, logical: &str) -> String {
        format!("{}{logical}", self.kafka.prefix())
    }

    pub(crate) fn read(&self, topic: &str) -> Vec<OwnedRecord> {
        read_topic(self.brokers(), &self.topic(topic), Isolation::ReadCommitted)
    }

    /// Returns all canonical events.
    pub(crate) fn events(&self) -> Vec<Event> {
        let topics = CanonicalTopic::ALL.into_iter();
        let records = topics.flat_map(|topic| self.read(topic.name()));
        records
            .map(|record| wire::decode(&record.value.unwrap()).unwrap())
            .collect()
    }
}

impl Program {
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end and returns whether it ended well.
    pub(crate) async fn terminate(mut self) -> bool {
        let id = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(asked.success());
        let mut ended = None;
        let gone = async || {
            ended = self.0.try_wait().unwrap();
            ended.is_some()
        };
        wait_until("the program to end", DEADLINE, gone).await;
        ended.unwrap().success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().ok();
        }
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

pub(crate) fn sources() -> PathBuf {
    root().join("deploy/local/sources.yaml")
}

/// The program that the same build has put beside the tests.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap().join("cardea");
    assert!(
        built.exists(),
        "build it first: cargo build --workspace --bins --tests"
    );
    built
}
