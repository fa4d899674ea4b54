//! Tasks on behalf of users: whose word is taken, and what only some users are granted.

use std::time::Duration;

use agentcred_protocol::answer::GrantAnswer;
use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::request::user_task_form;
use agentcred_protocol::token::GrantToken;
use agentcred_protocol::user::UserToken;
use serde_json::{Value, json};

use crate::agent::{Agent, READ, Refusal, Wish, refusal};
use crate::foreign::Signer;
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

const REFUND: Wish<'_> = Wish { scope: "write:refunds", ..READ };
const TOKEN_LIFE: u64 = 600;

/// A stage on which refunds are for Ada of `corp`, whose login signs with this key.
async fn stage(login: &Signer) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    Stage::with_policy(upstream, |policy, folder| {
        let keys = json!({ "keys": [login.public()] }).to_string();
        std::fs::write(folder.join("corp.jwks"), keys).unwrap();
        let policy = policy.replace(
            r#"scopes = ["read:customers", "write:refunds"], max_ttl = "5m" }"#,
            r#"scopes = ["read:customers"] },
               { service = "stripe", scopes = ["write:refunds"], users = ["corp:ada"] }"#,
        );
        format!(
            "{policy}\n[user_issuers.corp]\nissuer = \"https://login.corp.example\"\n\
             audience = \"agentcred\"\njwks_file = \"corp.jwks\"\n"
        )
    })
    .await
}

fn claims(stage: &Stage, user: &str) -> Value {
    let now = stage.clock.now().seconds();
    json!({
        "iss": "https://login.corp.example", "aud": "agentcred", "sub": user,
        "iat": now, "exp": now + TOKEN_LIFE,
    })
}

/// Asks for a task on behalf of whom this token names.
pub(crate) async fn try_grant(
    agent: &Agent,
    task: &str,
    token: &str,
) -> Result<GrantToken, Refusal> {
    let token = UserToken::new(token).unwrap();
    let form = user_task_form(&agent.assertion(), &task.parse().unwrap(), &token);
    let response = agent.post("/token", form.to_string(), Some(agent.token_proof())).await;
    if response.status() == 200 {
        return Ok(GrantAnswer::from_json(&response.bytes().await.unwrap()).unwrap().token);
    }
    Err(refusal(response).await)
}

#[tokio::test]
async fn what_is_for_a_user_is_granted_on_that_users_behalf_alone() {
    let login = Signer::named("2026");
    let stage = stage(&login).await;
    let grant_for = async |user: &str| {
        try_grant(&stage.agent, "task-1", &login.sign(&claims(&stage, user))).await.unwrap()
    };
    let (ada, bob, nobody) =
        (grant_for("ada").await, grant_for("bob").await, stage.agent.grant().await);
    let refund = async |grant: &GrantToken| stage.agent.try_mint(grant, REFUND).await;
    let nonce = refund(&ada).await.unwrap().token;
    for grant in [&bob, &nobody] {
        assert_eq!(refund(grant).await.unwrap_err().code, RefusalCode::AccessDenied);
        assert_eq!(stage.last_reason(), "not_for_this_user");
        // What is for anybody is for them too.
        assert!(stage.agent.try_mint(grant, READ).await.is_ok());
    }
    let sent = stage.agent.send(&nonce, http::Method::POST, "/egress/stripe/v1/refunds").await;
    assert_eq!(sent.status(), 200);
    for event in ["task", "mint", "use", "answer"] {
        assert_eq!(stage.audit_of(event)[0]["user"], "corp:ada", "{event}");
    }
    assert_eq!(stage.audit_of("refusal")[0]["user"], "corp:bob");
    assert!(stage.audit_of("task")[2].get("user").is_none());
}

#[tokio::test]
async fn nobody_is_a_user_by_a_token_that_is_not_right() {
    let (login, stranger) = (Signer::named("2026"), Signer::named("2026"));
    let stage = stage(&login).await;
    let now = stage.clock.now().seconds();
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&stage, "canary");
        claims[name] = value;
        login.sign(&claims)
    };
    let tokens = [
        stranger.sign(&claims(&stage, "canary")),
        changed("iss", json!("https://login.other.example")),
        changed("aud", json!("another")),
        changed("exp", json!(now)),
        changed("nbf", json!(now + 3600)),
        changed("sub", json!("")),
    ];
    for token in tokens {
        let refused = try_grant(&stage.agent, "task-1", &token).await.unwrap_err();
        assert_eq!(refused.code, RefusalCode::InvalidGrant);
        assert_eq!(stage.last_reason(), "user_token_invalid");
    }
    assert!(!stage.audit_text().contains("canary"));
    // The control: with nothing changed it would have been taken, and the audit names the user.
    assert!(try_grant(&stage.agent, "task-1", &changed("jti", json!("1"))).await.is_ok());
    assert!(stage.audit_text().contains("corp:canary"));
}

#[tokio::test]
async fn a_task_on_behalf_of_a_user_ends_with_the_users_token() {
    let login = Signer::named("2026");
    let stage = stage(&login).await;
    let token = login.sign(&claims(&stage, "ada"));
    let grant = try_grant(&stage.agent, "task-1", &token).await.unwrap();
    stage.clock.advance(Duration::from_secs(TOKEN_LIFE - 1));
    assert!(stage.agent.try_mint(&grant, REFUND).await.is_ok());
    stage.clock.advance(Duration::from_secs(1));
    let over = stage.agent.try_mint(&grant, REFUND).await.unwrap_err();
    assert_eq!(over.code, RefusalCode::InvalidGrant);
    assert!(try_grant(&stage.agent, "task-1", &token).await.is_err());
}
