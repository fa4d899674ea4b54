//! Connections: TLS or loopback, the password read anew for each, and a server that keeps what
//! it said it wrote.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::PostgresConfig;
use crate::secrets::{SecretError, SecretRef, SecretStore, UnusableSecret};
use crate::service::Transport;

/// Why the shared ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The database refuses, or is not there.
    #[error("the ledger's database: {}", chain(.0))]
    Database(#[from] tokio_postgres::Error),
    /// No connection could be made.
    #[error("the ledger's database at {place}: {cause}")]
    Connection {
        /// Host and port.
        place: String,
        /// Why.
        cause: String,
    },
    /// The password or the key cannot be had.
    #[error("the ledger's secret: {0}")]
    Secret(#[from] SecretError),
    /// The key is too short to be one.
    #[error("ledger.key {0}; make one with: openssl rand -base64 32")]
    WeakKey(UnusableSecret),
    /// The tables are older than this issuer.
    #[error(
        "the ledger's database is at version {found} and this issuer needs {known}; run: \
         agentcred-issuer migrate --config FILE"
    )]
    NotMigrated {
        /// The database's version, 0 when it is empty.
        found: usize,
        /// This issuer's.
        known: usize,
    },
    /// The tables are newer than this issuer.
    #[error(
        "the ledger's database is at version {found} and this issuer knows {known}; run the \
         newer issuer that migrated it"
    )]
    Newer {
        /// The database's version.
        found: usize,
        /// This issuer's.
        known: usize,
    },
    /// Other issuers have another key, so that neither would know the other's nonces.
    #[error(
        "the ledger is in use with another key; give every issuer the same, or, when all others \
         are stopped, begin anew: agentcred-issuer migrate --new-epoch --config FILE"
    )]
    AnotherKey,
    /// The server may forget what it wrote.
    #[error(
        "the ledger's database has {setting} = {value}, so that it may lose a use; set it to on"
    )]
    LosesWrites {
        /// The setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
    },
}

/// The key of all hashes.
pub(super) async fn key(
    config: &PostgresConfig,
    secrets: &dyn SecretStore,
) -> Result<hmac::Key, PostgresError> {
    secrets.fetch(&config.key).await?.hmac_key().map_err(PostgresError::WeakKey)
}

/// A pool that connects when it is asked to.
pub(super) fn pool(
    config: &PostgresConfig,
    secrets: &Arc<dyn SecretStore>,
) -> Result<Pool, PostgresError> {
    let connector = Connector {
        transport: config.transport.clone(),
        password: config.password.clone(),
        secrets: Arc::clone(secrets),
    };
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let statements = format!("-c statement_timeout={}", config.timeout.as_millis());
    let manager = Manager::from_connect(session(config, &statements), connector, recycling);
    Pool::builder(manager)
        .max_size(config.connections)
        .wait_timeout(Some(config.timeout))
        .create_timeout(Some(config.timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| failed(config, &error))
}

/// The first connection, with a look at what the server promises.
pub(super) async fn client(pool: &Pool, config: &PostgresConfig) -> Result<Object, PostgresError> {
    let client = pool.get().await.map_err(|error| failed(config, &error))?;
    for setting in ["fsync", "full_page_writes"] {
        let value: String =
            client.query_one("SELECT current_setting($1)", &[&setting]).await?.try_get(0)?;
        if value != "on" {
            return Err(PostgresError::LosesWrites { setting, value });
        }
    }
    Ok(client)
}

/// A connection of its own for a migration, which may take its time.
pub(super) async fn migrator(
    config: &PostgresConfig,
    secrets: &Arc<dyn SecretStore>,
) -> Result<(Client, JoinHandle<()>), PostgresError> {
    let connector = Connector {
        transport: config.transport.clone(),
        password: config.password.clone(),
        secrets: Arc::clone(secrets),
    };
    let session = session(config, "-c lock_timeout=30000");
    connector.connect(&session).await.map_err(|error| failed(config, &error))
}

fn failed(config: &PostgresConfig, error: &dyn Error) -> PostgresError {
    let place = format!("{}:{}", config.host, config.port);
    PostgresError::Connection { place, cause: chain(error) }
}

/// Every setting that the ledger's safety leans on is set here, whatever the server's are.
fn session(config: &PostgresConfig, more: &str) -> Config {
    let mut session = Config::new();
    session
        .host(&config.host)
        .port(config.port)
        .dbname(&config.database)
        .user(&config.user)
        .application_name("agentcred-issuer")
        .options(format!(
            "-c synchronous_commit=on -c default_transaction_isolation=read\\ committed -c \
             search_path=pg_catalog -c client_min_messages=warning {more}"
        ))
        .connect_timeout(config.timeout)
        .tcp_user_timeout(config.timeout)
        .keepalives_idle(KEEPALIVE)
        // A standby that still answers is not the ledger.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .ssl_mode(match config.transport {
            Transport::Tls(_) => SslMode::Require,
            Transport::Plain(_) => SslMode::Disable,
        });
    session
}

/// Makes connections. The password is fetched for each, so that a changed one is used at once.
struct Connector {
    transport: Transport,
    password: Option<SecretRef>,
    secrets: Arc<dyn SecretStore>,
}

type Connected = (Client, JoinHandle<()>);

impl Connect for Connector {
    fn connect(
        &self,
        session: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Connected, tokio_postgres::Error>> + Send + '_>> {
        let mut session = session.clone();
        Box::pin(async move {
            if let Some(reference) = &self.password {
                match self.secrets.fetch(reference).await {
                    Ok(password) => password.log_in(&mut session),
                    // The server says that it misses one.
                    Err(error) => tracing::error!(%error, "no password for the ledger"),
                }
            }
            match &self.transport {
                Transport::Tls(tls) => {
                    let mut tls = rustls::ClientConfig::clone(tls);
                    // PostgreSQL 17 and newer refuse whoever asks for another protocol.
                    tls.alpn_protocols = vec![b"postgresql".to_vec()];
                    let tls = MakeRustlsConnect::new(tls);
                    let (client, connection) = session.connect(tls).await?;
                    Ok((client, follow(connection)))
                }
                Transport::Plain(_) => {
                    let (client, connection) = session.connect(NoTls).await?;
                    Ok((client, follow(connection)))
                }
            }
        })
    }
}

/// Serves a connection until it ends.
fn follow(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = chain(&error), "a connection to the ledger ended");
        }
    })
}

/// An error with all that caused it: the outermost says no more than "db error".
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

const KEEPALIVE: Duration = Duration::from_secs(10);
