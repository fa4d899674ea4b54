//! The secrets that a configuration names, and whether each can be had.

use std::sync::Arc;

use super::finding::{Finding, Findings, Key};
use super::{Config, ServerNoncePolicy};
use crate::secrets::{SecretRef, SecretStore, StoreParts, Stores};

impl Config {
    /// Asks for the real key of every service and says which cannot be had. A server does this
    /// when it starts; [`Self::parse`] does not, since a check may run where no key is.
    pub async fn check_secrets(&self, secrets: &dyn SecretStore) -> Vec<Finding> {
        let mut findings = Findings::in_text(&self.text);
        for service in self.policy.services() {
            for injection in service.inject.iter() {
                let key = &injection.named_at;
                match secrets.fetch(&injection.secret).await {
                    Ok(secret) => {
                        if let Err(unusable) = injection.kind.check(&secret) {
                            findings
                                .error(key, format!("cannot go where it should: it {unusable}"));
                        }
                    }
                    Err(error) => findings.error(key, format!("cannot be used: {error}")),
                }
            }
        }
        if let ServerNoncePolicy::Shared(reference) = &self.server_nonces {
            let key = Key::root("proofs").field("server_nonce_key");
            match secrets.fetch(reference).await.map(|secret| secret.hmac_key()) {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => findings.error(&key, error.to_string()),
                Err(error) => findings.error(&key, format!("cannot be used: {error}")),
            }
        }
        for (key, reference) in self.shared() {
            if let Err(error) = secrets.fetch(reference).await {
                findings.error(&key, format!("cannot be used: {error}"));
            }
        }
        findings.into_inner()
    }

    /// The stores in which its secrets are.
    pub fn secret_stores(&self) -> Arc<dyn SecretStore> {
        Arc::new(Stores::of(&self.stores, &StoreParts::system()))
    }

    /// Every secret that is named, and where.
    pub(super) fn references(&self) -> impl Iterator<Item = (Key, &SecretRef)> {
        let injections = self.policy.services().flat_map(|service| service.inject.iter());
        let of_services = injections.map(|it| (it.named_at.clone(), &it.secret));
        let of_proofs = match &self.server_nonces {
            ServerNoncePolicy::Shared(reference) => Some(reference),
            _ => None,
        };
        let nonce_key = Key::root("proofs").field("server_nonce_key");
        let of_proofs = of_proofs.map(|reference| (nonce_key, reference));
        of_services.chain(of_proofs).chain(self.shared())
    }

    /// What the issuer shares with its ledger and with agents in development.
    fn shared(&self) -> impl Iterator<Item = (Key, &SecretRef)> {
        let of_ledger = self.ledger.secrets().into_iter();
        let of_ledger =
            of_ledger.map(|(name, reference)| (Key::root("ledger").field(name), reference));
        let of_agents = self.policy.agents_secrets().map(|(agent, reference)| {
            (Key::root("agents").field(agent.as_str()).field("secret"), reference)
        });
        of_ledger.chain(of_agents)
    }
}
