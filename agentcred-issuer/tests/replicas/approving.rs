//! A call that waits for a human: whichever issuer its agent asks, and whichever an operator.

use std::net::{SocketAddr, TcpListener};

use agentcred_protocol::names::ApprovalId;
use agentcred_protocol::operator::OperatorHash;
use agentcred_protocol::token::{GrantToken, OperatorToken};
use aws_lc_rs::rand::SystemRandom;
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::done;
use crate::stage::{Replica, Stage, command, write_private};

/// Three issuers that mint nothing unless an operator says so, and the operator's token.
async fn stage() -> (Stage, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (token, text) = OperatorToken::generate(&SystemRandom::new()).unwrap();
    write_private(&folder.path().join("ada.operator"), &text);
    let stage = Stage::with(3, |config| {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let hash = OperatorHash::of(&token);
        let operators = format!("[operators]\nlisten = \"{at}\"\ntokens.ada = \"{hash}\"\n");
        let human = config.replace("max_ttl = \"5m\"", "approval = \"human\"");
        assert_ne!(human, config);
        human + "\n" + &operators
    })
    .await;
    (stage, folder)
}

/// What the operator does at an issuer, by the command line.
fn operate(folder: &TempDir, at: &Replica, words: &[&str]) {
    let token = folder.path().join("ada.operator");
    let mut command = command();
    command.arg("approvals").args(words).arg("--config").arg(&at.config);
    done(command.arg("--token-file").arg(token));
}

/// The refusal to mint, as it arrived.
async fn refused(
    stage: &Stage,
    at: SocketAddr,
    grant: &GrantToken,
    id: Option<&ApprovalId>,
) -> Value {
    let minted = stage.agent.mint_approved(at, grant, 1, id).await;
    serde_json::from_str(&minted.unwrap_err().unwrap()).unwrap()
}

async fn ask(stage: &Stage, at: SocketAddr, grant: &GrantToken) -> ApprovalId {
    let pending = refused(stage, at, grant, None).await;
    assert_eq!(pending["error"], "authorization_pending");
    pending["auth_req_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn a_call_is_asked_at_one_issuer_approved_at_another_and_minted_once_in_all() {
    let (stage, folder) = stage().await;
    let at = stage.addresses();
    let grant = stage.agent.open(at[0]).await.unwrap();
    for _ in 0..5 {
        let id = ask(&stage, at[0], &grant).await;
        assert_eq!(ask(&stage, at[1], &grant).await, id);
        // It does not need the issuer that was asked.
        stage.replicas[0].kill();
        operate(&folder, &stage.replicas[1], &["approve", id.as_str()]);
        stage.replicas[0].start();
        let mut minted = 0;
        let mints =
            (0..30).map(|number| stage.agent.mint_approved(at[number % 3], &grant, 1, Some(&id)));
        for mint in futures_util::future::join_all(mints).await {
            match mint {
                Ok(_) => minted += 1,
                Err(refusal) => assert!(refusal.unwrap().contains("expired_token")),
            }
        }
        assert_eq!(minted, 1);
    }
    let minted = stage.audits().into_iter().filter(|line| line["event"] == "mint");
    assert!(minted.clone().all(|line| line["approved_by"] == "ada") && minted.count() == 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn a_call_that_is_denied_at_one_issuer_is_denied_at_all() {
    let (stage, folder) = stage().await;
    let at = stage.addresses();
    let grant = stage.agent.open(at[0]).await.unwrap();
    let id = ask(&stage, at[0], &grant).await;
    operate(&folder, &stage.replicas[2], &["deny", id.as_str()]);
    for at in at {
        assert_eq!(refused(&stage, at, &grant, Some(&id)).await["error"], "access_denied");
    }
}
