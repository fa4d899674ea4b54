//! Proofs: a request is made by the holder of a key (RFC 9449), and proves it once.

use agentcred_protocol::key::Thumbprint;
use agentcred_protocol::proof::{self, Proven, ProvenRequest};
use agentcred_protocol::refusal::RefusalCode;
use http::{HeaderMap, HeaderValue};

use crate::ledger::{Freshness, OneTimeId};
use crate::refused::Refused;
use crate::replay::Purpose;
use crate::vault::Vault;

/// A proof that fits its request and was not made in advance. Whether its key is the right one and its id is new is still
/// to be asked.
#[derive(Debug)]
#[must_use = "a proof is worth nothing before its key is compared and its id remembered"]
pub(crate) struct Proof(Proven);

impl Proof {
    /// Takes the one proof that a request carries.
    pub(crate) fn of(
        headers: &HeaderMap,
        request: ProvenRequest<'_>,
        vault: &Vault,
    ) -> Result<Self, Refused> {
        let header =
            only(headers, proof::HEADER).ok_or_else(|| refuse("proof_missing_or_repeated"))?;
        let now = vault.now();
        let proven = proof::verify(header, request, now)
            .map_err(|_| refuse("proof_not_for_this_request"))?;
        if let Some(nonces) = &vault.server_nonces {
            let nonce = proven.server_nonce.as_deref();
            if !nonce.is_some_and(|nonce| nonces.accept(nonce, now)) {
                return Err(Refused::new(RefusalCode::UseDpopNonce, "server_nonce_missing_or_old"));
            }
        }
        Ok(Self(proven))
    }

    /// The key that it was made with.
    pub(crate) fn key(&self) -> &Thumbprint {
        &self.0.key
    }

    /// Compares the key. The id is remembered only after that, so that no stranger can fill
    /// the memory for ids.
    pub(crate) async fn spend_as(self, key: &Thumbprint, vault: &Vault) -> Result<(), Refused> {
        if self.0.key == *key {
            self.spend(vault).await
        } else {
            Err(refuse("proof_by_another_key"))
        }
    }

    /// Remembers the id of a proof whose key is right.
    pub(crate) async fn spend(self, vault: &Vault) -> Result<(), Refused> {
        let Proven { key, id, expires, .. } = self.0;
        let id = OneTimeId::of(Purpose::Proof, &key, &id);
        match vault.ledger.spend_id(id, expires, vault.now()).await? {
            Freshness::New => Ok(()),
            Freshness::Seen => Err(refuse("proof_replayed")),
        }
    }
}

/// The value of a header that stands in a request once.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn refuse(reason: &'static str) -> Refused {
    Refused::new(RefusalCode::InvalidDpopProof, reason)
}
