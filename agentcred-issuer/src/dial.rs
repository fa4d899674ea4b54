//! Dialling: the address that was checked is the address that is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::resolver::Resolver;
use crate::service::{Destination, Reach, Transport};

/// What dialling gives.
pub(crate) struct Dialled {
    pub(crate) stream: Stream,
    pub(crate) line: Line,
    /// Whether both ends agreed on it when they agreed on keys (RFC 7301).
    pub(crate) is_http2: bool,
}

/// A stream of bytes to an upstream.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The socket below a connection, for a look at what has arrived on it.
pub(crate) struct Line(std::net::TcpStream);

impl Line {
    /// Whether it is open and nothing has arrived that nobody has read. Between two requests
    /// anything else is out of turn.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.0.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Why no connection was made. Nothing of the request was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("its name cannot be resolved: {0}")]
    Resolve(io::Error),
    #[error("every address of it is forbidden; allow_networks of the service allows more")]
    Forbidden,
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no TLS: {0}")]
    Tls(io::Error),
    #[error("no HTTP: {0}")]
    Http(hyper::Error),
}

impl DialError {
    /// A word for it that repeats nothing of what the other side said.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "its name cannot be resolved",
            Self::Forbidden => "its address is forbidden",
            Self::Connect(_) => "no connection",
            Self::Tls(_) => "no TLS; is its certificate of an authority in ca_file?",
            Self::Http(_) => "no HTTP",
        }
    }

    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "upstream_unresolved",
            Self::Forbidden => "upstream_address_forbidden",
            Self::Connect(_) => "upstream_refused_connection",
            Self::Tls(_) => "upstream_tls",
            Self::Http(_) => "upstream_http",
        }
    }
}

/// Connects to an origin.
pub(crate) async fn dial(
    destination: &Destination,
    resolver: &dyn Resolver,
) -> Result<Dialled, DialError> {
    let mut failure = DialError::Forbidden;
    for address in resolve(destination, resolver).await? {
        if !may_dial(destination, address.ip()) {
            continue;
        }
        match timeout(LONGEST_CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return secure(destination, stream).await,
            Ok(Err(error)) => failure = DialError::Connect(error),
            Err(_) => failure = DialError::Connect(io::ErrorKind::TimedOut.into()),
        }
    }
    Err(failure)
}

async fn resolve(
    destination: &Destination,
    resolver: &dyn Resolver,
) -> Result<Vec<SocketAddr>, DialError> {
    let port = destination.origin.port;
    match &destination.origin.host {
        Host::Ipv4(address) => Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => Ok(vec![(*address, port).into()]),
        Host::Domain(name) => resolver.resolve(name, port).await.map_err(DialError::Resolve),
    }
}

/// A key goes in the clear to this very machine or its platform only, whatever `localhost` resolves
/// to.
fn may_dial(destination: &Destination, address: IpAddr) -> bool {
    destination.networks.permit(address)
        && match destination.transport {
            Transport::Tls(_) => true,
            Transport::Plain(Reach::Loopback) => address.to_canonical().is_loopback(),
            Transport::Plain(Reach::LinkLocal) => {
                matches!(address.to_canonical(), IpAddr::V4(v4) if v4.is_link_local())
            }
        }
}

async fn secure(destination: &Destination, stream: TcpStream) -> Result<Dialled, DialError> {
    stream.set_nodelay(true).map_err(DialError::Connect)?;
    let (line, stream) = watched(stream).map_err(DialError::Connect)?;
    let Transport::Tls(tls) = &destination.transport else {
        return Ok(Dialled { stream: Stream::Plain(stream), line, is_http2: false });
    };
    let name = match &destination.origin.host {
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|error| DialError::Tls(io::Error::other(error)))?,
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    let connector = TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, stream).await.map_err(DialError::Tls)?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Dialled { stream: Stream::Tls(Box::new(stream)), line, is_http2 })
}

fn watched(stream: TcpStream) -> io::Result<(Line, TcpStream)> {
    let stream = stream.into_std()?;
    Ok((Line(stream.try_clone()?), TcpStream::from_std(stream)?))
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

/// How long one address may say nothing before the next one is tried: two packets that were lost.
const LONGEST_CONNECT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Networks;
    use crate::service::Origin;

    #[test]
    fn what_goes_in_the_clear_stays_on_the_machine_and_its_platform() {
        for (reach, allowed) in
            [(Reach::Loopback, "127.0.0.1"), (Reach::LinkLocal, "169.254.169.254")]
        {
            let origin = Origin::read("http://localhost").unwrap();
            let destination = Destination {
                origin,
                networks: Networks::all(),
                transport: Transport::Plain(reach),
            };
            for address in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "93.184.215.14", "fe80::1"]
            {
                let may = may_dial(&destination, address.parse().unwrap());
                assert_eq!(may, address == allowed, "{address}");
            }
        }
    }
}
