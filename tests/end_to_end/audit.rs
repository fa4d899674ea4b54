//! The audit joins each tool call to its nonce and to each upstream request.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::agent::json;
use crate::vault::Vault;

#[tokio::test]
async fn every_call_nonce_and_request_is_joined_and_counted() {
    let vault = Vault::start().await;
    // More open invoices than a page holds, so that one nonce has several uses.
    let run =
        json(vault.agent(&["How much does kestrel.pine@example.com owe, and on which invoices?"]))
            .await;
    let calls = run["calls"].as_array().unwrap();
    assert!(calls.len() >= 2, "{run}");

    let (mints, uses, answers) =
        (vault.audited("mint"), vault.audited("use"), vault.audited("answer"));
    let ids = |lines: &[Value], key: &str| -> BTreeSet<String> {
        lines.iter().map(|line| line[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&mints, "tool_call_id"), ids(calls, "call_id"));
    for call in calls {
        let minted: Vec<_> =
            mints.iter().filter(|mint| mint["tool_call_id"] == call["call_id"]).collect();
        assert_eq!(minted.len(), 1, "one nonce for {call}");
        assert_eq!(minted[0]["nonce_id"], call["nonces"][0]["id"]);
        assert_eq!(minted[0]["tool"], call["tool"]);
        let used = uses.iter().filter(|line| line["nonce_id"] == minted[0]["nonce_id"]).count();
        let answered = answers
            .iter()
            .filter(|line| line["nonce_id"] == minted[0]["nonce_id"] && line["status"] == 200)
            .count();
        assert!(used >= 1 && used == answered, "{used} uses, {answered} answers for {call}");
    }
    assert!(uses.len() > calls.len(), "paging makes more than one request with a nonce");
    assert_eq!(uses.len(), vault.sandbox.requests().len());
}

#[tokio::test]
async fn what_was_asked_for_is_in_the_audit_by_hash_alone() {
    let vault = Vault::start().await;
    let _ = json(vault.agent(&["How much does ada@example.com owe?"])).await;
    let text = vault.audit_text();
    assert!(text.contains("sha-256:"), "{text}");
    assert!(!text.contains("ada@example.com") && !text.contains("ada%40example.com"), "{text}");
}
