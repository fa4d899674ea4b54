//! The nonces of one call: they end with it, however it ends.

use std::sync::Arc;

use agentcred_protocol::scrub::Scrubber;

use crate::live::LiveNonce;
use crate::nonce::Nonce;

/// Holds a call's nonces from minting to the call's end. Dropped before that, it ends them in
/// the background.
pub(crate) struct Lease(Vec<Arc<LiveNonce>>);

impl Lease {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, nonce: LiveNonce) {
        self.0.push(Arc::new(nonce));
    }

    /// The handles for the tool, in the order of its credentials.
    pub(crate) fn nonces(&self) -> Vec<Nonce> {
        self.0.iter().cloned().map(Nonce::new).collect()
    }

    pub(crate) fn scrubbers(&self) -> Vec<Scrubber> {
        self.0.iter().flat_map(|nonce| nonce.scrubbers()).collect()
    }

    /// Ends all nonces and waits for it, within bounds. Dropped while it waits, it ends those that
    /// are left as well.
    pub(crate) async fn end(mut self) {
        while let Some(nonce) = self.0.pop() {
            nonce.end().await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        for nonce in self.0.drain(..) {
            nonce.end_in_background();
        }
    }
}
