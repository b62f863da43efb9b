//! No secret, body, name or header value in a log line or a metric (P9).

use std::io;
use std::sync::{Arc, Mutex};

use testkit::Kafka;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::given::{self, SECRET};

const CANARY: &str = "canary-5150";

/// What all tests of this binary log, from when the first one asks.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_line_and_no_metric_shows_what_a_sender_sent() {
    let captured = Captured::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(captured.clone())
        .init();
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea", "accessgrid", "cvent"]).await;
    let body = format!(r#"{{"uuid":"{CANARY}","user":{{"name":"{CANARY}"}}}}"#);
    let body = body.as_bytes();
    let broken = format!("{{{CANARY}");
    let header = format!("X-Other: {CANARY}\r\nAuthorization: Bearer {CANARY}\r\n");
    let accepted = given::genea(SECRET, body) + &header;
    let malformed = given::genea(SECRET, broken.as_bytes()) + &header;
    for (path, header, body, status) in [
        ("/hooks/genea", accepted.as_str(), body, 200),
        ("/hooks/genea/canary-5150", &accepted, body, 200),
        ("/hooks/genea", &header, body, 401),
        ("/hooks/genea", &malformed, broken.as_bytes(), 400),
        ("/hooks/accessgrid", &header, body, 401),
        ("/hooks/accessgrid", &given::bearer(), body, 200),
        ("/hooks/walled", &accepted, body, 403),
        ("/hooks/canary-5150", &accepted, body, 404),
    ] {
        assert_eq!(
            ingest.post(path, header, body).await.status,
            status,
            "{path}"
        );
    }
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("delivery accepted") && log.contains("request refused"),
        "{log}"
    );
    let own_lines: Vec<_> = log.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(own_lines.is_empty(), "{own_lines:?}");
    assert!(!log.contains(SECRET));
    let metrics = ingest.context.metrics.render();
    assert!(metrics.contains("cardea_ingest_requests_total"));
    assert!(
        !metrics.contains(CANARY) && !metrics.contains(SECRET),
        "{metrics}"
    );
}
