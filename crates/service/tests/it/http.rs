//! What a server closes, and what it lets end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Version;
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use service::http::{self, Arrival, HttpConfig, HttpLimits};
use service::{Context, OnFailure, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const READ_WITHIN: Duration = Duration::from_secs(1);
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Longer than a request may take to come, shorter than a connection may idle.
const PAUSE: Duration = Duration::from_millis(1_500);
pub(crate) const HELLO: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// A server with short limits.
async fn server(router: Router, shutdown: &Shutdown) -> (SocketAddr, oneshot::Receiver<()>) {
    let limits = HttpLimits {
        read_within: READ_WITHIN,
        idle_max: IDLE_MAX,
        connections_max: 2,
        ..HttpLimits::default()
    };
    let config = HttpConfig {
        limits,
        ..HttpConfig::default()
    };
    serve(config, router, shutdown).await
}

/// Serves until shutdown; returns the address, and what tells of the end.
pub(crate) async fn serve(
    config: HttpConfig,
    router: Router,
    shutdown: &Shutdown,
) -> (SocketAddr, oneshot::Receiver<()>) {
    let listener = http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, end) = oneshot::channel();
    let context = Context::new(PATIENCE, OnFailure::EndProcess);
    let ended = std::sync::Mutex::new(Some((listener, ended)));
    let shutdown = shutdown.clone();
    context.tasks.spawn("server", move || {
        let (listener, ended) = ended.lock().unwrap().take().unwrap();
        let (router, config, shutdown) = (router.clone(), config.clone(), shutdown.clone());
        async move {
            http::serve(listener, router, config, shutdown).await;
            ended.send(()).unwrap();
            Ok(())
        }
    });
    (address, end)
}

pub(crate) fn echo() -> Router {
    Router::new().route("/", get(async || "hello").post(async |body: Bytes| body))
}

/// Sends bytes, then returns what comes until the server closes, and how long that took.
async fn until_closed(address: SocketAddr, sent: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let started_at = Instant::now();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("the server closes the connection").unwrap();
    (answer, started_at.elapsed())
}

/// Reads one answer with a body of known end.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(end.as_bytes()) {
            assert_ne!(
                stream.read_buf(&mut answer).await.unwrap(),
                0,
                "closed early"
            );
        }
    };
    timeout(PATIENCE, read).await.expect("an answer");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_never_becomes_a_request_is_closed_in_time() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let half_preface = "PRI * HTTP/2.0\r\n";
    for sent in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: te", half_preface] {
        let (answer, took) = until_closed(address, sent).await;
        assert_eq!(answer, "", "{sent:?}");
        assert!(took >= READ_WITHIN / 2, "{sent:?} {took:?}");
        assert!(took < IDLE_MAX, "{sent:?} {took:?}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_cut_off_in_time() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let half = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nhalf";
    let (answer, took) = until_closed(address, half).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(took < IDLE_MAX, "{took:?}");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_in_time() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let started_at = Instant::now();
    let head = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 900\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut drip = tokio::time::interval(Duration::from_millis(50));
    let mut answer = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => { read.unwrap(); break }
            _ = drip.tick() => stream.write_all(b".").await.unwrap(),
        }
    }
    assert!(started_at.elapsed() < IDLE_MAX);
}

#[tokio::test]
async fn a_kept_alive_connection_may_idle_longer_but_its_next_request_has_to_come() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut stream, "hello").await;
    tokio::time::sleep(PAUSE).await;
    stream.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut stream, "hello").await;

    let started_at = Instant::now();
    stream.write_all(b"GET / HT").await.unwrap();
    let read = timeout(PATIENCE, stream.read(&mut [0; 16])).await;
    assert_eq!(read.unwrap().unwrap(), 0);
    assert!(started_at.elapsed() < IDLE_MAX);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let (answer, took) = until_closed(address, HELLO).await;
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(took >= IDLE_MAX / 2, "{took:?}");
}

#[tokio::test]
async fn half_a_request_behind_a_whole_one_is_closed() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let (answer, took) = until_closed(address, &format!("{HELLO}GET / HT")).await;
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(took < PATIENCE, "{took:?}");
    // An incomplete request is closed within 10 s.
    assert!(HttpLimits::default().idle_max < Duration::from_secs(10));
}

#[tokio::test]
async fn a_peer_that_never_takes_its_answer_is_closed() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .http2_initial_stream_window_size(0)
        .build_http::<Body>();
    let uri = format!("http://{address}/").parse().unwrap();
    let response = client.get(uri).await.unwrap();
    let body = to_bytes(Body::new(response.into_body()), 64);
    let cut_off = timeout(PATIENCE, body).await.expect("an end");
    cut_off.unwrap_err();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = server(echo(), &shutdown).await;
    let silent = [
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    ];
    let started_at = Instant::now();
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut third, "hello").await;
    assert!(started_at.elapsed() >= READ_WITHIN / 2);
    drop(silent);
}

#[tokio::test]
async fn a_connection_that_was_made_before_the_drain_is_heard() {
    let shutdown = Shutdown::new(PATIENCE);
    let (address, end) = server(echo(), &shutdown).await;
    // Blocks the runtime: the server learns of the connection and of the drain at the same time.
    let stream = std::net::TcpStream::connect(address).unwrap();
    shutdown.request();
    stream.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    stream.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut stream, "hello").await;
    timeout(PATIENCE, end).await.unwrap().unwrap();
}

#[tokio::test]
async fn http_2_is_served_and_its_own_frames_do_not_count_as_a_request() {
    let shutdown = Shutdown::new(PATIENCE);
    let peer = get(async |Extension(arrival): Extension<Arrival>| arrival.client.to_string());
    let (address, _) = server(Router::new().route("/peer", peer), &shutdown).await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Body>();
    let ask = async || {
        let uri = format!("http://{address}/peer").parse().unwrap();
        let response = client.get(uri).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let body = Body::new(response.into_body());
        to_bytes(body, 64).await.unwrap()
    };
    let first = ask().await;
    tokio::time::sleep(PAUSE).await;
    assert_eq!(ask().await, first, "the connection was kept");
}

#[tokio::test]
async fn a_drain_ends_what_has_begun_and_takes_nothing_new() {
    let shutdown = Shutdown::new(PATIENCE);
    let asked = shutdown.clone();
    let slow = post(async move |_: Bytes| {
        asked.request();
        tokio::time::sleep(Duration::from_millis(200)).await;
        "done"
    });
    let (address, end) = server(echo().route("/slow", slow), &shutdown).await;
    // Accepted before the drain, but its request comes after.
    let mut late = TcpStream::connect(address).await.unwrap();
    let request = "POST /slow HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n";
    let (answer, _) = until_closed(address, request).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    late.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut late, "hello").await;
    timeout(PATIENCE, end)
        .await
        .expect("the server ends")
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
