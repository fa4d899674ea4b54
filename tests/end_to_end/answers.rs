//! The agent's answers are right, embedded and against an issuer of its own process.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::agent::{agent, finished, json};
use crate::vault::Vault;

/// The sandbox's data, read apart from all code that answers with it.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../../examples/billing_agent/fixture.json")).unwrap()
}

/// What a customer owes, by currency in the smallest unit, and the numbers of the open invoices.
fn owed(email: &str) -> (BTreeMap<String, u64>, Vec<String>) {
    let fixture = fixture();
    let customer = fixture["customers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|customer| customer["email"] == email)
        .unwrap();
    let mut sums = BTreeMap::new();
    let mut numbers = Vec::new();
    for invoice in fixture["invoices"].as_array().unwrap() {
        if invoice["customer"] == customer["id"] && invoice["status"] == "open" {
            *sums.entry(invoice["currency"].as_str().unwrap().to_owned()).or_default() +=
                invoice["amount_remaining"].as_u64().unwrap();
            numbers.push(invoice["number"].as_str().unwrap().to_owned());
        }
    }
    (sums, numbers)
}

/// An amount as people write it: `$1,573.50`.
fn written(currency: &str, amount: u64) -> String {
    let (sign, digits) = match currency {
        "usd" => ("$", 2),
        "eur" => ("€", 2),
        "gbp" => ("£", 2),
        "jpy" => ("¥", 0),
        other => panic!("the test knows no {other}"),
    };
    let unit = 10_u64.pow(digits);
    let whole = (amount / unit).to_string();
    let groups: Vec<_> = whole
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    let cents = if digits == 0 { String::new() } else { format!(".{:02}", amount % unit) };
    format!("{sign}{}{cents}", groups.join(","))
}

/// Whether the answer has the right figures, and all of them.
fn assert_owes(answer: &str, email: &str) {
    let (sums, numbers) = owed(email);
    assert!(!sums.is_empty(), "{email} owes nothing, so this checks nothing");
    for (currency, amount) in sums {
        let amount = written(&currency, amount);
        assert!(answer.contains(&amount), "{email} owes {amount}, but: {answer}");
    }
    for number in numbers {
        assert!(answer.contains(&number), "{number} is missing: {answer}");
    }
}

async fn answer(question: &str) -> String {
    json(agent(&[question])).await["answer"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_question_it_answers_the_default_one() {
    let output = finished(agent(&[])).await;
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_owes(&text, "ada@example.com");
    assert!(text.contains("offline planner"), "{text}");
}

#[tokio::test]
async fn it_answers_for_other_customers_in_other_words() {
    let questions = [
        ("How much does ada@example.com owe, and on which invoices?", "ada@example.com"),
        (
            "which invoices has selma.castellow@example.org not paid, and what do they come to?",
            "selma.castellow@example.org",
        ),
        ("What does orla@example.com owe us and on which invoices?", "orla@example.com"),
        ("how much is outstanding for ZOE@example.com, on which invoices", "zoe@example.com"),
        ("Which invoices does Yara Greywick owe, how much in total?", "yara.greywick@example.com"),
        (
            "How much does kestrel.pine@example.com owe, and on which invoices?",
            "kestrel.pine@example.com",
        ),
    ];
    for (question, email) in questions {
        assert_owes(&answer(question).await, email);
    }
}

#[tokio::test]
async fn an_unknown_customer_is_plainly_not_found() {
    let answer = answer("How much does nobody@example.com owe?").await;
    assert!(answer.starts_with("not found"), "{answer}");
    assert!(answer.contains("nobody@example.com"), "{answer}");
}

#[tokio::test]
async fn who_owes_nothing_is_not_told_otherwise() {
    let answer = answer("How much does nadia@example.com owe?").await;
    assert!(answer.contains("nothing") && !answer.contains('$'), "{answer}");
}

#[tokio::test]
async fn an_issuer_in_a_process_of_its_own_gives_the_same_answers() {
    let vault = Vault::start().await;
    for question in [
        "How much does ada@example.com owe, and on which invoices?",
        "How much does nobody@example.com owe?",
    ] {
        let elsewhere = json(vault.agent(&[question])).await;
        assert_eq!(elsewhere["answer"], answer(question).await.as_str(), "{question}");
    }
    assert!(!vault.sandbox.requests().is_empty());
}

#[tokio::test]
async fn a_refund_takes_effect_once() {
    let fixture = fixture();
    let charge = fixture["charges"]
        .as_array()
        .unwrap()
        .iter()
        .find(|charge| charge["amount_refunded"] == 0)
        .unwrap();
    let question = format!("refund charge {}", charge["id"].as_str().unwrap());
    let vault = Vault::start().await;
    let answer = json(vault.agent(&[&question])).await;
    let amount = written(charge["currency"].as_str().unwrap(), charge["amount"].as_u64().unwrap());
    assert!(answer["answer"].as_str().unwrap().contains(&amount), "{answer}");
    let refunds = || {
        vault
            .sandbox
            .requests()
            .into_iter()
            .filter(|seen| seen.method == "POST" && seen.status == 200)
            .count()
    };
    assert_eq!(refunds(), 1);
    let _ = finished(vault.agent(&[&question])).await;
    assert_eq!(refunds(), 1, "what was refunded whole cannot be refunded again");
}
