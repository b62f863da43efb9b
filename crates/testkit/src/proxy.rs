//! A proxy before the nodes of a cluster that knows the frames of Kafka's protocol: a test says
//! what becomes of the next request of a kind, or of its answer.

mod fault;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use self::fault::Faults;
pub use self::fault::{Api, Fate, Way};

const FRAME_BYTES_MAX: usize = 128 << 20;

/// Where clients find one node, and where the node itself listens for the proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) listen: SocketAddr,
    pub(crate) node: SocketAddr,
}

/// The running proxy; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    brokers: String,
    faults: Arc<Mutex<Faults>>,
    // Dropping the sender ends the thread.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn start(routes: &[Route]) -> Self {
        let listeners = routes
            .iter()
            .map(|route| {
                let listener = TcpListener::bind(route.listen).expect("bind the proxy's port");
                (listener, route.node)
            })
            .collect();
        let brokers: Vec<_> = routes
            .iter()
            .map(|route| route.listen.to_string())
            .collect();
        let faults = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let faults = Arc::clone(&faults);
            move || run(listeners, &faults, stopped)
        });
        Self {
            brokers: brokers.join(","),
            faults,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The bootstrap servers, by which clients go through the proxy for every node.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Decides the next request or answer of a kind, over all nodes. Faults of one kind are met in
    /// the order in which they were made.
    ///
    /// # Panics
    /// An answer cannot be late: its client is gone.
    pub fn next(&self, api: Api, way: Way, fate: Fate) {
        let late_answer = way == Way::Answer && matches!(fate, Fate::Late(_));
        assert!(!late_answer, "an answer cannot be late");
        lock(&self.faults).push(api, way, fate);
    }

    /// Tells whether every fault has met its frame.
    pub fn all_met(&self) -> bool {
        lock(&self.faults).open.is_empty()
    }

    /// How many late requests the nodes have answered.
    pub fn late(&self) -> usize {
        lock(&self.faults).late
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(
    listeners: Vec<(TcpListener, SocketAddr)>,
    faults: &Arc<Mutex<Faults>>,
    stopped: oneshot::Receiver<Infallible>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("start a runtime");
    runtime.block_on(async move {
        let mut nodes = JoinSet::new();
        for (listener, node) in listeners {
            listener
                .set_nonblocking(true)
                .expect("set the listener non-blocking");
            let listener = tokio::net::TcpListener::from_std(listener).expect("take it over");
            nodes.spawn(accept(listener, node, Arc::clone(faults)));
        }
        stopped.await.ok();
    });
}

async fn accept(listener: tokio::net::TcpListener, node: SocketAddr, faults: Arc<Mutex<Faults>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connect(client, node, Arc::clone(&faults)));
        while connections.try_join_next().is_some() {}
    }
}

/// Relays one connection, each direction until it ends.
async fn connect(client: TcpStream, node: SocketAddr, faults: Arc<Mutex<Faults>>) {
    let Ok(broker) = TcpStream::connect(node).await else {
        return;
    };
    for stream in [&client, &broker] {
        stream.set_nodelay(true).ok();
    }
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let link = Link {
        asked: Mutex::default(),
        client_gone: Notify::new(),
        late_answered: Notify::new(),
        faults: &faults,
    };
    let (sent, answered) = tokio::join!(
        link.requests(from_client, to_broker),
        link.answers(from_broker, to_client),
    );
    // A connection that breaks is what a client must live with.
    sent.and(answered).ok();
}

/// What both directions of a connection know.
struct Link<'a> {
    /// What was asked, by correlation id.
    asked: Mutex<HashMap<[u8; 4], i16>>,
    client_gone: Notify,
    late_answered: Notify,
    faults: &'a Mutex<Faults>,
}

impl Link<'_> {
    async fn requests(
        &self,
        mut client: OwnedReadHalf,
        mut broker: OwnedWriteHalf,
    ) -> io::Result<()> {
        while let Some(frame) = read_frame(&mut client).await? {
            // Every request begins with its kind, the version and the correlation id.
            let Some([a, b, _, _, correlation @ ..]) = frame.first_chunk::<8>() else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let api = i16::from_be_bytes([*a, *b]);
            lock(&self.asked).insert(*correlation, api);
            let fate = lock(self.faults).fate(api, Way::Request);
            match fate {
                Fate::Pass => write_frame(&frame, &mut broker).await?,
                Fate::Drop => {}
                Fate::Cut => break,
                Fate::Late(time) => {
                    self.client_gone.notify_one();
                    tokio::time::sleep(time).await;
                    write_frame(&frame, &mut broker).await?;
                    self.late_answered.notified().await;
                    lock(self.faults).late += 1;
                    break;
                }
            }
        }
        Ok(())
    }

    async fn answers(
        &self,
        mut broker: OwnedReadHalf,
        mut client: OwnedWriteHalf,
    ) -> io::Result<()> {
        loop {
            let frame = tokio::select! {
                frame = read_frame(&mut broker) => frame?,
                () = self.client_gone.notified() => {
                    drop(client);
                    broker.read_u8().await?;
                    self.late_answered.notify_one();
                    return Ok(());
                }
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            let Some(correlation) = frame.first_chunk::<4>() else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let api = lock(&self.asked).remove(correlation);
            let fate = api.map_or(Fate::Pass, |api| lock(self.faults).fate(api, Way::Answer));
            match fate {
                Fate::Pass => write_frame(&frame, &mut client).await?,
                Fate::Drop => {}
                Fate::Cut | Fate::Late(_) => return Ok(()),
            }
        }
    }
}

async fn write_frame(frame: &[u8], to: &mut OwnedWriteHalf) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(frame).await
}

/// The next frame without its length; `None` at the connection's end.
async fn read_frame(from: &mut OwnedReadHalf) -> io::Result<Option<Vec<u8>>> {
    let length = match from.read_u32().await {
        Ok(length) => usize::try_from(length).map_err(io::Error::other)?,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > FRAME_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).await?;
    Ok(Some(frame))
}
