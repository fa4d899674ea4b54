//! The one HTTP client: no redirects, no proxies, no cookies, TLS off loopback, limits on time and size.

use std::sync::Arc;
use std::time::Duration;

use agentcred_protocol::trace::TraceParent;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Method};
use reqwest::redirect;
use url::{Host, Url};

use crate::egress::EgressResponse;
use crate::issuer::IssuerError;
use crate::telemetry;
use crate::upload::Upload;

const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// How long the issuer may take to answer.
pub(crate) const ISSUER_WAIT: Duration = Duration::from_secs(10);
/// How long the broker may take; it gives the upstream a little less.
pub(crate) const BROKER_WAIT: Duration = Duration::from_secs(35);
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Gives the parent of a request that is made in the current span.
pub(crate) type TraceSource = dyn Fn() -> Option<TraceParent> + Send + Sync;

/// Talks to one vault side.
pub(crate) struct Wire {
    client: reqwest::Client,
    authorities: Vec<reqwest::Certificate>,
    trace: Option<Arc<TraceSource>>,
}

/// One request, whole.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// In place of `body`.
    pub(crate) upload: Option<Upload>,
    pub(crate) wait: Duration,
}

/// Why there is no answer. The cause's own text may hold URLs and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    Unreachable,
    TimedOut,
    TooLarge(usize),
    /// The body was sent before.
    Sent,
}

impl Wire {
    /// A client for the vault side at `url`. With `authorities`, no others are trusted.
    pub(crate) fn new(
        url: &Url,
        authorities: Vec<reqwest::Certificate>,
    ) -> Result<Self, IssuerError> {
        if !is_protected(url) {
            return Err(IssuerError::Misconfigured(
                "the issuer's URL must be https, or http on a loopback address; set AGENTCRED_ISSUER to such a one".to_owned(),
            ));
        }
        let client = build(client_trusting(&authorities))?;
        Ok(Self { client, authorities, trace: None })
    }

    /// The same client, but each connection ends with its answer.
    pub(crate) fn without_idle_connections(&self) -> Result<Self, IssuerError> {
        let authorities = self.authorities.clone();
        let client = build(client_trusting(&authorities).pool_max_idle_per_host(0))?;
        Ok(Self { client, authorities, trace: self.trace.clone() })
    }

    /// The same client, which says what trace each request belongs to.
    pub(crate) fn traced_by(&self, source: Arc<TraceSource>) -> Self {
        let (client, authorities) = (self.client.clone(), self.authorities.clone());
        Self { client, authorities, trace: Some(source) }
    }

    /// Sends the request once and reads the answer.
    pub(crate) async fn send(&self, exchange: Exchange) -> Result<EgressResponse, WireError> {
        telemetry::server(&exchange.url);
        let mut request = self.client.request(exchange.method, exchange.url).timeout(exchange.wait);
        request = match exchange.upload {
            None => request.body(exchange.body),
            Some(upload) => {
                let pieces = upload.take().map_err(|_| WireError::Sent)?;
                request
                    .header(CONTENT_LENGTH, upload.length())
                    .body(reqwest::Body::wrap_stream(pieces))
            }
        };
        for (name, value) in exchange.headers {
            request = request.header(name, value);
        }
        if let Some(parent) = self.trace.as_ref().and_then(|source| source()) {
            request = request.header(TraceParent::HEADER, parent.to_string());
        }
        let mut response = request.send().await.map_err(|error| classify(&error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(WireError::TooLarge(LARGEST_ANSWER));
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(EgressResponse { status: response.status(), headers, body: body.freeze() })
    }
}

fn client_trusting(authorities: &[reqwest::Certificate]) -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_WAIT);
    if authorities.is_empty() { client } else { client.tls_certs_only(authorities.iter().cloned()) }
}

fn build(client: reqwest::ClientBuilder) -> Result<reqwest::Client, IssuerError> {
    client.build().map_err(|_| {
        IssuerError::Misconfigured(
            "TLS could not be set up; check AGENTCRED_CA_FILE and the system's certificates"
                .to_owned(),
        )
    })
}

fn classify(error: &reqwest::Error) -> WireError {
    if error.is_timeout() { WireError::TimedOut } else { WireError::Unreachable }
}

fn is_protected(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" && url.has_host() || url.scheme() == "http" && loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_is_for_loopback_alone() {
        let protected = |text: &str| is_protected(&Url::parse(text).unwrap());
        for text in [
            "https://issuer.example",
            "http://127.0.0.1:8420",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert!(protected(text), "{text}");
        }
        for text in [
            "http://issuer.example",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "file:///x",
            "ftp://127.0.0.1",
        ] {
            assert!(!protected(text), "{text}");
        }
    }

    // Leak channel 30.
    #[tokio::test]
    async fn the_client_follows_nobody() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vault = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/token", vault.local_addr().unwrap())).unwrap();
        let location = format!("http://{}/", elsewhere.local_addr().unwrap());
        let wire = Wire::new(&url, Vec::new()).unwrap();
        for status in [301, 302, 303, 307, 308] {
            let exchange = Exchange {
                method: Method::POST,
                url: url.clone(),
                headers: Vec::new(),
                body: Bytes::new(),
                upload: None,
                wait: ISSUER_WAIT,
            };
            let redirect = async {
                let (mut agent, _) = vault.accept().await.unwrap();
                assert!(agent.read(&mut [0; 4096]).await.unwrap() > 0);
                let answer = format!(
                    "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                agent.write_all(answer.as_bytes()).await.unwrap();
            };
            let (answer, ()) = tokio::join!(wire.send(exchange), redirect);
            assert_eq!(answer.ok().unwrap().status.as_u16(), status);
        }
        // Whoever was redirected to would be waiting here.
        assert!(futures_util::FutureExt::now_or_never(elsewhere.accept()).is_none());
    }
}
