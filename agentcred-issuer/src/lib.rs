//! The vault side of agentcred: it issues a nonce per tool call and brokers what is done with it.
//!
//! Only this side ever holds a real key. An agent authenticates with its own key, gets a grant
//! for a task, and mints a nonce from it before every tool call. With the nonce it asks the
//! broker, which checks the request against the nonce's scope, writes the audit, puts the real
//! key in, and hands back an answer that the key was scrubbed from.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use agentcred_issuer::{Config, Server};
//!
//! let config = Config::load("issuer.toml".as_ref())?;
//! let server = Server::start(config).await?;
//! println!("listening on {}", server.url());
//! # server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The modules, in reading order: what an operator writes ([`config`]) and what becomes of it
//! (`policy`, `service`, `rules`), as little of it as an agent's tools need (`least`); what is remembered ([`ledger`], with `replay`, and [`audit`]) and what
//! is kept ([`secrets`]); the two flows, `issue` and `broker`; what operators do (`operate`); and
//! [`server`], which runs them all.

mod accept;
mod approvals;
mod ask;
pub mod audit;
mod body;
mod bounds;
mod broker;
mod call;
mod client;
pub mod config;
mod connection;
mod dial;
mod field_path;
mod framing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod hours;
mod inject;
mod inspect;
mod issue;
mod json_text;
mod key_sets;
mod least;
pub mod ledger;
mod limits;
mod method_override;
mod metrics;
mod network;
mod operate;
mod outgoing;
mod pace;
mod places;
mod policy;
mod projection;
mod proven;
mod rates;
mod refused;
mod reload;
mod replay;
mod reply;
mod resolver;
mod resource_server;
mod revoke;
mod routes;
mod rules;
pub mod secrets;
pub mod server;
mod server_nonce;
mod service;
mod steady;
mod strangers;
mod target;
mod tls;
mod trace;
mod users;
mod vault;
mod workloads;

pub use call::{Call, Task};
pub use config::{Config, Finding, InvalidConfig, Severity};
pub use least::least_policy;
pub use limits::Limits;
pub use operate::OperatorsAt;
pub use reload::{ReloadError, Reloaded};
pub use resolver::{Resolver, SystemResolver};
pub use server::{Parts, Server, StartError};
pub use steady::SteadyClock;
pub use tls::TlsError;
