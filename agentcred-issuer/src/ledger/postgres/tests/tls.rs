//! TLS to the database: only the one that the configured authority vouches for, by its name.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;

use super::super::{PostgresError, Spending};
use super::{Stage, config, database, parse, suite};
use crate::config::Config;
use crate::ledger::{Ledger as _, PostgresLedger};
use crate::secrets::{LocalSecrets, SecretStore, write_private};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of a server with this name, and its key.
fn certificate(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

/// The configuration of an issuer that trusts this authority with its ledger.
fn trusting(stage: &Stage, authority: &Authority) -> Config {
    std::fs::write(stage.folder.path().join("ca.pem"), authority.pem()).unwrap();
    let ledger = stage.cluster.ledger("ledger");
    parse(&format!("{ledger}ca_file = \"ca.pem\"\n"), stage.folder.path())
}

async fn open(stage: &Stage, config: &Config) -> Result<PostgresLedger, PostgresError> {
    PostgresLedger::open(database(config), &stage.secrets).await
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_ledger_is_reached_over_tls_under_its_name_and_authority_alone() {
    let stage = Stage::set().await;
    let (ours, others) = (authority(), authority());
    // Before the server has TLS, nobody falls back to plain text.
    assert!(open(&stage, &trusting(&stage, &ours)).await.is_err());

    let (certificate_pem, key) = certificate(&ours, "127.0.0.1");
    stage.cluster.demand_tls(&certificate_pem, &key);
    let ledger = open(&stage, &trusting(&stage, &ours)).await.unwrap();
    let minted = suite::mint(&ledger, 1).await;
    assert_eq!(ledger.spend(&minted.nonce, suite::NOW).await.unwrap(), Spending::Spent);
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                  WHERE usename = 'agentcred' AND NOT ssl";
    assert_eq!(stage.cluster.sql("ledger", plain), "0");

    let refused = open(&stage, &trusting(&stage, &others)).await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    let plain = config(&stage.cluster, "ledger", stage.folder.path());
    let refused = open(&stage, &plain).await.unwrap_err();
    assert!(refused.to_string().contains("no encryption"), "{refused}");

    let (elsewhere, key) = certificate(&ours, "db.example");
    stage.cluster.demand_tls(&elsewhere, &key);
    let refused = open(&stage, &trusting(&stage, &ours)).await.unwrap_err();
    assert!(refused.to_string().contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn it_asks_for_the_protocol_that_newer_servers_insist_on() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority().pem()).unwrap();
    write_private(&folder.path().join("ledger.key"), &"k".repeat(32));
    let text = format!(
        "[ledger]\nkind = \"postgres\"\nhost = \"127.0.0.1\"\n\
         port = {}\ndatabase = \"l\"\nuser = \"a\"\nkey = \"file:ledger.key\"\n\
         ca_file = \"ca.pem\"",
        server.local_addr().unwrap().port()
    );
    let config = parse(&text, folder.path());
    let secrets: Arc<dyn SecretStore> = Arc::new(LocalSecrets::default());
    let serving = async {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(b"S").await.unwrap();
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
        let hello = hello.await.unwrap();
        let asked = hello.client_hello().alpn().unwrap().map(<[u8]>::to_vec);
        asked.collect::<Vec<_>>()
    };
    let (asked, opened) = tokio::join!(serving, PostgresLedger::open(database(&config), &secrets));
    assert_eq!(asked, [b"postgresql"]);
    assert!(opened.is_err());
}
