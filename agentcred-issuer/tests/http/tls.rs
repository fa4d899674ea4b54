//! TLS on the agents' listener: who is let in, who is not, and certificates that are renewed.

use std::path::Path;
use std::time::Duration;

use agentcred_issuer::{Config, InvalidConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use reqwest::{Certificate, Client, Identity};

use crate::agent::READ;
use crate::stage::{Stage, write_private};
use crate::upstream::{Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// Who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.pem().as_bytes()).unwrap()
    }

    /// A certificate for a name and its key, both in PEM, changed before they are signed.
    pub(crate) fn sign(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    pub(crate) fn write(&self, folder: &Path, name: &str) {
        let (certificate, key) = self.sign(name, |_| {});
        std::fs::write(folder.join("vault.pem"), certificate).unwrap();
        write_private(&folder.join("vault.key"), &key);
    }
}

/// A stage whose listener has TLS by this authority's certificate for 127.0.0.1.
async fn stage(authority: &Authority, more: &str) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    let edit = |policy: String, folder: &Path| {
        authority.write(folder, "127.0.0.1");
        std::fs::write(folder.join("clients.pem"), authority.pem()).unwrap();
        with_tls(&policy, more)
    };
    let change = |parts: &mut agentcred_issuer::Parts| {
        parts.limits.renewal_time = Duration::from_millis(20);
    };
    let mut stage = Stage::build(upstream, edit, change).await;
    stage.agent.http = client(authority).build().unwrap();
    stage
}

pub(crate) fn with_tls(policy: &str, more: &str) -> String {
    let tls = format!(
        "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"vault.pem\", key = \"vault.key\"{more} }}"
    );
    policy.replacen("listen = \"127.0.0.1:0\"", &tls, 1)
}

pub(crate) fn client(authority: &Authority) -> reqwest::ClientBuilder {
    Client::builder().no_proxy().tls_certs_only([authority.certificate()])
}

/// Why a client got no answer, with all its causes.
async fn failure(stage: &Stage, client: Client) -> String {
    let mut error: &dyn std::error::Error =
        &client.get(stage.agent.url("/")).send().await.unwrap_err();
    let mut text = error.to_string();
    while let Some(cause) = error.source() {
        text = format!("{text}: {cause}");
        error = cause;
    }
    text
}

#[tokio::test]
async fn a_call_passes_by_tls_and_the_url_says_so() {
    let authority = Authority::new();
    let stage = stage(&authority, "").await;
    assert_eq!(stage.server.url().scheme(), "https");
    let nonce = stage.agent.mint(READ).await;
    assert_eq!(stage.agent.get(&nonce, CUSTOMERS).await.status(), 200);
    assert_eq!(stage.upstream.arrived().len(), 1);
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_or_calls_another_name_sends_nothing() {
    let authority = Authority::new();
    let stage = stage(&authority, "").await;
    let other = client(&Authority::new()).build().unwrap();
    assert!(failure(&stage, other).await.contains("invalid peer certificate"));
    let mut elsewhere = stage.agent.issuer.clone();
    elsewhere.set_host(Some("localhost")).unwrap();
    let refused = client(&authority).build().unwrap().get(elsewhere).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("NotValidForName"), "{refused:?}");
}

#[tokio::test]
async fn plain_http_and_tls_1_2_get_no_answer() {
    let authority = Authority::new();
    let strict = stage(&authority, "").await;
    let old =
        || client(&authority).tls_version_max(reqwest::tls::Version::TLS_1_2).build().unwrap();
    assert!(failure(&strict, old()).await.contains("ProtocolVersion"));
    let mut plain = strict.agent.issuer.clone();
    plain.set_scheme("http").unwrap();
    assert!(strict.agent.http.get(plain).send().await.is_err());
    // The control: the same client is answered where the operator allowed it.
    let lenient = stage(&authority, ", min_version = \"1.2\"").await;
    assert_eq!(old().get(lenient.agent.url("/")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn where_clients_need_a_certificate_only_a_good_one_is_let_in() {
    let authority = Authority::new();
    let stage = stage(&authority, ", client_ca = \"clients.pem\"").await;
    let known_by = |(certificate, key): (String, String)| {
        let identity = Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap();
        client(&authority).identity(identity).build().unwrap()
    };
    let answered = known_by(authority.sign("agent", |_| {})).get(stage.agent.url("/")).send();
    assert_eq!(answered.await.unwrap().status(), 404);
    let none = client(&authority).build().unwrap();
    assert!(failure(&stage, none).await.contains("CertificateRequired"));
    let stranger = known_by(Authority::new().sign("agent", |_| {}));
    assert!(failure(&stage, stranger).await.contains("received fatal alert"));
    let expired = authority.sign("agent", |params| params.not_after = date_time_ymd(2020, 1, 1));
    assert!(failure(&stage, known_by(expired)).await.contains("CertificateExpired"));
    let for_servers = authority.sign("agent", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(failure(&stage, known_by(for_servers)).await.contains("received fatal alert"));
}

#[tokio::test]
async fn a_renewed_certificate_is_found_and_a_bad_one_changes_nothing() {
    let (before, after) = (Authority::new(), Authority::new());
    let stage = stage(&before, "").await;
    let url = stage.agent.url("/");
    let open = client(&before).build().unwrap();
    assert_eq!(open.get(url.clone()).send().await.unwrap().status(), 404);

    // Half of a renewal: the key does not fit the certificate.
    let (certificate, key) = after.sign("127.0.0.1", |_| {});
    std::fs::write(stage.folder().join("vault.pem"), &certificate).unwrap();
    let refused = stage.server.renew_certificates();
    if let Err(refused) = &refused {
        assert!(refused.to_string().contains("is not the certificate's key"), "{refused}");
    }
    let fresh = client(&before).build().unwrap();
    assert_eq!(fresh.get(url.clone()).send().await.unwrap().status(), 404);

    // The other half. Nobody tells the server: it looks by itself.
    write_private(&stage.folder().join("vault.key"), &key);
    loop {
        let fresh = client(&after).build().unwrap();
        if fresh.get(url.clone()).send().await.is_ok() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let outdated = client(&before).build().unwrap();
    assert!(failure(&stage, outdated).await.contains("invalid peer certificate"));
    // A connection that was open goes on.
    assert_eq!(open.get(url).send().await.unwrap().status(), 404);
}

/// What the configuration says of files that this makes.
fn refusal(authority: &Authority, change: impl FnOnce(&Path)) -> Result<Config, InvalidConfig> {
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), "127.0.0.1");
    change(folder.path());
    let config = "server.listen = \"127.0.0.1:0\"\naudit.file = \"a\"\n\
                  [server.tls]\ncertificate = \"vault.pem\"\nkey = \"vault.key\"\n";
    Config::parse(config, folder.path())
}

#[test]
fn files_that_do_not_fit_are_refused_by_the_key_that_names_them() {
    let authority = Authority::new();
    assert!(refusal(&authority, |_| {}).unwrap().warnings().iter().all(|it| it.key == "agents"));
    let sign = |change: fn(&mut CertificateParams)| {
        let (certificate, key) = authority.sign("127.0.0.1", change);
        move |folder: &Path| {
            std::fs::write(folder.join("vault.pem"), &certificate).unwrap();
            write_private(&folder.join("vault.key"), &key);
        }
    };
    let says = |change: &dyn Fn(&Path), key: &str, line: usize, text: &str| {
        let refused = refusal(&authority, change).unwrap_err();
        let found = refused.findings().iter().find(|it| it.key == key);
        let found = found.unwrap_or_else(|| panic!("{refused}"));
        assert_eq!(found.line, Some(line), "{refused}");
        assert!(found.message.contains(text), "{refused}");
    };
    let (certificate, key) = ("server.tls.certificate", "server.tls.key");
    let expired = sign(|params| params.not_after = date_time_ymd(2020, 1, 1));
    says(&expired, certificate, 4, "has expired");
    let future = sign(|params| params.not_before = date_time_ymd(2090, 1, 1));
    says(&future, certificate, 4, "is not valid yet");
    let elsewhere = |folder: &Path| authority.write(folder, "elsewhere.example");
    says(&elsewhere, certificate, 4, "is not for 127.0.0.1");
    let empty = |folder: &Path| std::fs::write(folder.join("vault.pem"), "").unwrap();
    says(&empty, certificate, 4, "no certificate in PEM");
    let none = |folder: &Path| std::fs::remove_file(folder.join("vault.pem")).unwrap();
    says(&none, certificate, 4, "cannot be read");
    let other_key = |folder: &Path| {
        write_private(&folder.join("vault.key"), &KeyPair::generate().unwrap().serialize_pem());
    };
    says(&other_key, key, 5, "is not the certificate's key");
    let no_key = |folder: &Path| write_private(&folder.join("vault.key"), "sk_live_canary");
    says(&no_key, key, 5, "no private key in PEM");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = |folder: &Path| {
            let all = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(folder.join("vault.key"), all).unwrap();
        };
        says(&open, key, 5, "can be read by others");
    }
}
