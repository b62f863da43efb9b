//! A Kafka of its own for one test, whose nodes may be killed and frozen.

use std::fs::{self, File};
use std::path::PathBuf;

use uuid::Uuid;

use crate::kafka::unique_prefix;
use crate::proxy::{Proxy, Route};
use crate::script;

/// Stopped when dropped, and ten seconds after a kill of this process. Nodes count from 1.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    brokers: String,
    prefix: String,
    _lease: File,
}

impl Cluster {
    pub(crate) fn start(nodes: u8) -> Self {
        let dir = script::folder(&format!("test-kafka-{}", Uuid::new_v4()));
        fs::create_dir_all(&dir).expect("create the cluster's folder");
        let lease_file = dir.join("lease");
        let lease = script::lease(&lease_file);
        let lease_path = lease_file.to_str().expect("the project's path is text");
        let nodes = nodes.to_string();
        let brokers = script::run(
            "start",
            &dir,
            &["--port", "0", "--nodes", &nodes, "--lease", lease_path],
        );
        Self {
            dir,
            brokers,
            prefix: unique_prefix(),
            _lease: lease,
        }
    }

    /// The bootstrap servers of all nodes.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The prefix of this test's topics, as of the shared Kafka.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Starts a proxy before all nodes; there can be one at a time.
    pub fn proxy(&self) -> Proxy {
        let file = self.dir.join("proxied");
        let lines = fs::read_to_string(file).expect("read where a proxy may listen");
        let address = |text: &str| text.parse().expect("an address");
        let routes: Vec<_> = lines
            .lines()
            .map(|line| {
                let (listen, node) = line.split_once(' ').expect("two addresses");
                Route {
                    listen: address(listen),
                    node: address(node),
                }
            })
            .collect();
        Proxy::start(&routes)
    }

    /// Ends a node with `kill -9`.
    pub fn kill_node(&self, node: u8) {
        self.node("kill-node", node, &[]);
    }

    /// Starts a killed node on its old port and data; returns once it serves.
    pub fn start_node(&self, node: u8) {
        self.node("start-node", node, &[]);
    }

    /// Stops a node's clock: its connections stay open and nothing answers.
    pub fn freeze_node(&self, node: u8) {
        self.node("kill-node", node, &["--signal", "STOP"]);
    }

    /// Lets a frozen node go on.
    pub fn thaw_node(&self, node: u8) {
        self.node("kill-node", node, &["--signal", "CONT"]);
    }

    fn node(&self, command: &str, node: u8, options: &[&str]) {
        let node = node.to_string();
        script::run(
            command,
            &self.dir,
            &[&["--node", node.as_str()], options].concat(),
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script::run("stop", &self.dir, &[]);
    }
}
