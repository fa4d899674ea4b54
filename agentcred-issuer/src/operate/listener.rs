//! Where operators connect: a loopback address, or a socket that only the issuer's user can open.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Operations, Operators};
use crate::accept::accept;
use crate::limits::Limits;
use crate::server::StartError;

/// Where operators find an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorsAt {
    /// An address on loopback.
    Address(SocketAddr),
    /// A Unix socket.
    Socket(PathBuf),
}

impl fmt::Display for OperatorsAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The `[operators]` of a configuration.
#[derive(Debug)]
pub(crate) struct OperatorsConfig {
    pub(crate) at: OperatorsAt,
    pub(crate) known: Operators,
}

impl OperatorsConfig {
    pub(crate) async fn listen(&self) -> Result<OperatorsListener, StartError> {
        let failed = |source| StartError::Operators { at: self.at.to_string(), source };
        let kind = match &self.at {
            OperatorsAt::Address(address) => {
                Kind::Address(TcpListener::bind(address).await.map_err(failed)?)
            }
            #[cfg(unix)]
            OperatorsAt::Socket(path) => Kind::Socket(OwnSocket::bind(path).map_err(failed)?),
            #[cfg(not(unix))]
            OperatorsAt::Socket(_) => {
                return Err(failed(std::io::ErrorKind::Unsupported.into()));
            }
        };
        let at = match &kind {
            Kind::Address(listener) => OperatorsAt::Address(listener.local_addr().map_err(failed)?),
            #[cfg(unix)]
            Kind::Socket(_) => self.at.clone(),
        };
        Ok(OperatorsListener { at, kind })
    }
}

/// A listener for operators, bound.
pub(crate) struct OperatorsListener {
    at: OperatorsAt,
    kind: Kind,
}

enum Kind {
    Address(TcpListener),
    #[cfg(unix)]
    Socket(OwnSocket),
}

impl OperatorsListener {
    /// Where it is, with the port that it got.
    pub(crate) fn at(&self) -> &OperatorsAt {
        &self.at
    }

    /// Accepts until it is told to stop, in places of its own: agents who take all of theirs
    /// leave the operators' free.
    pub(crate) async fn accept(
        self,
        operations: Arc<Operations>,
        limits: Limits,
        stopped: watch::Receiver<bool>,
    ) {
        let connections = limits.connections.min(MOST_CONNECTIONS);
        let limits = Limits { connections, connections_per_peer: connections, ..limits };
        match self.kind {
            Kind::Address(listener) => accept(listener, operations, limits, stopped).await,
            #[cfg(unix)]
            Kind::Socket(listener) => accept(listener, operations, limits, stopped).await,
        }
    }
}

#[cfg(unix)]
pub(super) use socket::OwnSocket;

#[cfg(unix)]
mod socket {
    use std::fs::{self, Permissions};
    use std::future::{Ready, ready};
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
    use std::os::unix::net::UnixStream as Probe;
    use std::path::{Path, PathBuf};

    use tokio::net::{UnixListener, UnixStream};

    use crate::accept::Listener;

    /// A Unix socket that takes connections of its own user only.
    #[derive(Debug)]
    pub(crate) struct OwnSocket {
        listener: UnixListener,
        path: PathBuf,
        owner: u32,
    }

    impl OwnSocket {
        /// Binds the socket. What a process that is gone left there is replaced; nothing else is.
        pub(crate) fn bind(path: &Path) -> io::Result<Self> {
            if let Ok(metadata) = fs::symlink_metadata(path) {
                if !metadata.file_type().is_socket() {
                    return Err(io::Error::other("something else than a socket is there"));
                }
                if Probe::connect(path).is_ok() {
                    return Err(io::Error::from(io::ErrorKind::AddrInUse));
                }
                fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            // Whoever connects before this is asked for his uid too.
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            let owner = fs::symlink_metadata(path)?.uid();
            Ok(Self { listener, path: path.to_owned(), owner })
        }
    }

    impl Listener for OwnSocket {
        type Stream = UnixStream;
        type Opening = Ready<io::Result<UnixStream>>;

        async fn accept(&self) -> io::Result<(Self::Opening, IpAddr)> {
            loop {
                let (stream, _) = self.listener.accept().await?;
                match stream.peer_cred() {
                    Ok(peer) if peer.uid() == self.owner || peer.uid() == 0 => {
                        return Ok((ready(Ok(stream)), Ipv4Addr::LOCALHOST.into()));
                    }
                    Ok(peer) => {
                        tracing::warn!(uid = peer.uid(), "another user was turned away");
                    }
                    Err(error) => tracing::warn!(%error, "nobody knows who connects"),
                }
            }
        }
    }

    impl Drop for OwnSocket {
        fn drop(&mut self) {
            // A socket that stays behind is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Operators are few, and a page opens a handful of connections.
const MOST_CONNECTIONS: usize = 64;
