use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::Duration;

use testkit::{free_port, wait_until};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn ask(port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "{request}")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

#[tokio::test]
async fn an_unsigned_webhook_is_refused_and_shown_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let receiver = Command::new(env!("CARGO_BIN_EXE_receiver"))
        .args(["serve", "--port", &port.to_string()])
        .arg("--secret-file")
        .arg(folder.path().join("secret"))
        .arg("--log")
        .arg(folder.path().join("log"))
        .spawn()
        .expect("start the receiver");
    let _receiver = Running(receiver);
    let received = "GET /received HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    wait_until("the receiver", Duration::from_secs(30), async || {
        ask(port, received).is_ok()
    })
    .await;

    let forged =
        "POST / HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let response = ask(port, forged).expect("a response");
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    let shown = ask(port, received).expect("a response");
    assert!(shown.contains(r#""refused":"malformed""#), "{shown}");
}
