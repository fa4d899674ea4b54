//! The wire between the agent and whatever it talks to, with a thief who listens and writes down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A wire that is listened on.
#[derive(Clone)]
pub(crate) struct Wire {
    address: SocketAddr,
    end: Arc<OnceLock<SocketAddr>>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    /// A wire whose other end is not there yet.
    pub(crate) async fn lay() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let wire =
            Self { address: listener.local_addr()?, end: Arc::default(), heard: Arc::default() };
        let (end, heard) = (Arc::clone(&wire.end), Arc::clone(&wire.heard));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Some(end) = end.get() else { continue };
                let Ok(far) = TcpStream::connect(end).await else { continue };
                tokio::spawn(carry(near, far, Arc::clone(&heard)));
            }
        });
        Ok(wire)
    }

    /// Says where it leads.
    pub(crate) fn lead_to(&self, end: SocketAddr) {
        // It is said once.
        let _ = self.end.set(end);
    }

    /// The agent's end, as an origin.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that went over it, both ways.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends bytes as the thief, and gives the status of what comes back.
    pub(crate) async fn send_again(&self, request: &str) -> anyhow::Result<u16> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await?;
        let status = String::from_utf8_lossy(&start[9..]).parse()?;
        Ok(status)
    }
}

async fn carry(near: TcpStream, far: TcpStream, heard: Arc<Mutex<Vec<u8>>>) {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let hear = |bytes: &[u8]| {
        heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    };
    let (mut there, mut back) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            Ok(length @ 1..) = from_near.read(&mut there) => {
                hear(&there[..length]);
                if to_far.write_all(&there[..length]).await.is_err() { break }
            }
            Ok(length @ 1..) = from_far.read(&mut back) => {
                hear(&back[..length]);
                if to_near.write_all(&back[..length]).await.is_err() { break }
            }
            else => break,
        }
    }
}
