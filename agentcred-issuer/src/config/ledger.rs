//! Where the ledger is: in memory, or in a PostgreSQL that several issuers share.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentcred_protocol::ttl::Ttl;

use super::finding::{Findings, Key};
use super::proofs::ServerNoncePolicy;
use super::raw::RawLedger;
use super::replica;
use super::services::read_trust;
use crate::secrets::SecretRef;
use crate::service::{Reach, Transport};

/// Where the ledger is.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum LedgerConfig {
    /// In the issuer's own memory, for one issuer.
    #[default]
    Memory,
    /// In a database, for several.
    Postgres(PostgresConfig),
}

impl LedgerConfig {
    /// The secrets that it needs, by the names of their keys.
    pub(super) fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        match self {
            Self::Memory => Vec::new(),
            Self::Postgres(config) => {
                let password = config.password.iter().map(|reference| ("password", reference));
                [("key", &config.key)].into_iter().chain(password).collect()
            }
        }
    }
}

/// A database that several issuers share.
pub struct PostgresConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Option<SecretRef>,
    pub(crate) key: SecretRef,
    pub(crate) transport: Transport,
    pub(crate) connections: usize,
    pub(crate) timeout: Duration,
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

pub(super) fn check(
    raw: Option<RawLedger>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<LedgerConfig> {
    match raw.as_ref().map(|raw| raw.kind.as_str()) {
        None | Some("memory") => Some(LedgerConfig::Memory),
        Some("postgres") => check_postgres(raw?, folder, findings).map(LedgerConfig::Postgres),
        Some(_) => {
            let key = Key::root("ledger").field("kind");
            findings.error(&key, "must be \"memory\" or \"postgres\"");
            None
        }
    }
}

/// What issuers that share a ledger have besides: a name each, and server nonces together.
pub(super) fn check_neighbours(
    is_shared: bool,
    replica: Option<&str>,
    server_nonces: &ServerNoncePolicy,
    findings: &mut Findings<'_>,
) {
    let at = Key::root("server").field("replica");
    if replica.is_some_and(|it| !replica::is_name(it)) {
        findings.error(&at, replica::MESSAGE);
    }
    if !is_shared {
        return;
    }
    if replica.is_none() {
        let message = "is not given: the audits of issuers that share a ledger cannot be told \
                       apart; give each a name";
        findings.warning(&at, message);
    }
    if matches!(server_nonces, ServerNoncePolicy::Drawn) {
        let message = "is not given: an issuer refuses the server nonces of others that share its \
                       ledger; give all the same key";
        findings.warning(&Key::root("proofs").field("server_nonce_key"), message);
    }
}

fn check_postgres(
    raw: RawLedger,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<PostgresConfig> {
    let at = Key::root("ledger");
    let password = raw.password.as_deref();
    let password = password.map(|text| check_reference("password", text, folder, findings));
    let key = raw.key.as_deref().unwrap_or_default();
    let key = check_reference("key", key, folder, findings);
    let [host, database, user] =
        [("host", raw.host), ("database", raw.database), ("user", raw.user)].map(|(name, text)| {
            let text = text.filter(|text| !text.is_empty() && !text.contains(char::is_control));
            if text.is_none() {
                findings.error(&at.field(name), "must be given: the database needs one");
            }
            text
        });
    let connections = raw.connections.unwrap_or(CONNECTIONS);
    if !(1..=MOST_CONNECTIONS).contains(&connections) {
        let message = format!("must be 1 to {MOST_CONNECTIONS}");
        findings.error(&at.field("connections"), message);
    }
    let timeout = match raw.timeout.map(|text| text.parse::<Ttl>()) {
        None => Some(TIMEOUT),
        Some(read) => read.ok().map(Ttl::duration).filter(|timeout| *timeout <= LONGEST_TIMEOUT),
    };
    if timeout.is_none() {
        findings.error(&at.field("timeout"), "must be 1s to 30s");
    }
    let host = host?;
    let transport = check_transport(&host, raw.ca_file, &at, folder, findings);
    Some(PostgresConfig {
        host,
        port: raw.port.unwrap_or(PORT),
        database: database?,
        user: user?,
        password: match password {
            None => None,
            Some(password) => Some(password?),
        },
        key: key?,
        transport: transport?,
        connections,
        timeout: timeout?,
    })
}

fn check_reference(
    name: &str,
    text: &str,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<SecretRef> {
    SecretRef::read(text, folder)
        .map_err(|message| findings.error(&Key::root("ledger").field(name), message))
        .ok()
}

/// Plain text is for what never leaves this machine.
fn check_transport(
    host: &str,
    ca_file: Option<PathBuf>,
    at: &Key,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<Transport> {
    let is_socket = host.starts_with('/');
    let is_local = is_socket || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_socket && ca_file.is_some() {
        findings.error(&at.field("ca_file"), "is of no use: the host is a Unix socket");
    }
    if is_local && ca_file.is_none() {
        return Some(Transport::Plain(Reach::Loopback));
    }
    let at = at.field(if ca_file.is_some() { "ca_file" } else { "host" });
    read_trust(ca_file.map(|file| folder.join(file)).as_deref())
        .map_err(|message| findings.error(&at, message))
        .ok()
}

const PORT: u16 = 5432;
const CONNECTIONS: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(2);

const MOST_CONNECTIONS: usize = 100;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The configuration with these lines in its `[ledger]`.
    fn config(lines: &str) -> Result<Config, crate::InvalidConfig> {
        let folder = Path::new("/etc/agentcred");
        Config::parse(&format!("audit.file = \"audit.jsonl\"\n[ledger]\n{lines}"), folder)
    }

    const SOUND: &str = r#"
        kind = "postgres"
        host = "127.0.0.1"
        database = "agentcred"
        user = "agentcred"
        password = "file:db.password"
        key = "file:ledger.key"
    "#;

    #[test]
    fn a_sound_ledger_is_plain_on_this_machine_and_tls_elsewhere() {
        for host in ["127.0.0.1", "::1", "/run/postgresql"] {
            let config = config(&SOUND.replace("127.0.0.1", host)).unwrap();
            let LedgerConfig::Postgres(database) = config.ledger() else { panic!("{host}") };
            let is_plain = matches!(database.transport, Transport::Plain(Reach::Loopback));
            assert!(is_plain, "{host}");
        }
        // A name may lead anywhere, `localhost` too.
        for host in ["localhost", "db.example", "10.0.0.7"] {
            let Ok(config) = config(&SOUND.replace("127.0.0.1", host)) else {
                continue; // a machine without a trust store
            };
            let LedgerConfig::Postgres(database) = config.ledger() else { panic!("{host}") };
            assert!(matches!(database.transport, Transport::Tls(_)), "{host}");
        }
        assert!(matches!(config("kind = \"memory\"").unwrap().ledger(), LedgerConfig::Memory));
    }

    #[test]
    fn what_is_weak_or_wrong_is_named_and_a_secret_not_repeated() {
        for (written, instead, key, message) in [
            ("file:ledger.key", "canary", "ledger.key", "must say where the key is kept"),
            ("file:db.password", "canary", "ledger.password", "must say where the key is kept"),
            ("kind = ", "timeout = \"1h\"\nkind = ", "ledger.timeout", "must be 1s to 30s"),
            ("kind = ", "connections = 0\nkind = ", "ledger.connections", "must be 1 to 100"),
            ("kind = ", "ca_file = \"none\"\nkind = ", "ledger.ca_file", "cannot be read as PEM"),
            ("user = \"agentcred\"", "user = \"\"", "ledger.user", "must be given"),
            ("\"postgres\"", "\"redis\"", "ledger.kind", "must be \"memory\""),
            ("kind = ", "url = \"canary\"\nkind = ", "", "unknown field"),
        ] {
            let invalid = config(&SOUND.replace(written, instead)).unwrap_err();
            let finding = &invalid.findings()[0];
            assert_eq!(finding.key, key, "{finding}");
            assert!(finding.message.contains(message), "{finding}");
            assert!(finding.line.is_some(), "{finding}");
            assert!(!invalid.to_string().contains("canary"), "{invalid}");
        }
    }

    #[test]
    fn an_issuer_has_a_plain_name_in_its_audit() {
        let named =
            |name: &str| config(&format!("kind = \"memory\"\n[server]\nreplica = {name:?}"));
        assert_eq!(named("eu-1.a").unwrap().replica.as_deref(), Some("eu-1.a"));
        for name in ["", "a b", "a\"b", &"a".repeat(65)] {
            assert_eq!(named(name).unwrap_err().findings()[0].key, "server.replica");
        }
    }

    #[test]
    fn issuers_that_share_a_ledger_are_told_what_else_they_need() {
        let warned = |more: &str| {
            let config = config(&format!("{SOUND}{more}")).unwrap();
            let warnings = config.warnings().iter().map(|it| it.key.clone());
            warnings.filter(|key| key != "agents").collect::<Vec<_>>()
        };
        assert_eq!(warned(""), ["server.replica", "proofs.server_nonce_key"]);
        let named = "[server]\nreplica = \"a\"\n";
        let shared = format!("{named}[proofs]\nserver_nonce_key = \"file:nonce.key\"");
        assert_eq!(warned(named), ["proofs.server_nonce_key"]);
        assert!(warned(&shared).is_empty());
        let alone = config("kind = \"memory\"").unwrap();
        assert!(alone.warnings().iter().all(|it| it.key == "agents"));
    }
}
