//! Injection: how real keys are put into a request, each kind in a file of its own.

mod basic;
mod client_credentials;
mod header;
mod keys;
mod query;
mod sigv4;

use agentcred_protocol::clock::UnixTime;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, HeaderName};

use crate::config::Key;
use crate::secrets::{Secret, SecretRef, UnusableSecret};

pub(crate) use basic::Basic;
pub(crate) use client_credentials::{Authentication, ClientCredentials};
pub(crate) use header::Header;
pub(crate) use keys::{Keyring, Keys};
pub(crate) use query::Query;
pub(crate) use sigv4::SigV4;

/// Every key that a service's requests carry. There is one at least, and a signature over the
/// others comes last.
#[derive(Clone, Debug)]
pub(crate) struct Injections(Vec<Injection>);

/// One key: where it is kept and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Injection {
    pub(crate) kind: Kind,
    pub(crate) secret: SecretRef,
    /// Where the configuration names the secret.
    pub(crate) named_at: Key,
}

/// Where a key goes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Into a header of any name.
    Header(Header),
    /// Into basic credentials.
    Basic(Basic),
    /// Into the query.
    Query(Query),
    /// Into an access token of the broker's own, which goes into `Authorization`.
    ClientCredentials(Box<ClientCredentials>),
    /// Nowhere: the request is signed with it.
    SigV4(SigV4),
}

/// A text that is no injection, and which key of the configuration is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidInjection {
    pub(crate) key: &'static str,
    pub(crate) message: &'static str,
}

impl Injections {
    pub(crate) fn new(mut injections: Vec<Injection>) -> Self {
        injections.sort_by_key(|it| matches!(it.kind, Kind::SigV4(_)));
        Self(injections)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Injection> {
        self.0.iter()
    }

    /// Whether any of them has a destination of its own that has TLS.
    pub(crate) fn use_tls(&self) -> bool {
        self.0.iter().any(|it| match &it.kind {
            Kind::ClientCredentials(client) => client.endpoint.origin.is_tls,
            _ => false,
        })
    }

    /// Whether requests are signed, body and all.
    pub(crate) fn sign(&self) -> bool {
        self.0.iter().any(|it| matches!(it.kind, Kind::SigV4(_)))
    }

    /// Puts every key into a request that is complete otherwise. A signature that was made is
    /// given back: it opens the same request once more, so it must not come back either.
    pub(crate) fn put(
        &self,
        request: &mut Request<Bytes>,
        keys: &Keys,
        now: UnixTime,
    ) -> Result<Option<Secret>, UnusableSecret> {
        let mut signature = None;
        for (injection, key) in self.0.iter().zip(keys.in_order()) {
            signature = injection.kind.put(request, key, now)?.or(signature);
        }
        Ok(signature)
    }
}

impl Kind {
    /// The headers that this kind owns; what else stands there is overwritten.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        let (one, more): (_, &[HeaderName]) = match self {
            Self::Header(header) => (Some(header.name()), &[]),
            Self::Query(_) => (None, &[]),
            Self::Basic(_) | Self::ClientCredentials(_) => (Some(&AUTHORIZATION), &[]),
            Self::SigV4(_) => (Some(&AUTHORIZATION), &sigv4::HEADERS),
        };
        one.into_iter().chain(more)
    }

    /// Whether a secret that was read can serve, before a request needs it.
    pub(crate) fn check(&self, secret: &Secret) -> Result<(), UnusableSecret> {
        match self {
            // What an authorization server makes of it is not known before it is asked.
            Self::ClientCredentials(_) => Ok(()),
            Self::SigV4(_) => secret.aws_credentials().map(drop),
            _ => self
                .put(&mut Request::new(Bytes::new()), secret, UnixTime::from_millis(0))
                .map(drop),
        }
    }

    fn put(
        &self,
        request: &mut Request<Bytes>,
        key: &Secret,
        now: UnixTime,
    ) -> Result<Option<Secret>, UnusableSecret> {
        match self {
            Self::Header(header) => header.put(request, key),
            Self::Basic(basic) => basic.put(request, key),
            Self::Query(query) => query.put(request, key),
            Self::ClientCredentials(_) => client_credentials::put_token(request, key),
            Self::SigV4(sigv4) => return sigv4.sign(request, key, now).map(Some),
        }?;
        Ok(None)
    }
}
