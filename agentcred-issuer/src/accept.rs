//! Accepting: each connection gets a place and a pace, and ends in time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::framing::Strict;
use crate::pace::{Answering, Pace};
use crate::places::Places;
use crate::reply::Reply;
use crate::routes;
use crate::vault::Vault;

/// Accepts connections until it is told to stop, and then lets requests under way finish.
pub(crate) async fn accept(
    listener: TcpListener,
    vault: Arc<Vault>,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Places::new(vault.limits.connections, vault.limits.connections_per_peer);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut stopped) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // Without a place it is closed at once, which says more than silence.
                let Some(place) = places.take(address.ip()) else { continue };
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection ended before it began");
                    continue;
                }
                let pace = Arc::new(Pace::new(place, vault.limits));
                connections.spawn(serve(stream, pace, Arc::clone(&vault), stopped.clone()));
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
    if tokio::time::timeout(vault.limits.drain_time, drained).await.is_err() {
        tracing::warn!("requests were cut off at shutdown");
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    pace: Arc<Pace>,
    vault: Arc<Vault>,
    mut stopped: watch::Receiver<bool>,
) {
    let answering = Arc::clone(&pace);
    let service = service_fn(move |request| {
        let (vault, answering) = (Arc::clone(&vault), Answering::new(&answering));
        async move {
            let reply = routes::answer(&vault, request).await;
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
