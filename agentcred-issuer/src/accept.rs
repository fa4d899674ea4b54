//! Accepting: each connection gets a place and a pace, and ends in time.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::framing::Strict;
use crate::limits::Limits;
use crate::metrics::Open;
use crate::pace::{Answering, Pace};
use crate::places::Places;
use crate::reply::Reply;

/// Where connections come from.
pub(crate) trait Listener: Send + 'static {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// What has to happen before a request can be read.
    type Opening: Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// The next connection, and who made it.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Opening, IpAddr)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Opening = Ready<io::Result<TcpStream>>;

    async fn accept(&self) -> io::Result<(Self::Opening, IpAddr)> {
        let (stream, address) = Self::accept(self).await?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection will be slower than it could be");
        }
        Ok((ready(Ok(stream)), address.ip()))
    }
}

/// Who answers the requests of a listener.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Counts a connection for as long as it is open.
    fn count(&self) -> Open;

    /// Answers a request.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Reply> + Send;
}

/// Accepts connections until it is told to stop, and then lets requests under way finish.
pub(crate) async fn accept<A: Answers>(
    listener: impl Listener,
    answers: Arc<A>,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Places::new(limits.connections, limits.connections_per_peer);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut stopped) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((opening, address)) => {
                // Without a place it is closed at once, which says more than silence.
                let Some(place) = places.take(address) else { continue };
                let pace = Arc::new(Pace::new(place, limits));
                let counted = answers.count();
                let opened = open(opening, pace, Arc::clone(&answers), stopped.clone());
                connections.spawn(async move {
                    opened.await;
                    drop(counted);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: somebody has to give one back.
                tracing::error!(%error, "a connection could not be accepted");
                places.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_time, drained).await.is_err() {
        tracing::warn!("requests were cut off at shutdown");
    }
}

/// Opens a connection and serves it. The first request has to come in time too.
async fn open<A: Answers, S: AsyncRead + AsyncWrite + Unpin>(
    opening: impl Future<Output = io::Result<S>>,
    pace: Arc<Pace>,
    answers: Arc<A>,
    mut stopped: watch::Receiver<bool>,
) {
    let opened = tokio::select! {
        biased;
        opened = opening => opened,
        () = pace.over() => return,
        () = stopping(&mut stopped) => return,
    };
    match opened {
        Ok(stream) => serve(stream, pace, answers, stopped).await,
        Err(error) => tracing::debug!(%error, "a connection could not be secured"),
    }
}

async fn serve<A: Answers>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    pace: Arc<Pace>,
    answers: Arc<A>,
    mut stopped: watch::Receiver<bool>,
) {
    let answering = Arc::clone(&pace);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&answering));
        let (answers, answering) = (Arc::clone(&answers), Answering::new(&answering));
        async move {
            let reply = answers.answer(request).await;
            Ok::<_, Infallible>(until_sent(reply, answering))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The pace has its own times for this and for all the rest.
        .header_read_timeout(None)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Strict::new(stream, Arc::clone(&pace))), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        // What has come in time is heard before time is up.
        biased;
        served = connection.as_mut() => served,
        () = pace.over() => return,
        () = stopping(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                served = connection => served,
                () = pace.over() => return,
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The body takes `answering` along: the answer is sent when its body is.
fn until_sent(reply: Reply, answering: Answering) -> Reply {
    reply.map(|body| {
        let until_sent = move |error| {
            let _ = &answering;
            error
        };
        body.map_err(until_sent).boxed()
    })
}

/// Waits until the server is told to stop, or is dropped.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

const MOST_HEADERS: usize = 64;
const LARGEST_HEAD: usize = 64 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
