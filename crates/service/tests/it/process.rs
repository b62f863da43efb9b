//! The life of a process: it answers, it drains when it is asked to, it ends.

use std::net::{SocketAddr, TcpListener};
use std::process::{self, Command};
use std::time::Duration;

use service::{Config, OnFailure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the answer's status, or `None` while nothing listens.
async fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer.get(9..12)?.to_owned())
}

async fn until(address: SocketAddr, path: &str, status: &str) {
    let asked = async {
        while ask(address, path).await.as_deref() != Some(status) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let answered = timeout(PATIENCE, asked).await;
    answered.unwrap_or_else(|_| panic!("{path} never answered {status}"));
}

#[tokio::test]
async fn a_terminated_process_is_unready_at_once_and_ends_when_its_tasks_have() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = Config {
        admin_address: address,
        drain_deadline: PATIENCE,
    };
    let (finish, finished) = tokio::sync::watch::channel(false);
    let ran = service::run(&config, OnFailure::EndProcess, async |context| {
        let ready = context.health.component("worker");
        ready.set_ready();
        let ready = std::sync::Arc::new(ready);
        context.tasks.spawn("worker", move || {
            let (mut finished, ready) = (finished.clone(), ready.clone());
            async move {
                finished.wait_for(|finished| *finished).await?;
                drop(ready);
                Ok(())
            }
        });
        Ok(())
    });
    let watched = async {
        until(address, "/ready", "200").await;
        let own = process::id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &own])
                .status()
                .unwrap()
                .success()
        );
        until(address, "/ready", "503").await;
        until(address, "/live", "200").await;
        finish.send(true).unwrap();
    };
    let (ran, ()) = timeout(PATIENCE, async { tokio::join!(ran, watched) })
        .await
        .unwrap();
    ran.unwrap();
    assert_eq!(ask(address, "/live").await, None);
}
