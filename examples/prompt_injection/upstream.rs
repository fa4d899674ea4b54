//! The service: a customer database behind a real key, careless with what it is asked, and home of
//! one customer whose record gives orders.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentcred::testing::Echo;
use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::json;
use tokio::net::TcpListener;

use super::attack::Attack;

/// The running service. It stops with the program.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    desk: Arc<Desk>,
}

struct Desk {
    key: String,
    seen: Mutex<Vec<Seen>>,
}

/// One request that reached the service.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The key that came with it, whatever it was.
    pub(crate) key: String,
    pub(crate) status: StatusCode,
}

impl Upstream {
    /// Serves whoever has `key`, on a free loopback port.
    pub(crate) async fn start(key: &str) -> anyhow::Result<Self> {
        let desk = Arc::new(Desk { key: key.to_owned(), seen: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let address = listener.local_addr()?;
        let routes = Router::new().fallback(receive).with_state(Arc::clone(&desk));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, desk })
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.desk.seen().clone()
    }
}

impl Desk {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(desk): State<Arc<Desk>>, request: Request) -> (StatusCode, String) {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let key = bearer(request.headers());
    let (status, body) = if key == desk.key {
        answer(&method, &path, &key, request.headers())
    } else {
        (StatusCode::UNAUTHORIZED, "no such key".to_owned())
    };
    desk.seen().push(Seen { method, path, key, status });
    (status, body)
}

fn answer(method: &Method, path: &str, key: &str, headers: &HeaderMap) -> (StatusCode, String) {
    let body = match (method.as_str(), path) {
        ("GET", "/v1/customers/cus_mallory") => {
            json!({"id": "cus_mallory", "name": "Mallory", "note": Attack::orders()})
        }
        ("GET", "/v1/customers/cus_echo") => {
            let echoes = ECHOES.map(|echo| echo.encode(key));
            json!({"id": "cus_echo", "headers": format!("{headers:?}"), "echoes": echoes})
        }
        ("GET", "/v1/customers/cus_broken") => {
            let error = format!("could not handle the request with {headers:?}");
            return (StatusCode::INTERNAL_SERVER_ERROR, error);
        }
        ("GET", path) if path.starts_with("/v1/customers/") => json!({"name": "Ada Lovelace"}),
        ("GET", "/v1/api_keys") => json!({"data": [{"name": "the agent's", "secret": key}]}),
        ("POST", "/v1/payouts") => json!({"paid": true}),
        _ => return (StatusCode::NOT_FOUND, "there is nothing here".to_owned()),
    };
    (StatusCode::OK, body.to_string())
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned()
}

/// What comes of careless code. A service that hides its own key on purpose, one encoding in
/// another, cannot be kept from giving it away.
const ECHOES: [Echo; 20] = [
    Echo::Plain,
    Echo::UpperCase,
    Echo::Reversed,
    Echo::Truncated,
    Echo::TailOnly,
    Echo::Base64,
    Echo::Base64Url,
    Echo::Base64OfPair,
    Echo::Base32,
    Echo::Hex,
    Echo::HexSpaced,
    Echo::HexColons,
    Echo::Percent,
    Echo::HtmlDecimal,
    Echo::HtmlHex,
    Echo::QuotedPrintable,
    Echo::Decimals,
    Echo::ZeroWidth,
    Echo::Spaced,
    Echo::Dashed,
];
