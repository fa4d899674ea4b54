//! Revocation: what is dead stays dead, and takes along what came from it.

use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::{revoke_grant_form, revoke_nonce_form};

use crate::agent::{READ, Wish, broker_refusal, refusal};
use crate::stage::Stage;

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

#[tokio::test]
async fn a_revoked_nonce_is_refused() {
    let stage = Stage::set().await;
    let nonce = stage.agent.mint(READ).await;
    let form = revoke_nonce_form(&nonce).to_string();
    for _ in 0..2 {
        assert_eq!(stage.agent.post("/revoke", form.clone(), None).await.status(), 200);
    }
    let refused = broker_refusal(stage.agent.get(&nonce, CUSTOMERS).await).await;
    assert_eq!(refused.code, RefusalCode::InvalidToken);
    assert_eq!(stage.last_reason(), "revoked");
    assert_eq!(stage.audit_of("revoke").len(), 1);
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn a_revoked_grant_takes_its_nonces_along_and_no_others() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    let first = stage.agent.try_mint(&grant, READ).await.unwrap().token;
    let used_once = Wish { uses: 2, ..READ };
    let second = stage.agent.try_mint(&grant, used_once).await.unwrap().token;
    assert_eq!(stage.agent.get(&second, CUSTOMERS).await.status(), 200);
    let other_task = stage.agent.mint(READ).await;

    let form = revoke_grant_form(&grant).to_string();
    assert_eq!(stage.agent.post("/revoke", form, None).await.status(), 200);

    for nonce in [&first, &second] {
        let refused = broker_refusal(stage.agent.get(nonce, CUSTOMERS).await).await;
        assert_eq!(refused.code, RefusalCode::InvalidToken);
    }
    let refused = stage.agent.try_mint(&grant, READ).await.unwrap_err();
    assert_eq!(refused.code, RefusalCode::InvalidGrant);
    assert_eq!(stage.agent.get(&other_task, CUSTOMERS).await.status(), 200);
    let revoked = &stage.audit_of("revoke")[0];
    assert_eq!(revoked["agent"], "billing");
    assert_eq!(revoked["nonces"], 2);
}

#[tokio::test]
async fn what_is_no_token_counts_as_revoked() {
    let stage = Stage::set().await;
    for form in ["token=x", "token=", "token=acn_x&token_type_hint=access_token"] {
        assert_eq!(stage.agent.post("/revoke", form.to_owned(), None).await.status(), 200);
    }
    let missing = stage.agent.post("/revoke", "a=b".to_owned(), None).await;
    assert_eq!(refusal(missing).await.code, RefusalCode::InvalidRequest);
    assert_eq!(stage.audit_of("revoke").len(), 0);
}
