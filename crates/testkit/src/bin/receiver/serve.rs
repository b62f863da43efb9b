//! Takes webhooks, answers 204 or 401, and keeps what arrived.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::now_s;
use crate::verify::verify;

const BODY_BYTES_MAX: usize = 16 << 20;
const CONNECTIONS_MAX: usize = 256;
const LATEST_MAX: usize = 100;

#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) secret: PathBuf,
    pub(crate) log: PathBuf,
}

struct Receiver {
    secret: PathBuf,
    kept: Mutex<Kept>,
}

struct Kept {
    log: File,
    latest: VecDeque<String>,
}

pub(crate) fn run(port: u16, files: Files) -> anyhow::Result<()> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(&files.log)
        .context("open the log")?;
    let kept = Mutex::new(Kept {
        log,
        latest: VecDeque::new(),
    });
    let receiver = Arc::new(Receiver {
        secret: files.secret,
        kept,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .context("bind the port")?;
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.context("accept")?;
            while connections.try_join_next().is_some() {}
            if connections.len() < CONNECTIONS_MAX {
                let receiver = Arc::clone(&receiver);
                connections.spawn(async move {
                    let service = service_fn(|request| receiver.respond(request));
                    let mut http = http1::Builder::new();
                    http.timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        }
    })
}

impl Receiver {
    async fn respond(&self, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let mut response = Response::default();
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/received") => *response.body_mut() = Full::new(self.latest().into()),
            (&Method::POST, _) => {
                let read = Limited::new(body, BODY_BYTES_MAX).collect().await;
                let body = read.map_err(anyhow::Error::from_boxed)?.to_bytes();
                let secret = fs::read_to_string(&self.secret).unwrap_or_default();
                let verdict = verify(&head.headers, &body, &secret, now_s());
                *response.status_mut() = if verdict.is_ok() {
                    StatusCode::NO_CONTENT
                } else {
                    StatusCode::UNAUTHORIZED
                };
                let event: Value = serde_json::from_slice(&body).unwrap_or_default();
                let (id, refused) = match verdict {
                    Ok(id) => (Some(id), None),
                    Err(refusal) => (None, Some(format!("{refusal:?}").to_lowercase())),
                };
                self.keep(&json!({ "received_at": now_s(), "webhook_id": id, "refused": refused, "event": event }))?;
            }
            _ => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        Ok(response)
    }

    fn keep(&self, webhook: &Value) -> anyhow::Result<()> {
        let line = format!("{webhook}\n");
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.log
            .write_all(line.as_bytes())
            .context("write the log")?;
        if kept.latest.len() == LATEST_MAX {
            kept.latest.pop_front();
        }
        kept.latest.push_back(line);
        Ok(())
    }

    fn latest(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.latest.iter().map(String::as_str).collect()
    }
}
