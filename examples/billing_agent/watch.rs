//! An issuer that tells the conversation about every nonce that another issuer mints.

use agentcred::protocol::names::NonceId;
use agentcred::protocol::scrub::Scrubber;
use agentcred::{
    Credential, EgressRequest, EgressResponse, Issuer, IssuerError, MintRequest, Minted, OpenTask,
    RequestError, TaskGrant,
};
use async_trait::async_trait;

use super::conversation::Conversation;

/// `issuer`, watched: the conversation learns what each nonce is for and what it was used for,
/// and never its value, which no part of this can read.
pub(crate) struct Watched<I> {
    pub(crate) issuer: I,
    pub(crate) conversation: Conversation,
}

#[async_trait]
impl<I: Issuer> Issuer for Watched<I> {
    async fn open_task(&self, wish: &OpenTask) -> Result<Box<dyn TaskGrant>, IssuerError> {
        let grant = self.issuer.open_task(wish).await?;
        Ok(Box::new(WatchedGrant { grant, conversation: self.conversation.clone() }))
    }
}

struct WatchedGrant {
    grant: Box<dyn TaskGrant>,
    conversation: Conversation,
}

#[async_trait]
impl TaskGrant for WatchedGrant {
    async fn mint(&self, wish: &MintRequest) -> Result<Minted, IssuerError> {
        let minted = self.grant.mint(wish).await?;
        self.conversation.minted(wish, &minted);
        let credential = Box::new(WatchedCredential {
            id: minted.id.clone(),
            credential: minted.credential,
            conversation: self.conversation.clone(),
        });
        Ok(Minted { credential, ..minted })
    }

    async fn close(&self) -> Result<(), IssuerError> {
        self.grant.close().await
    }
}

struct WatchedCredential {
    id: NonceId,
    credential: Box<dyn Credential>,
    conversation: Conversation,
}

#[async_trait]
impl Credential for WatchedCredential {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, RequestError> {
        let (method, path) = (request.method.to_string(), request.path.clone());
        let answer = self.credential.send(request).await;
        let status = match &answer {
            Ok(response) => response.status.as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        self.conversation.sent(&self.id, method, path, status);
        answer
    }

    async fn revoke(&self) -> Result<(), IssuerError> {
        self.credential.revoke().await
    }

    fn scrubber(&self) -> Scrubber {
        self.credential.scrubber()
    }
}
