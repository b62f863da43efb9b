//! How ingest starts, or does not, and how it ends.

use std::net::TcpListener;

use ingest::Ingest;
use service::Metrics;
use tokio::net::TcpStream;

use crate::given;

#[tokio::test]
async fn bad_sources_end_the_start_before_a_port_is_bound() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("sources.yaml");
    std::fs::write(&sources, "sources:\n  - id: hq\n").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = given::config(&sources);
    config.front.ingest_address = taken.local_addr().unwrap();
    let cluster = given::cluster("127.0.0.1:1", "none.");
    let failure = Ingest::prepare(&config, &cluster, &Metrics::new()).unwrap_err();
    let text = format!("{failure:#}");
    assert!(text.contains("sources.yaml:2: "), "{text}");

    config.sources_file.sources = folder.path().join("absent.yaml");
    let failure = Ingest::prepare(&config, &cluster, &Metrics::new()).unwrap_err();
    assert!(
        format!("{failure:#}").contains("absent.yaml"),
        "{failure:#}"
    );
}

#[tokio::test]
async fn a_memory_that_holds_no_body_of_a_source_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("sources.yaml");
    let text = "sources:\n- {id: hq, provider: cvent, tenant: acme, secrets: [{text: s}], body_bytes_max: 4096}\n";
    std::fs::write(&sources, text).unwrap();
    let cluster = given::cluster("127.0.0.1:1", "none.");
    let mut config = given::config(&sources);
    config.body_memory_max = 4096;
    Ingest::prepare(&config, &cluster, &Metrics::new()).unwrap();
    config.body_memory_max = 4095;
    let failure = Ingest::prepare(&config, &cluster, &Metrics::new()).unwrap_err();
    let text = format!("{failure:#}");
    assert!(
        text.contains("--body-memory-max") && text.contains("`hq`"),
        "{text}"
    );
}

#[tokio::test]
async fn ingest_is_ready_until_it_drains() {
    let ingest = given::ingest("127.0.0.1:1", "none.").await;
    let context = &ingest.context;
    let ready = async || context.health.is_ready();
    testkit::wait_until("ready", std::time::Duration::from_secs(5), ready).await;
    context.shutdown.request();
    context.tasks.join().await.unwrap();
    assert!(!context.health.is_ready());
    assert!(TcpStream::connect(ingest.address).await.is_err());
}
