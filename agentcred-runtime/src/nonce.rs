//! The nonce: a handle on the credential of one call.

use std::fmt;
use std::time::SystemTime;

/// The credential of one call, as a handle.
#[must_use = "a nonce that nobody uses should not have been minted"]
pub struct Nonce {
    service: String,
    scope: String,
    expiry: SystemTime,
}

impl Nonce {
    #[cfg(test)]
    pub(crate) fn new(service: &str, scope: &str, expiry: SystemTime) -> Self {
        Self { service: service.to_owned(), scope: scope.to_owned(), expiry }
    }

    /// The service that it is for.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The scope that the issuer granted.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// When it dies at the latest.
    pub fn expiry(&self) -> SystemTime {
        self.expiry
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonce")
            .field("service", &self.service)
            .field("scope", &self.scope)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}
