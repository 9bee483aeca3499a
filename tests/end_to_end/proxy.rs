//! A stretch of network that a test can cut, stall and slow.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What passes at a time when it is slow, and how long that takes: half a megabyte a second and two milliseconds each way.
const PIECE: usize = 1_024;
const PIECE_TIME: Duration = Duration::from_millis(2);

/// How things pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Free,
    Slow,
    /// Nothing passes, and nobody is told.
    Stalled,
    /// What is asked passes, what is answered does not.
    AnswersStalled,
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Asking,
    Answering,
}

impl Flow {
    fn stalls(self, direction: Direction) -> bool {
        self == Self::Stalled || self == Self::AnswersStalled && direction == Direction::Answering
    }
}

/// Passes connections on as it is told.
pub(crate) struct Proxy {
    address: SocketAddr,
    flow: watch::Sender<Flow>,
    held: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// One that leads to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let flow = watch::Sender::new(Flow::Free);
        let (all, held) = (flow.clone(), Arc::new(AtomicUsize::new(0)));
        let holds = held.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (flow, held) = (all.subscribe(), holds.clone());
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let (mut cut, (near_read, near_write), (far_read, far_write)) =
                        (flow.clone(), near.into_split(), far.into_split());
                    let asking = Stretch { flow: flow.clone(), held: held.clone(), direction: Direction::Asking };
                    let answering = Stretch { flow, held, direction: Direction::Answering };
                    tokio::select! {
                        // What is held back when the connection is cut is lost.
                        biased;
                        _ = cut.wait_for(|flow| *flow == Flow::Cut) => {}
                        _ = async { tokio::join!(asking.pass(near_read, far_write), answering.pass(far_read, near_write)) } => {}
                    }
                });
            }
        });
        Self { address, flow, held, accepting }
    }

    /// Where it is to be reached.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection, wherever it is, and each new one, until [`Self::heal`].
    pub(crate) fn cut(&self) {
        self.flow.send_replace(Flow::Cut);
    }

    /// Holds back whatever comes; it passes after [`Self::heal`].
    pub(crate) fn stall(&self) {
        self.flow.send_replace(Flow::Stalled);
    }

    /// Holds back the answers alone.
    pub(crate) fn stall_answers(&self) {
        self.flow.send_replace(Flow::AnswersStalled);
    }

    /// Passes things on, but slowly.
    pub(crate) fn slow(&self) {
        self.flow.send_replace(Flow::Slow);
    }

    /// Passes everything on again, new connections too.
    pub(crate) fn heal(&self) {
        self.flow.send_replace(Flow::Free);
    }

    /// On how many ways something is held back.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One way of one connection.
struct Stretch {
    flow: watch::Receiver<Flow>,
    held: Arc<AtomicUsize>,
    direction: Direction,
}

impl Stretch {
    /// Until either end closes.
    async fn pass(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = [0; 16 * PIECE];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            for piece in bytes[..count].chunks(PIECE) {
                self.wait().await;
                if to.write_all(piece).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn wait(&mut self) {
        let now = *self.flow.borrow();
        if now.stalls(self.direction) {
            let _held = Held::one(&self.held);
            // The proxy is gone, or nothing is stalled any more.
            let _ = self.flow.wait_for(|flow| !flow.stalls(self.direction)).await;
        } else if now == Flow::Slow {
            tokio::time::sleep(PIECE_TIME).await;
        }
    }
}

struct Held<'c>(&'c AtomicUsize);

impl<'c> Held<'c> {
    fn one(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
