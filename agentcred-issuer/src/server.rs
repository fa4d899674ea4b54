//! The server: an accept loop of its own over HTTP/1.1, with limits on everything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::clock::{Clock, SystemClock};
use agentcred_protocol::token::NoRandomness;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use crate::audit::{AuditError, AuditLog, Event, FileAudit, OpenError};
use crate::config::{Config, InvalidConfig};
use crate::framing::Strict;
use crate::ledger::{Ledger, MemoryLedger};
use crate::resolver::{Resolver, SystemResolver};
use crate::routes;
use crate::secrets::{LocalSecrets, SecretStore};
use crate::vault::{Endpoints, Vault};

/// What a server is put together from. Tests put in what they can steer.
pub struct Parts {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws tokens.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
    /// Gives out real keys.
    pub secrets: Arc<dyn SecretStore>,
    /// Finds the addresses of upstreams.
    pub resolver: Arc<dyn Resolver>,
    /// Keeps grants and nonces; none for one in memory.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// Keeps the audit; none for the file that the configuration names.
    pub audit: Option<Arc<dyn AuditLog>>,
    /// How much and how long anything may be.
    pub limits: Limits,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()),
            secrets: Arc::new(LocalSecrets::default()),
            resolver: Arc::new(SystemResolver),
            ledger: None,
            audit: None,
            limits: Limits::default(),
        }
    }
}

/// How much and how long anything may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// How long a request's head may take, and a connection may be silent.
    pub head_time: Duration,
    /// How long a request's body may take.
    pub request_time: Duration,
    /// The largest body of a brokered request, in bytes.
    pub request_body: usize,
    /// How long an upstream may take for connection, answer and body together.
    pub upstream_time: Duration,
    /// The largest body of an upstream's answer, in bytes.
    pub response_body: u64,
    /// How long requests that are under way may take when the server shuts down.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head_time: Duration::from_secs(5),
            request_time: Duration::from_secs(10),
            request_body: 1024 * 1024,
            upstream_time: Duration::from_secs(30),
            response_body: 16 * 1024 * 1024,
            drain_time: Duration::from_secs(10),
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The real key of a service cannot be had; every finding is listed.
    #[error(transparent)]
    Secrets(#[from] InvalidConfig),
    /// The audit file cannot be continued.
    #[error(transparent)]
    Audit(#[from] OpenError),
    /// The first record cannot be written.
    #[error(transparent)]
    AuditWrite(#[from] AuditError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another issuer running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The issuer's URL cannot be formed.
    #[error("the issuer's URL cannot be formed: {0}")]
    Url(#[from] url::ParseError),
    /// There is no randomness to be had.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A running issuer and broker. It stops when it is dropped; [`Self::shutdown`] lets requests
/// that are under way finish first.
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    url: Url,
    address: SocketAddr,
    audit_file: PathBuf,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts a server with the machine's clock and the secrets of this machine.
    ///
    /// # Errors
    /// When a secret, the audit file or the address cannot be had.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Parts::default()).await
    }

    /// Starts a server from parts.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(config: Config, parts: Parts) -> Result<Self, StartError> {
        // Every real key must be there before the first request asks for it.
        let missing = config.check_secrets(&*parts.secrets).await;
        if !missing.is_empty() {
            return Err(InvalidConfig::new(missing).into());
        }
        let audit = match parts.audit {
            Some(audit) => audit,
            None => Arc::new(FileAudit::open(&config.audit_file)?),
        };
        let ledger = match parts.ledger {
            Some(ledger) => ledger,
            None => Arc::new(MemoryLedger::new(&*parts.random)?),
        };
        let listen = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let issuer = match config.issuer {
            Some(issuer) => issuer,
            None => Url::parse(&format!("http://{address}/"))?,
        };
        let vault = Arc::new(Vault {
            policy: config.policy,
            ledger,
            audit,
            secrets: parts.secrets,
            resolver: parts.resolver,
            clock: parts.clock,
            random: parts.random,
            endpoints: Endpoints::of(issuer.clone())?,
            limits: parts.limits,
            max_outstanding: config.max_outstanding,
        });
        vault.record(Event::Start { epoch: &vault.ledger.epoch() }).await?;
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, vault, stopped));
        tracing::info!(%address, url = %issuer, "listening");
        Ok(Self { url: issuer, address, audit_file: config.audit_file, stop, accepting })
    }

    /// The issuer's URL, which agents are pointed at.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address that it listens on. With `issuer` set, agents may reach it by another one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The audit file.
    pub fn audit_file(&self) -> &Path {
        &self.audit_file
    }

    /// Stops accepting, lets requests that are under way finish, and returns when all is done.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if self.accepting.await.is_err() {
            tracing::error!("the accept loop ended with a panic");
        }
    }
}

async fn accept(listener: TcpListener, vault: Arc<Vault>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(vault.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut stopped) => break,
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (listener.accept().await, place)
            } => accepted,
        };
        match accepted {
            (Ok((stream, _)), Ok(place)) => {
                let serving = serve(stream, Arc::clone(&vault), stopped.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            (Err(error), _) => {
                // Out of file descriptors, most likely; some are given back soon.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            (_, Err(_)) => break,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(vault.limits.drain_time, drained).await.is_err() {
        tracing::warn!("requests were cut off at shutdown");
    }
}

async fn serve(stream: TcpStream, vault: Arc<Vault>, mut stopped: watch::Receiver<bool>) {
    let head_time = vault.limits.head_time;
    let service = service_fn(move |request| {
        let vault = Arc::clone(&vault);
        async move { Ok::<_, Infallible>(routes::answer(&vault, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Strict::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopping(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits until the server is told to stop, or is dropped.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

const MOST_HEADERS: usize = 64;
const LARGEST_HEAD: usize = 64 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
