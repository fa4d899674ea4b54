//! TLS on the agents' listener, by certificates that may be renewed while it runs.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, Error, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use crate::accept::Listener;
use crate::secrets;

/// Which files TLS is made from, and what they must be good for.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Who signs the certificates of clients; none when clients need none.
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    /// The name in the issuer's URL, which the certificate must be for.
    pub(crate) name: ServerName<'static>,
}

/// Files that TLS cannot be made from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct TlsError {
    /// Which key of `server.tls` is to blame.
    pub(crate) field: &'static str,
    /// What is wrong and the way out.
    pub(crate) message: String,
}

impl TlsFiles {
    /// Reads the files and checks that they fit each other, the name and the day.
    pub(crate) fn check(&self) -> Result<Checked, TlsError> {
        self.read()?.check(self)
    }

    fn read(&self) -> Result<Contents, TlsError> {
        let refuse = |field| move |message| TlsError { field, message };
        Ok(Contents {
            certificate: read(&self.certificate).map_err(refuse("certificate"))?,
            key: secrets::read_private(&self.key)
                .map_err(|error| refuse("key")(error.to_string()))?,
            client_ca: match &self.client_ca {
                Some(path) => Some(read(path).map_err(refuse("client_ca"))?),
                None => None,
            },
        })
    }
}

/// What TLS is served by, once checked.
#[derive(Debug)]
pub(crate) struct Checked {
    config: Arc<ServerConfig>,
    /// Whether the certificate is about to expire.
    pub(crate) expires_soon: bool,
}

/// What the files hold.
struct Contents {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Contents {
    fn check(&self, files: &TlsFiles) -> Result<Checked, TlsError> {
        let refuse = |field, message: String| TlsError { field, message };
        let chain = certificates(&self.certificate).map_err(|it| refuse("certificate", it))?;
        let is_valid_in = |time| is_valid_in(&chain[0], time);
        verify_name(&chain[0], &files.name).map_err(|it| refuse("certificate", it))?;
        is_valid_in(Duration::ZERO).map_err(|it| refuse("certificate", it))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| refuse("key", "holds no private key in PEM".to_owned()))?;
        let config = self.authenticate_clients(files)?;
        let config = config.with_single_cert(chain.clone(), key).map_err(|error| match error {
            Error::InconsistentKeys(_) => refuse("key", "is not the certificate's key".to_owned()),
            error => refuse("key", format!("cannot be used: {error}")),
        });
        let mut config = config?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Checked { config: Arc::new(config), expires_soon: is_valid_in(SOON).is_err() })
    }

    fn authenticate_clients(
        &self,
        files: &TlsFiles,
    ) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>, TlsError>
    {
        let refuse = |message: String| TlsError { field: "client_ca", message };
        let provider = Arc::new(provider::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(files.versions)
            .map_err(|error| TlsError { field: "min_version", message: error.to_string() })?;
        let Some(client_ca) = &self.client_ca else { return Ok(builder.with_no_client_auth()) };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(client_ca).map_err(refuse)? {
            roots.add(certificate).map_err(|error| refuse(format!("cannot be used: {error}")))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| refuse(format!("cannot be used: {error}")))?;
        Ok(builder.with_client_cert_verifier(verifier))
    }

    fn digest(&self) -> Vec<u8> {
        let mut context = digest::Context::new(&digest::SHA256);
        let client_ca = self.client_ca.as_deref().unwrap_or_default();
        for part in [self.certificate.as_slice(), self.key.as_slice(), client_ca] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }
}

/// TLS as it is served now. A connection that is open keeps what it began with.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// What was last seen in the files, whether or not it was taken.
    seen: Mutex<Result<Vec<u8>, TlsError>>,
}

impl Tls {
    pub(crate) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = files.read()?;
        let checked = contents.check(&files)?;
        let seen = Mutex::new(Ok(contents.digest()));
        Ok(Self { files, config: ArcSwap::new(checked.config), seen })
    }

    /// Reads the files again. Says whether there is something new in them; what was refused
    /// before is nothing new.
    ///
    /// # Errors
    /// When what is there now cannot be used. What was served before still is.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let contents = self.files.read();
        let now = contents.as_ref().map(Contents::digest).map_err(Clone::clone);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == now {
                return Ok(false);
            }
            *seen = now;
        }
        self.config.store(contents?.check(&self.files)?.config);
        Ok(true)
    }

    /// Looks for renewed certificates from time to time, for ever.
    pub(crate) async fn watch(self: Arc<Self>, pause: Duration) {
        loop {
            tokio::time::sleep(pause).await;
            let tls = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(false)) | Err(_) => {}
                Ok(Ok(true)) => tracing::info!("new connections get the renewed certificate"),
                Ok(Err(error)) => {
                    tracing::error!("server.tls.{error}; the certificate from before stays in use");
                }
            }
        }
    }
}

/// A listener whose connections are secured before anything is read from them.
#[derive(Debug)]
pub(crate) struct TlsListener {
    listener: TcpListener,
    tls: Arc<Tls>,
}

impl TlsListener {
    pub(crate) fn new(listener: TcpListener, tls: Arc<Tls>) -> Self {
        Self { listener, tls }
    }
}

impl Listener for TlsListener {
    type Stream = TlsStream<TcpStream>;
    type Opening = tokio_rustls::Accept<TcpStream>;

    async fn accept(&self) -> io::Result<(Self::Opening, IpAddr)> {
        let (opening, address) = Listener::accept(&self.listener).await?;
        let acceptor = TlsAcceptor::from(self.tls.config.load_full());
        Ok((acceptor.accept(opening.into_inner()?), address))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("cannot be read as PEM certificates: {error}"))?;
    if found.is_empty() { Err("holds no certificate in PEM".to_owned()) } else { Ok(found) }
}

fn verify_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), String> {
    let parsed = ParsedCertificate::try_from(certificate)
        .map_err(|error| format!("holds no certificate: {error}"))?;
    verify_server_name(&parsed, name)
        .map_err(|_| format!("is not for {}, which agents call this issuer by", name.to_str()))
}

/// Whether a certificate is within its time, now or some time from now.
fn is_valid_in(certificate: &CertificateDer<'_>, time: Duration) -> Result<(), String> {
    let parsed = ParsedCertificate::try_from(certificate)
        .map_err(|error| format!("holds no certificate: {error}"))?;
    let at = UnixTime::since_unix_epoch(
        Duration::from_secs(UnixTime::now().as_secs()).saturating_add(time),
    );
    // Nobody is trusted here, so that only the time can be what is wrong first.
    let algorithms = provider::default_provider().signature_verification_algorithms.all;
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], at, algorithms) {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Err("has expired; renew it".to_owned()),
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Err("is not valid yet; is this machine's clock right?".to_owned()),
        _ => Ok(()),
    }
}

/// How long before its end a certificate deserves a warning.
const SOON: Duration = Duration::from_hours(14 * 24);
