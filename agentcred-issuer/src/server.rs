//! The server: what it is put together from, how it starts and how it stops.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use agentcred_protocol::clock::Clock;
use agentcred_protocol::token::NoRandomness;
use arc_swap::ArcSwap;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::accept::accept;
use crate::approvals::{ApprovalStore, Approvals, MemoryApprovals};
use crate::audit::{AuditError, AuditLog, Event, OpenError};
use crate::config::{Config, InvalidConfig, LedgerConfig};
use crate::inject::Keyring;
use crate::ledger::{Ledger, MemoryLedger, PostgresError, PostgresLedger};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::operate::{Operations, OperatorsAt};
use crate::rates::Rates;
use crate::reload::{ReloadError, Reloaded, Source};
use crate::resolver::{Resolver, SystemResolver};
use crate::secrets::{SecretStore, StoreParts, Stores};
use crate::server_nonce::{ServerNonces, UnusableServerNonceKey};
use crate::steady::SteadyClock;
use crate::strangers::{self, Strangers};
use crate::tls::{Tls, TlsError, TlsListener};
use crate::vault::{Endpoints, Vault};

/// What a server is put together from. Tests put in what they can steer.
pub struct Parts {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws tokens.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
    /// Gives out real keys; none for the stores that the configuration names.
    pub secrets: Option<Arc<dyn SecretStore>>,
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
            clock: Arc::new(SteadyClock::system()),
            random: Arc::new(SystemRandom::new()),
            secrets: None,
            resolver: Arc::new(SystemResolver),
            ledger: None,
            audit: None,
            limits: Limits::default(),
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
    /// The operators' listener cannot be had.
    #[error("cannot listen on {at} for operators: {source}")]
    Operators {
        /// The address or the socket.
        at: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The listener's certificate or key cannot be used.
    #[error("server.tls.{0}")]
    Tls(#[from] TlsError),
    /// The issuer's URL cannot be formed.
    #[error("the issuer's URL cannot be formed: {0}")]
    Url(#[from] url::ParseError),
    /// Server nonces cannot be made.
    #[error(transparent)]
    ServerNonces(#[from] UnusableServerNonceKey),
    /// The shared ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] PostgresError),
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
    operators: Option<OperatorsAt>,
    audit_file: PathBuf,
    vault: Arc<Vault>,
    tls: Option<Arc<Tls>>,
    stop: watch::Sender<bool>,
    accepting: Vec<JoinHandle<()>>,
    /// Ended with the server.
    watching: Vec<JoinHandle<()>>,
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
        let secrets = parts.secrets.unwrap_or_else(|| {
            let (clock, random) = (Arc::clone(&parts.clock), Arc::clone(&parts.random));
            let resolver = Arc::clone(&parts.resolver);
            Arc::new(Stores::of(&config.stores, &StoreParts { clock, random, resolver }))
        });
        // Every real key must be there before the first request asks for it.
        let missing = config.check_secrets(&*secrets).await;
        if !missing.is_empty() {
            return Err(InvalidConfig::new(missing).into());
        }
        let audit = match parts.audit {
            Some(audit) => audit,
            None => Arc::new(config.audit.open()?),
        };
        let (ledger, approvals) = match parts.ledger {
            Some(ledger) => (ledger, Arc::new(MemoryApprovals::default()) as _),
            None => open_ledger(&config.ledger, &secrets, &*parts.random).await?,
        };
        let server_nonces =
            ServerNonces::of(&config.server_nonces, &*secrets, &*parts.random).await?;
        let tls = match config.server.tls {
            None => None,
            Some(files) => Some(Arc::new(Tls::open(files)?)),
        };
        let wanted = config.server.address;
        let listen = |source| StartError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let here = || Url::parse(&format!("{scheme}://{address}/"));
        let issuer = config.issuer.map_or_else(here, Ok)?;
        let operators_listener = match &config.operators {
            Some(operators) => Some(operators.listen().await?),
            None => None,
        };
        let keyring = Keyring::new(
            Arc::clone(&secrets),
            config.secret_times,
            Arc::clone(&parts.clock),
            Arc::clone(&parts.resolver),
        );
        let mut limits = parts.limits;
        limits.connections = config.server.most.unwrap_or(limits.connections);
        limits.connections_per_peer =
            config.server.most_per_peer.unwrap_or(limits.connections_per_peer);
        let vault = Arc::new(Vault {
            policy: ArcSwap::from_pointee(config.policy),
            source: Source { path: config.path, text: config.text },
            reloading: tokio::sync::Mutex::default(),
            secrets,
            replica: config.replica,
            ledger,
            audit,
            audit_failed: AtomicBool::new(false),
            metrics: Metrics::default(),
            keyring,
            resolver: parts.resolver,
            server_nonces,
            rates: Rates::new(Arc::clone(&parts.clock)),
            clock: parts.clock,
            random: parts.random,
            endpoints: Endpoints::of(issuer.clone())?,
            development: config.server.development,
            limits,
            approvals: Approvals::new(config.approvals, approvals),
            strangers: Strangers::new(limits.stranger_refusals),
        });
        vault.record(Event::Start { epoch: &vault.ledger.epoch() }).await?;
        let (stop, stopped) = watch::channel(false);
        let mut watching = vec![tokio::spawn(sum_up(Arc::downgrade(&vault)))];
        watching.extend(tls.clone().map(|tls| tokio::spawn(tls.watch(limits.renewal_time))));
        let (answers, stopping) = (Arc::clone(&vault), stopped.clone());
        let mut accepting = vec![match tls.clone() {
            None => tokio::spawn(accept(listener, answers, limits, stopping)),
            Some(tls) => {
                tokio::spawn(accept(TlsListener::new(listener, tls), answers, limits, stopping))
            }
        }];
        tracing::info!(%address, url = %issuer, "listening");
        let mut operators_at = None;
        if let (Some(operators), Some(listener)) = (config.operators, operators_listener) {
            let at = listener.at().clone();
            tracing::info!(%at, "listening for operators");
            let operations = Arc::new(Operations::new(Arc::clone(&vault), operators.known, &at));
            accepting.push(tokio::spawn(listener.accept(operations, limits, stopped)));
            operators_at = Some(at);
        }
        Ok(Self {
            url: issuer,
            address,
            operators: operators_at,
            audit_file: config.audit.file,
            vault,
            tls,
            stop,
            accepting,
            watching,
        })
    }

    /// The issuer's URL, which agents are pointed at.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address that it listens on. With `issuer` set, agents may reach it by another one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators find it; none without `[operators]`.
    pub fn operators(&self) -> Option<&OperatorsAt> {
        self.operators.as_ref()
    }

    /// `https` when it has TLS of its own, else `http`. With `issuer` set, the URL that agents
    /// are pointed at may begin with another.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The audit file.
    pub fn audit_file(&self) -> &Path {
        &self.audit_file
    }

    /// Reads the configuration's file again. Agents, services and the limits of tasks are taken
    /// over, all of them or none, for the next request on; nothing else can change.
    ///
    /// # Errors
    /// When the file is refused, changes something else, or the change cannot be recorded. The
    /// policy from before stays in use then.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        self.vault.reload(None).await
    }

    /// Reads the certificates of the listener again, which happens from time to time by itself.
    /// Says whether new ones were found. Connections that are open keep what they began with.
    ///
    /// # Errors
    /// When what is in the files now cannot be used. What was used before still is.
    pub fn renew_certificates(&self) -> Result<bool, TlsError> {
        self.tls.as_ref().map_or(Ok(false), |tls| tls.reload())
    }

    /// Stops accepting, lets requests that are under way finish, and returns when all is done.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for accepting in std::mem::take(&mut self.accepting) {
            if accepting.await.is_err() {
                tracing::error!("an accept loop ended with a panic");
            }
        }
        self.vault.sum_up_all().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for watching in &self.watching {
            watching.abort();
        }
    }
}

/// Sums up refusals of strangers, also when nothing else is recorded.
async fn sum_up(vault: Weak<Vault>) {
    loop {
        tokio::time::sleep(strangers::PERIOD).await;
        let Some(vault) = vault.upgrade() else { return };
        vault.sum_up().await;
    }
}

async fn open_ledger(
    config: &LedgerConfig,
    secrets: &Arc<dyn SecretStore>,
    random: &dyn SecureRandom,
) -> Result<(Arc<dyn Ledger>, Arc<dyn ApprovalStore>), StartError> {
    Ok(match config {
        LedgerConfig::Memory => {
            (Arc::new(MemoryLedger::new(random)?), Arc::new(MemoryApprovals::default()))
        }
        LedgerConfig::Postgres(config) => {
            let ledger = PostgresLedger::open(config, secrets).await?;
            let approvals = Arc::new(ledger.approvals());
            (Arc::new(ledger), approvals)
        }
    })
}
