//! The operators' side: a listener of its own, and what an operator can do to a running issuer.
//!
//! Being able to reach it is no right: every route but bare liveness asks for an operator's
//! token, whatever the listener is bound to. What agents have, keys, grants and nonces, is of no
//! use here.

mod approvals;
mod door;
mod listener;
mod operators;
mod page;
mod readiness;
mod reload;
mod revoke;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use agentcred_protocol::names::OperatorName;
use agentcred_protocol::refusal::RefusalCode;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

use crate::accept::Answers;
use crate::audit::{About, Endpoint, Event};
use crate::metrics::{Open, Side};
use crate::reply::{self, Reply};
use crate::routes::check_framing;
use crate::vault::Vault;

pub use listener::OperatorsAt;
pub(crate) use listener::OperatorsConfig;
pub(crate) use operators::Operators;

use door::Door;

/// What the operators' routes work with.
pub(crate) struct Operations {
    vault: Arc<Vault>,
    operators: Operators,
    door: Door,
}

/// Who asks, and how.
#[derive(Clone, Debug)]
struct Operator {
    name: OperatorName,
    client: Client,
}

/// What an operator works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// A program that sends the token by itself, and only where it is told to.
    Program,
    /// A browser, which sends the token with every request to this origin, whoever caused it.
    Browser,
}

impl Operations {
    pub(crate) fn new(vault: Arc<Vault>, operators: Operators, at: &OperatorsAt) -> Self {
        Self { vault, operators, door: Door::of(at) }
    }

    /// Writes down that somebody was turned away.
    async fn turned_away(&self, reason: &'static str) {
        let event = Event::Refusal {
            at: Endpoint::Operators,
            error: RefusalCode::InvalidClient,
            reason,
            about: &About::default(),
            method: None,
            path: None,
        };
        if self.vault.record(event).await.is_err() {
            tracing::error!(reason, "a refusal could not be written to the audit");
        }
    }
}

impl Answers for Operations {
    fn count(&self) -> Open {
        self.vault.metrics.open(Side::Operators)
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        if let Err(status) = check_framing(&request) {
            return reply::closing(status);
        }
        if (request.method(), request.uri().path()) == (&Method::GET, routes::LIVENESS) {
            return routes::alive();
        }
        if !self.door.is_host(request.headers()) {
            self.turned_away("host_is_not_this_listener").await;
            return reply::empty(StatusCode::MISDIRECTED_REQUEST);
        }
        let Some(operator) = self.operators.authenticate(request.headers()) else {
            self.turned_away("no_operator").await;
            return operators::ask_to_sign_in();
        };
        if !self.door.is_own_request(&operator, request.method(), request.headers()) {
            self.turned_away("request_from_another_origin").await;
            return reply::empty(StatusCode::FORBIDDEN);
        }
        routes::route(&self, operator, request).await
    }
}
