//! Names to addresses: whom the broker asks before it dials.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Finds the addresses of an upstream.
///
/// # Security
/// Its answers are not believed: each address is checked against the service's networks, and
/// the one that passed is dialled without asking again. A resolver that changes its mind
/// between two questions gains nothing.
#[async_trait]
pub trait Resolver: Debug + Send + Sync + 'static {
    /// Every address of a name, in the order in which they are to be tried.
    ///
    /// # Errors
    /// When the name is unknown or nobody can be asked. The request may be tried again then.
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the operating system, hosts file included.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}
