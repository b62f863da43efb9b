//! A subscriber's endpoint: a real HTTP server that remembers every request and answers as it is told.

mod answer;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Response, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub use self::answer::Answer;
use self::answer::Then;

const BODY_BYTES_MAX: usize = 16 << 20;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    /// The header's text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// The running server; it and its open connections end when it is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    // Dropping the sender ends the thread.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    received: Vec<Received>,
    script: VecDeque<Answer>,
}

impl Endpoint {
    /// Starts on a free port of 127.0.0.1 and answers every request in the same way.
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State {
            received: Vec::new(),
            script: VecDeque::from([answer]),
        }));
        let (stop, stopped) = oneshot::channel();
        // A thread of its own: a busy or blocked test does not slow its subscriber.
        let thread = std::thread::spawn({
            let state = Arc::clone(&state);
            move || run(listener, state, stopped)
        });
        Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the script: one answer for each request that comes from now on, the last one for all others.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        let script = VecDeque::from_iter(answers);
        assert!(!script.is_empty(), "an endpoint needs an answer");
        lock(&self.state).script = script;
    }

    /// Every request that has wholly arrived, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    pub fn received_count(&self) -> usize {
        lock(&self.state).received.len()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(listener: TcpListener, state: Arc<Mutex<State>>, stopped: oneshot::Receiver<Infallible>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("start a runtime");
    runtime.block_on(async move {
        listener
            .set_nonblocking(true)
            .expect("set the listener non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("take the listener over");
        let accept = async {
            let mut connections = JoinSet::new();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    connections.spawn(serve(stream, Arc::clone(&state)));
                }
                while connections.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    });
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(|request| Box::pin(respond(request, &state)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if poll_fn(|context| connection.poll_without_shutdown(context))
        .await
        .is_err()
    {
        // Without lingering, closing sends a reset.
        connection
            .into_parts()
            .io
            .into_inner()
            .set_zero_linger()
            .ok();
    }
}

async fn respond(
    request: hyper::Request<Incoming>,
    state: &Mutex<State>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let answer = {
        let mut state = lock(state);
        let (method, uri, headers) = (head.method, head.uri, head.headers);
        state.received.push(Received {
            at: Instant::now(),
            method,
            uri,
            headers,
            body,
        });
        let last = state.script.len() == 1;
        let next = if last {
            state.script.front().cloned()
        } else {
            state.script.pop_front()
        };
        next.expect("a script is never empty")
    };
    tokio::time::sleep(answer.delay).await;
    match answer.then {
        Then::Respond {
            status,
            headers,
            body,
        } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response
                .body(Full::new(body))
                .expect("the test gave a valid answer"))
        }
        Then::Hang => std::future::pending().await,
        Then::Reset => Err(ErrorKind::ConnectionReset.into()),
    }
}
