//! What a thief gets of it: secrets that leaked and requests off the wire, tried out for real.

use std::sync::Arc;

use agentcred::testing::oracle::Oracle;
use anyhow::Context as _;

use super::column::{Finding, Verdict};
use super::wire::Wire;

/// A text that nobody but its owner should know.
#[derive(Clone)]
pub(crate) struct Secret {
    kind: Kind,
    text: String,
    search: Arc<Oracle>,
}

#[derive(Clone, Copy)]
enum Kind {
    RealKey,
    ManagersToken,
    Nonce,
}

impl Secret {
    pub(crate) fn real_key(text: String) -> Self {
        Self::new(Kind::RealKey, text)
    }

    pub(crate) fn managers_token(text: String) -> Self {
        Self::new(Kind::ManagersToken, text)
    }

    fn new(kind: Kind, text: String) -> Self {
        Self { kind, search: Arc::new(Oracle::new(&text)), text }
    }

    /// Whether any part of it stands in `text`, in any common encoding.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.search.finds(text.as_bytes())
    }
}

/// Somebody who reads what the agent leaves behind and listens on its wire.
pub(crate) struct Thief {
    pub(crate) wire: Wire,
    /// The service.
    pub(crate) origin: String,
    /// The secrets manager.
    pub(crate) manager: String,
}

impl Thief {
    /// Tries out what there is, when the agent's task is over.
    pub(crate) async fn tries(
        &self,
        leaked: impl Iterator<Item = &Secret>,
    ) -> anyhow::Result<Vec<Finding>> {
        let mut of_leaks = Verdict::Nothing;
        for secret in leaked {
            of_leaks = match self.uses(secret).await? {
                true => Verdict::Works,
                false if of_leaks == Verdict::Nothing => Verdict::Refused,
                false => of_leaks,
            };
        }
        let request = self.recorded().context("no request went over the wire")?;
        let again = verdict(self.wire.send_again(&request).await? == 200);
        let credential = match credential(&request) {
            Some(text) => verdict(self.pays_out(text).await?),
            None => Verdict::Nothing,
        };
        Ok(vec![
            Finding { what: "what leaked, used afterwards", verdict: of_leaks },
            Finding { what: "a request off the wire, sent again", verdict: again },
            Finding { what: "its credential, used to pay money out", verdict: credential },
        ])
    }

    /// Every nonce and task grant that went over the wire.
    pub(crate) fn nonces(&self) -> Vec<Secret> {
        let heard = String::from_utf8_lossy(&self.wire.heard()).into_owned();
        let mut tokens: Vec<&str> = heard
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
            .filter(|word| word.starts_with("acn_") || word.starts_with("acg_"))
            .filter(|word| word.len() == TOKEN)
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens.into_iter().map(|token| Secret::new(Kind::Nonce, token.to_owned())).collect()
    }

    async fn uses(&self, secret: &Secret) -> anyhow::Result<bool> {
        match secret.kind {
            Kind::RealKey | Kind::Nonce => self.pays_out(&secret.text).await,
            Kind::ManagersToken => {
                let answer = client()?.get(&self.manager).bearer_auth(&secret.text).send().await?;
                self.pays_out(&answer.text().await?).await
            }
        }
    }

    async fn pays_out(&self, key: &str) -> anyhow::Result<bool> {
        let url = format!("{}/v1/payouts", self.origin);
        Ok(client()?.post(url).bearer_auth(key).send().await?.status().is_success())
    }

    /// The first request for a customer, byte for byte.
    fn recorded(&self) -> Option<String> {
        let heard = String::from_utf8_lossy(&self.wire.heard()).into_owned();
        let mut heads = heard.match_indices("GET /").filter_map(|(at, _)| {
            let end = heard[at..].find("\r\n\r\n")? + 4;
            Some(&heard[at..at + end])
        });
        let is_read =
            |head: &&str| head.lines().next().is_some_and(|it| it.contains("/v1/customers/"));
        heads.find(is_read).map(str::to_owned)
    }
}

/// The last word of the request's `Authorization`.
fn credential(request: &str) -> Option<&str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    value.split_whitespace().last()
}

fn verdict(works: bool) -> Verdict {
    if works { Verdict::Works } else { Verdict::Refused }
}

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().build()
}

/// How long the text of a nonce is, and that of a grant.
const TOKEN: usize = 53;
