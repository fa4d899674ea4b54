//! A stand-in for Stripe: its wire format on a loopback port, over a fixed account.

mod account;
mod charges;
mod customers;
mod invoices;
mod key;
mod page;
mod params;
mod refunds;
mod refusal;
mod search;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::account::Account;
pub(crate) use self::key::SandboxKey;
use self::refusal::Refusal;

/// The running stand-in; it stops when this is dropped.
pub(crate) struct Sandbox {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

/// One request that reached the sandbox, whatever it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, as they arrived.
    pub(crate) target: String,
    pub(crate) status: u16,
}

impl Sandbox {
    /// Serves the fixture at `address` to whoever holds `key`; port 0 is any free one.
    ///
    /// The fixture's timestamps are moved by whole days, so that it is as old on the day of
    /// `now` (seconds since 1970) as when it was written: what was overdue then is so now.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub(crate) async fn start(address: SocketAddr, key: SandboxKey, now: i64) -> io::Result<Self> {
        let account = Account::from_fixture(now)?;
        let desk = Arc::new(Desk {
            keys: Mutex::new(vec![key]),
            account: Mutex::new(account),
            seen: Mutex::new(Vec::new()),
        });
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let routes = routes(Arc::clone(&desk));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Self { address, desk, server })
    }

    /// The origin that the broker sends requests to, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes a new key from now on, and the one before it until the next is rolled.
    #[cfg(test)]
    pub(crate) fn roll(&self, key: SandboxKey) {
        let mut keys = lock(&self.desk.keys);
        keys.insert(0, key);
        keys.truncate(2);
    }

    /// Every request so far, in the order in which they were answered.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        lock(&self.desk.seen).clone()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What every route works on.
struct Desk {
    /// The newest first.
    keys: Mutex<Vec<SandboxKey>>,
    account: Mutex<Account>,
    seen: Mutex<Vec<Seen>>,
}

impl Desk {
    fn admits(&self, authorization: Option<&HeaderValue>) -> Result<(), Refusal> {
        let keys = lock(&self.keys);
        SandboxKey::any_admits(&keys, authorization)
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }
}

fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/customers", get(customers::list))
        .route("/v1/customers/search", get(customers::search))
        .route("/v1/customers/{id}", get(customers::retrieve))
        .route("/v1/invoices", get(invoices::list))
        .route("/v1/invoices/{id}", get(invoices::retrieve))
        .route("/v1/charges", get(charges::list))
        .route("/v1/charges/{id}", get(charges::retrieve))
        .route("/v1/refunds", post(refunds::create))
        .fallback(unknown_url)
        .method_not_allowed_fallback(unknown_url)
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), receive))
        .with_state(desk)
}

/// Asks for the key, lets the route answer, numbers the answer and writes it down.
async fn receive(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let target = request.uri().to_string();
    let mut response = match desk.admits(request.headers().get(header::AUTHORIZATION)) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let mut seen = lock(&desk.seen);
    seen.push(Seen { method, target, status: response.status().as_u16() });
    if let Ok(id) = HeaderValue::try_from(format!("req_{:014}", seen.len())) {
        response.headers_mut().insert("request-id", id);
    }
    response
}

async fn unknown_url(request: Request) -> Refusal {
    Refusal::unknown_url(request.method(), request.uri().path())
}

/// A panic in one route must not take the whole sandbox down with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
