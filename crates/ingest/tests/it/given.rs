//! A running ingest, and a sender that knows nothing of it: its own HTTP, its own signatures.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ingest::request_log::Entry;
use ingest::{Config, FrontConfig, Ingest, ReplayWindow, SourcesFile, SpoolConfig, SpoolFolder};
use service::{Context, OnFailure};
use sha1::Sha1;
use sha2::Sha256;
use tempfile::TempDir;
use testkit::{Isolation, Kafka, OwnedRecord};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const SECRET: &str = "a secret of the tests, long enough";
pub(crate) const BODY_BYTES_MAX: u32 = 4_096;

const SOURCES: &str = "sources:
  - {id: glofox, provider: glofox, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}]}
  - {id: alocity, provider: alocity, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}]}
  - {id: gxp, provider: gxp, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}], gxp_paths: [access-event]}
  - {id: genea, provider: genea, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}]}
  - {id: accessgrid, provider: accessgrid, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}]}
  - {id: cvent, provider: cvent, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}]}
  - {id: walled, provider: genea, tenant: acme, secrets: [{text: 'a secret of the tests, long enough'}], allow_from: [203.0.113.0/24]}
  - {id: rotating, provider: genea, tenant: acme, secrets: [{text: old}, {text: new}, {text: expired, not_after: 2020-01-01T00:00:00Z}]}
";

/// A running ingest on a port of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) context: Context,
    /// Of its sources and its spool.
    _folder: Arc<TempDir>,
}

/// An answer: its head as it came, in lower case, and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn config(sources: &Path) -> Config {
    Config {
        sources_file: SourcesFile {
            sources: sources.to_owned(),
        },
        front: FrontConfig {
            ingest_address: "127.0.0.1:0".parse().unwrap(),
            ingest_tls_cert: None,
            ingest_tls_key: None,
            ingest_trusted_proxies: Vec::new(),
            ingest_connections_max: 100,
            ingest_connections_each_max: 100,
            ingest_requests_max: 100,
            ingest_requests_each_max: 100,
        },
        body_bytes_max: BODY_BYTES_MAX,
        body_memory_max: 64 * BODY_BYTES_MAX,
        replay: ReplayWindow {
            replay_window: Duration::from_secs(7 * 86_400),
        },
        spool: SpoolConfig {
            folder: SpoolFolder {
                spool_dir: sources.with_file_name("spool"),
            },
            no_spool: false,
            spool_bytes_max: 64 * 1_048_576,
            spool_drain_rate: 16 * 1_048_576,
        },
    }
}

pub(crate) fn cluster(brokers: &str, prefix: &str) -> kafka::Cluster {
    kafka::Cluster::new(&kafka::Config {
        brokers: brokers.to_owned(),
        topic_prefix: prefix.to_owned(),
        kafka_set: Vec::new(),
    })
    .unwrap()
}

/// Starts ingest against that Kafka.
pub(crate) async fn ingest(brokers: &str, prefix: &str) -> Running {
    ingest_in(&folder(), brokers, prefix, |_| {}).await
}

/// A folder with the sources, and room for the spool.
pub(crate) fn folder() -> Arc<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sources.yaml"), SOURCES).unwrap();
    Arc::new(folder)
}

/// Starts ingest in a folder, with settings changed.
pub(crate) async fn ingest_in(
    folder: &Arc<TempDir>,
    brokers: &str,
    prefix: &str,
    change: impl FnOnce(&mut Config),
) -> Running {
    let mut config = config(&folder.path().join("sources.yaml"));
    change(&mut config);
    let context = Context::new(Duration::from_secs(20), OnFailure::EndProcess);
    let cluster = cluster(brokers, prefix);
    let ingest = Ingest::prepare(&config, &cluster, &context.metrics).unwrap();
    let address = ingest.start(&context).await.unwrap();
    Running {
        address,
        context,
        _folder: Arc::clone(folder),
    }
}

/// Starts ingest against the shared Kafka, with the raw topics of these providers.
pub(crate) async fn ingest_with(kafka: &Kafka, providers: &[&str]) -> Running {
    for provider in providers {
        testkit::create_topic(kafka.brokers(), &topic(kafka, provider), 3);
    }
    testkit::create_topic(kafka.brokers(), &requests(kafka), 1);
    ingest(kafka.brokers(), kafka.prefix()).await
}

/// The log of all requests, once ingest has ended; by its records, with their keys.
pub(crate) fn request_log(kafka: &Kafka) -> Vec<(Option<String>, Vec<Entry>)> {
    let records = testkit::read_topic(
        kafka.brokers(),
        &requests(kafka),
        Isolation::ReadUncommitted,
    );
    let read = |record: OwnedRecord| {
        let (entries, unreadable) = ingest::request_log::read(&record.value.unwrap());
        assert_eq!(unreadable, 0);
        (
            record.key.map(|key| String::from_utf8(key).unwrap()),
            entries,
        )
    };
    records.into_iter().map(read).collect()
}

fn requests(kafka: &Kafka) -> String {
    format!("{}requests", kafka.prefix())
}

pub(crate) fn records(kafka: &Kafka, provider: &str) -> Vec<OwnedRecord> {
    let topic = topic(kafka, provider);
    testkit::read_topic(kafka.brokers(), &topic, Isolation::ReadUncommitted)
}

fn topic(kafka: &Kafka, provider: &str) -> String {
    format!("{}raw.{provider}", kafka.prefix())
}

impl Running {
    pub(crate) async fn post(&self, path: &str, header: &str, body: &[u8]) -> Answer {
        self.send(&request("POST", path, header, body)).await
    }

    /// The sum of a metric over all of its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let rendered = self.context.metrics.render();
        let lines = rendered.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.filter(|rest| rest.starts_with([' ', '{']));
        values
            .map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Asks it to end, as SIGTERM does, and waits until it has.
    pub(crate) async fn end(self) {
        self.context.shutdown.request();
        self.context.tasks.join().await.unwrap();
    }

    /// Sends bytes and reads until the connection is closed.
    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = timeout(Duration::from_secs(10), exchange).await;
        let answer = answer.expect("an answer within ten seconds");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}

/// Writes a request that asks to close the connection; `header` is whole lines.
pub(crate) fn request(method: &str, path: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-length: {length}\r\n{header}\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn genea(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let digits = hex::encode(mac.finalize().into_bytes());
    format!("X-Sequr-Signature: sha1={digits}\r\n")
}

pub(crate) fn gxp(body: &[u8]) -> String {
    format!("X-GxP-Signature: sha256={}\r\n", hex::encode(sha256(body)))
}

pub(crate) fn glofox(body: &[u8]) -> String {
    format!("signature: {}\r\n", hex::encode(sha256(body)))
}

pub(crate) fn alocity(seconds: i64, body: &[u8]) -> String {
    let signed = [seconds.to_string().as_bytes(), b".", body].concat();
    let base64 = STANDARD.encode(sha256(&signed));
    format!("Alocity-Signature: t:{seconds},sig:{base64}\r\n")
}

pub(crate) fn bearer() -> String {
    format!("Authorization: Bearer {SECRET}\r\n")
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
