//! Limits: how much and how long anything may be.

use std::time::Duration;

/// How much and how long anything may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time. When there are more, the one that has been without a whole request
    /// for the longest makes way.
    pub connections: usize,
    /// The same for one peer: an IPv4 address or an IPv6 network of 64 bits.
    pub connections_per_peer: usize,
    /// How long the head of a request may take from its first byte. A new connection has as
    /// long for TLS and its first head together.
    pub head_time: Duration,
    /// How long a request's body may take that is read whole.
    pub request_time: Duration,
    /// How long nothing may move of a body that is passed on while it arrives.
    pub stall_time: Duration,
    /// How long a connection may be without a request between two of them.
    pub idle_time: Duration,
    /// How long a request may take from its last byte until its answer is sent.
    pub exchange_time: Duration,
    /// The largest body of a brokered request that is read whole, in bytes. A rule may say that
    /// larger ones are passed on while they arrive.
    pub request_body: usize,
    /// How long keys, connection, answer and its body may take together, unless the rule says
    /// more.
    pub upstream_time: Duration,
    /// The largest body of an upstream's answer, in bytes, unless the rule says more.
    pub response_body: u64,
    /// How long a server of keys may take, from dialling to the last byte of its answer.
    pub key_set_time: Duration,
    /// How long a renewed certificate may go unnoticed.
    pub renewal_time: Duration,
    /// How many refusals of callers who proved nothing have a line each in the audit, in a minute.
    /// The rest are summed up in one.
    pub stranger_refusals: u32,
    /// How long requests that are under way may take when the server shuts down.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_peer: 512,
            head_time: Duration::from_secs(5),
            request_time: Duration::from_secs(10),
            stall_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            exchange_time: Duration::from_mins(1),
            request_body: 1024 * 1024,
            upstream_time: Duration::from_secs(30),
            response_body: 16 * 1024 * 1024,
            key_set_time: Duration::from_secs(5),
            renewal_time: Duration::from_secs(10),
            stranger_refusals: 100,
            drain_time: Duration::from_secs(10),
        }
    }
}
