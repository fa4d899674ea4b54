//! Where nonces come from: the issuer that the environment names, or one inside the example.

use agentcred::HttpIssuer;
use anyhow::ensure;
use url::Url;

use super::audit::Trail;
use super::embedded::Embedded;

/// The vault side of one run.
pub(crate) enum Vault {
    Embedded(Box<Embedded>),
    /// Named by `AGENTCRED_ISSUER`; its upstream, key and audit are its own affair.
    Elsewhere,
}

/// What the vault side knows of a run that is over.
pub(crate) struct Account {
    pub(crate) trail: Trail,
    /// How many requests the sandbox answered, when there is one.
    pub(crate) sandbox_requests: Option<usize>,
}

impl Vault {
    pub(crate) async fn open(
        elsewhere: bool,
        upstream: Option<&Url>,
        now: i64,
    ) -> anyhow::Result<Self> {
        if elsewhere {
            ensure!(
                upstream.is_none(),
                "--upstream is for the issuer inside the example; the one that AGENTCRED_ISSUER \
                 names has its upstream in its own configuration"
            );
            return Ok(Self::Elsewhere);
        }
        Ok(Self::Embedded(Box::new(Embedded::start(upstream, now).await?)))
    }

    pub(crate) fn issuer(&self) -> anyhow::Result<HttpIssuer> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.issuer()),
            Self::Elsewhere => Ok(HttpIssuer::from_env()?),
        }
    }

    /// One line on what this is.
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::Embedded(embedded) if embedded.sandbox_requests().is_some() => {
                "issuer and broker inside this process, Stripe sandbox with invented customers"
            }
            Self::Embedded(_) => "issuer and broker inside this process",
            Self::Elsewhere => "issuer and broker as AGENTCRED_ISSUER says",
        }
    }

    /// The audit of `task`, when it can be read here, checked against what the sandbox saw.
    pub(crate) fn account(&self, task: &str) -> anyhow::Result<Option<Account>> {
        let Self::Embedded(embedded) = self else { return Ok(None) };
        let trail = embedded.trail(task)?;
        let sandbox_requests = embedded.sandbox_requests();
        Ok(Some(Account { trail, sandbox_requests }))
    }

    pub(crate) async fn close(self) {
        if let Self::Embedded(embedded) = self {
            embedded.stop().await;
        }
    }
}
