use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use testkit::{Answer, Endpoint};

fn post(endpoint: &Endpoint, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(endpoint.address())?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let length = body.len();
    write!(
        stream,
        "POST /hook HTTP/1.1\r\nhost: test\r\nx-kind: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

fn status(endpoint: &Endpoint) -> String {
    let response = post(endpoint, "{}").expect("a response");
    response.split(' ').nth(1).expect("a status").to_owned()
}

#[test]
fn a_request_is_kept_as_it_came() {
    let endpoint = Endpoint::start(Answer::status(200));
    post(&endpoint, "hello").expect("a response");
    let received = endpoint.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].method, "POST");
    assert_eq!(received[0].uri, "/hook");
    assert_eq!(received[0].header("x-kind"), "test");
    assert_eq!(received[0].header("x-missing"), "");
    assert_eq!(received[0].body, "hello");
}

#[test]
fn the_script_is_followed_and_its_last_answer_stays() {
    let endpoint = Endpoint::start(Answer::status(500));
    assert_eq!(status(&endpoint), "500");
    endpoint.answer([Answer::status(503), Answer::status(201)]);
    assert_eq!(status(&endpoint), "503");
    assert_eq!(status(&endpoint), "201");
    assert_eq!(status(&endpoint), "201");
}

#[test]
fn headers_body_and_delay_are_answered() {
    let delay = Duration::from_millis(100);
    let endpoint = Endpoint::start(
        Answer::status(429)
            .retry_after(7)
            .body("later")
            .after(delay),
    );
    let started = Instant::now();
    let response = post(&endpoint, "").expect("a response");
    assert!(started.elapsed() >= delay);
    assert!(response.contains("retry-after: 7\r\n"), "{response}");
    assert!(response.ends_with("later"), "{response}");
}

#[test]
fn a_reset_breaks_the_connection() {
    let endpoint = Endpoint::start(Answer::reset());
    let error = post(&endpoint, "hello").expect_err("no response");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(endpoint.received_count(), 1);
}

#[test]
fn a_hanging_endpoint_says_nothing_and_still_ends() {
    let endpoint = Endpoint::start(Answer::hang());
    let error = post(&endpoint, "hello").expect_err("no response");
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    drop(endpoint);
}
