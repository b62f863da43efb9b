//! Sizes at their limits, and requests that do not come to an end.

use std::time::Duration;

use testkit::Kafka;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::given::{self, BODY_BYTES_MAX, SECRET};

/// JSON of exactly that many bytes.
fn json(bytes: usize) -> Vec<u8> {
    let mut body = b"{}".to_vec();
    body.resize(bytes, b' ');
    body
}

fn chunked(path: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n{header}\r\n"
    );
    let mut request = head.into_bytes();
    for chunk in body.chunks(1_000) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn a_body_is_taken_up_to_the_limit_however_it_is_framed() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea"]).await;
    let limit = BODY_BYTES_MAX as usize;
    for (bytes, status) in [
        (limit - 1, 200),
        (limit, 200),
        (limit + 1, 413),
        (limit * 100, 413),
    ] {
        let body = json(bytes);
        let header = given::genea(SECRET, &body);
        let answer = ingest.post("/hooks/genea", &header, &body).await;
        assert_eq!(answer.status, status, "{bytes} bytes");
        let answer = ingest.send(&chunked("/hooks/genea", &header, &body)).await;
        assert_eq!(answer.status, status, "{bytes} bytes in chunks");
    }
    let sizes = given::records(&kafka, "genea");
    let mut sizes: Vec<_> = sizes
        .iter()
        .map(|it| it.value.as_ref().unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [limit - 1, limit - 1, limit, limit]);
}

#[tokio::test]
async fn the_smallest_bodies_are_judged_like_any_other() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["accessgrid"]).await;
    for body in [b"".as_slice(), b"{"] {
        let answer = ingest
            .post("/hooks/genea", &given::genea(SECRET, body), body)
            .await;
        assert_eq!(answer.status, 400, "{body:?}");
        assert_eq!(ingest.post("/hooks/genea", "", body).await.status, 401);
        let answer = ingest
            .post("/hooks/accessgrid", &given::bearer(), body)
            .await;
        assert_eq!(answer.status, 200, "{body:?}");
    }
    let records = given::records(&kafka, "accessgrid");
    let mut kept: Vec<_> = records.iter().map(|it| it.value.clone().unwrap()).collect();
    kept.sort();
    assert_eq!(kept, [b"".to_vec(), b"{".to_vec()]);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_within_ten_seconds() {
    let ingest = given::ingest("127.0.0.1:1", "none.").await;
    let half_body = b"POST /hooks/genea HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n{";
    let silent = b"".as_slice();
    let half_head = b"POST /hooks/genea HTTP/1.1\r\nhost".as_slice();
    let cut = async |sent: &[u8]| {
        let mut stream = TcpStream::connect(ingest.address).await.unwrap();
        let began_at = Instant::now();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
        read.await.expect("closed").unwrap();
        (String::from_utf8(answer).unwrap(), began_at.elapsed())
    };
    let all = tokio::join!(cut(silent), cut(half_head), cut(half_body));
    assert_eq!((all.0.0.as_str(), all.1.0.as_str()), ("", ""));
    assert!(all.2.0.starts_with("HTTP/1.1 408"), "{}", all.2.0);
    for took in [all.0.1, all.1.1, all.2.1] {
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
}
