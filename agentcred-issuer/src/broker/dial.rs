//! Dialling: the address that was checked is the address that is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::resolver::Resolver;
use crate::service::{Service, Transport};

/// A connection to an upstream.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why no connection was made. Nothing of the request was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("its name cannot be resolved: {0}")]
    Resolve(io::Error),
    #[error("every address of it is forbidden; allow_networks of the service allows more")]
    Forbidden,
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no TLS: {0}")]
    Tls(io::Error),
}

impl DialError {
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "upstream_unresolved",
            Self::Forbidden => "upstream_address_forbidden",
            Self::Connect(_) => "upstream_refused_connection",
            Self::Tls(_) => "upstream_tls",
        }
    }
}

/// Connects to a service's origin.
pub(super) async fn dial(service: &Service, resolver: &dyn Resolver) -> Result<Stream, DialError> {
    let mut failure = DialError::Forbidden;
    for address in resolve(service, resolver).await? {
        if !may_dial(service, address.ip()) {
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return secure(service, stream).await,
            Err(error) => failure = DialError::Connect(error),
        }
    }
    Err(failure)
}

async fn resolve(service: &Service, resolver: &dyn Resolver) -> Result<Vec<SocketAddr>, DialError> {
    let port = service.origin.port;
    match &service.origin.host {
        Host::Ipv4(address) => Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => Ok(vec![(*address, port).into()]),
        Host::Domain(name) => resolver.resolve(name, port).await.map_err(DialError::Resolve),
    }
}

/// A key goes in the clear to this very machine only, whatever `localhost` resolves to.
fn may_dial(service: &Service, address: IpAddr) -> bool {
    service.networks.permit(address)
        && match service.transport {
            Transport::Tls(_) => true,
            Transport::Loopback => address.to_canonical().is_loopback(),
        }
}

async fn secure(service: &Service, stream: TcpStream) -> Result<Stream, DialError> {
    stream.set_nodelay(true).map_err(DialError::Connect)?;
    let Transport::Tls(tls) = &service.transport else { return Ok(Stream::Plain(stream)) };
    let name = match &service.origin.host {
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|error| DialError::Tls(io::Error::other(error)))?,
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    let connector = TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, stream).await.map_err(DialError::Tls)?;
    Ok(Stream::Tls(Box::new(stream)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
