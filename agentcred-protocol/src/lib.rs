//! What travels between an agent and the vault side: names, tokens, messages and proofs.
//!
//! The protocol is a profile of OAuth 2: a task grant by client credentials with a
//! `private_key_jwt` assertion (RFC 7523), a nonce per tool call by token exchange (RFC 8693),
//! both bound to a key by DPoP (RFC 9449). Both sides depend on this crate, and it depends on
//! neither.
//!
//! The modules, in reading order: the words that messages are made of ([`names`], [`random`], [`scope`],
//! [`ttl`], [`clock`]); the secrets ([`token`]) and what an operator and a user are known by
//! ([`operator`], [`user`]); who proves what ([`key`], [`assertion`], [`proof`]); the messages
//! ([`request`], [`answer`], [`introspection`], [`refusal`], [`metadata`], [`arguments`],
//! [`approval`]);
//! keeping secrets out of answers ([`scrub`]); which trace a request belongs to ([`trace`]); and what an
//! agent's code needs ([`manifest`]).

pub mod answer;
pub mod approval;
pub mod arguments;
pub mod assertion;
mod claims;
pub mod clock;
pub mod encodings;
pub mod introspection;
pub mod key;
pub mod key_set;
pub mod manifest;
pub mod metadata;
pub mod names;
pub mod operator;
pub mod proof;
pub mod random;
pub mod refusal;
pub mod request;
pub mod scope;
pub mod scrub;
pub mod token;
pub mod trace;
pub mod ttl;
mod unmask;
pub mod user;
pub mod workload;
