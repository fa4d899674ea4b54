//! Which tools the planner picks for a question, and what it says in the end.

use std::sync::{Arc, Mutex};

use rig_agent::AgentBuilder;
use rig_core::message::ToolName;
use rig_core::tool::{DynamicTool, ToolExecutionError, ToolOutput};
use serde_json::{Value, json};

use super::super::stripe::Day;
use super::model::offline_model;
use super::plan::{Step, next_step};
use super::question::{Question, Unclear};
use super::transcript::{ToolFailure, Transcript};

/// Plays the tools of a small account until the planner stops calling.
fn converse(question: &str) -> (Vec<String>, Step) {
    let mut transcript = Transcript::asking(question);
    let mut calls = Vec::new();
    loop {
        match next_step(&transcript, today()) {
            Step::Call { tool, arguments } => {
                calls.push(format!("{tool}{arguments}"));
                assert!(calls.len() < 20, "{calls:?}");
                let outcome = tool_of_a_small_account(tool, &arguments);
                transcript.add(tool, arguments, outcome);
            }
            step => return (calls, step),
        }
    }
}

fn answer(question: &str) -> String {
    match converse(question).1 {
        Step::Answer(text) => text,
        step => panic!("{question}: {step:?}"),
    }
}

fn today() -> Day {
    serde_json::from_str("\"2026-01-01\"").unwrap()
}

fn tool_of_a_small_account(tool: &str, arguments: &Value) -> Result<Value, ToolFailure> {
    let customers = [
        json!({"id": "cus_ada", "name": "Ada Brightwater", "email": "ada@example.com"}),
        json!({"id": "cus_m1", "name": "Maren Solvik", "email": "maren.solvik@example.com"}),
        json!({"id": "cus_m2", "name": "Maren Solvik", "email": "maren@example.org"}),
        json!({"id": "cus_m3", "name": "Maren Solvikson", "email": "solvikson@example.org"}),
        json!({"id": "cus_tk", "name": "Haruka Minazuki", "email": "haruka@example.org"}),
    ];
    let failure = |code: &str, message: &str| {
        Err(ToolFailure { code: code.to_owned(), message: message.to_owned() })
    };
    let open = json!([
        {"id": "in_1", "number": "A-1", "status": "open", "currency": "usd", "amount_due": 48000,
         "amount_paid": 18000, "amount_remaining": 30000, "created": "2025-11-01",
         "due_date": "2025-12-01"},
        {"id": "in_2", "number": "A-2", "status": "open", "currency": "eur", "amount_due": 995,
         "amount_paid": 0, "amount_remaining": 995, "created": "2025-12-20",
         "due_date": "2026-01-01"},
    ]);
    let charges = json!([
        {"id": "ch_new", "amount": 5600, "amount_refunded": 600, "currency": "usd",
         "created": "2025-12-30", "description": null},
        {"id": "ch_old", "amount": 1000, "amount_refunded": 1000, "currency": "usd",
         "created": "2025-10-30", "description": null},
    ]);
    let is_ada = arguments["customer"] == "cus_ada";
    match tool {
        "find_customers" => {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
            let found = customers.into_iter().filter(|customer| {
                ["id", "email"]
                    .iter()
                    .all(|key| arguments[key].is_null() || arguments[key] == customer[key])
                    && text(&customer["name"]).contains(&text(&arguments["name"]))
            });
            Ok(found.collect())
        }
        "sum_owed" if is_ada => Ok(json!([
            {"currency": "eur", "amount": 995, "invoices": 1},
            {"currency": "usd", "amount": 30000, "invoices": 1},
        ])),
        "list_invoices" if is_ada && arguments["status"] == "open" => Ok(open),
        "sum_owed" | "list_invoices" => Ok(json!([])),
        "list_charges" if is_ada => Ok(charges),
        "list_charges" => failure("issuer_unavailable", "the issuer does not answer"),
        "find_charge" => match charges
            .as_array()
            .unwrap()
            .iter()
            .find(|charge| charge["id"] == arguments["charge"])
        {
            Some(charge) => Ok(charge.clone()),
            None => failure("tool_failed", "no such charge"),
        },
        "refund_charge" => Ok(json!({
            "id": "re_1", "charge": arguments["charge"], "currency": "usd", "status": "succeeded",
            "amount": arguments["amount"].as_i64().unwrap_or(5000),
        })),
        other => panic!("no tool {other}"),
    }
}

#[test]
fn a_debt_is_summed_by_currency_and_listed_with_its_dates() {
    let (calls, _) = converse("How much does ada@example.com owe, and on which invoices?");
    assert_eq!(
        calls,
        [
            r#"find_customers{"email":"ada@example.com"}"#,
            r#"sum_owed{"customer":"cus_ada"}"#,
            r#"list_invoices{"customer":"cus_ada","status":"open"}"#,
        ]
    );
    assert_eq!(
        answer("How much does ada@example.com owe, and on which invoices?"),
        "Ada Brightwater (ada@example.com) owes €9.95 on 1 open invoice and $300.00 on 1 open \
         invoice.\n  A-1  $300.00 of $480.00  overdue since 2025-12-01\n  A-2  €9.95  due 2026-01-01"
    );
    assert_eq!(
        answer("how much does Haruka Minazuki owe"),
        "Haruka Minazuki (haruka@example.org) owes nothing: no invoice is open."
    );
}

#[test]
fn an_unknown_customer_is_plainly_not_found() {
    assert_eq!(
        answer("How much does nobody@example.com owe?"),
        "not found: no customer with e-mail nobody@example.com"
    );
    assert_eq!(answer("who is Nemo Nobody"), "not found: no customer called Nemo Nobody");
    assert_eq!(answer("what did cus_none pay"), "not found: no customer with id cus_none");
}

#[test]
fn an_ambiguous_name_is_answered_with_the_addresses() {
    let text = answer("How much does Maren Solvik owe?");
    assert!(text.starts_with("2 customers match the name Maren Solvik; ask again"), "{text}");
    assert!(text.contains("maren.solvik@example.com") && text.contains("maren@example.org"));
    assert!(!text.contains("solvikson@example.org"));
    assert!(answer("open invoices of Solvikson").starts_with("Maren Solvikson ("));
}

#[test]
fn two_customers_get_two_answers() {
    let text = answer("How much do Ada Brightwater and Haruka Minazuki owe?");
    assert!(text.contains("Ada Brightwater (ada@example.com) owes €9.95"), "{text}");
    assert!(text.contains("Haruka Minazuki (haruka@example.org) owes nothing"), "{text}");
    let text = answer("what do ada@example.com and nobody@example.com owe");
    assert!(text.contains("owes €9.95") && text.contains("not found"), "{text}");
}

#[test]
fn only_what_is_past_its_due_date_is_overdue() {
    assert_eq!(
        answer("overdue invoices of ada@example.com"),
        "Ada Brightwater (ada@example.com) has 1 overdue invoice, $300.00 still to pay:\n  \
         A-1  $300.00 of $480.00  overdue since 2025-12-01"
    );
}

#[test]
fn payments_say_what_was_given_back() {
    assert_eq!(
        answer("what did ada@example.com pay?"),
        "Ada Brightwater (ada@example.com) paid $66.00 in 2 charges, of which $16.00 was \
         refunded:\n  ch_new  $56.00  paid 2025-12-30  $6.00 refunded\n  \
         ch_old  $10.00  paid 2025-10-30  refunded in full"
    );
}

#[test]
fn a_refund_looks_at_the_charge_first() {
    let (calls, step) = converse("refund 12.50 usd of charge ch_new");
    assert_eq!(
        calls,
        [r#"find_charge{"charge":"ch_new"}"#, r#"refund_charge{"charge":"ch_new","amount":1250}"#,]
    );
    let text = "Refunded $12.50 of charge ch_new: $37.50 of its $56.00 is left. \
                Refund re_1, succeeded.";
    assert_eq!(step, Step::Answer(text.to_owned()));
    let (calls, _) = converse("refund the last charge of Ada Brightwater");
    assert_eq!(calls.last().unwrap(), r#"refund_charge{"charge":"ch_new"}"#);
}

#[test]
fn an_impossible_refund_is_never_tried() {
    for (question, says) in [
        ("refund ch_old", "refunded already"),
        ("refund ch_none", "no such charge"),
        ("refund 50.01 usd of ch_new", "ch_new has $50.00 left to refund, not $50.01"),
        ("refund 0 of ch_new", "not $0.00"),
        ("refund 5 eur of ch_new", "is in USD"),
        ("refund the last charge of nobody@example.com", "not found"),
    ] {
        let (calls, step) = converse(question);
        assert!(!calls.iter().any(|call| call.starts_with("refund_charge")), "{question}");
        let Step::Answer(text) = step else { panic!("{question}: {step:?}") };
        assert!(text.contains(says), "{question}: {text}");
    }
}

#[test]
fn a_tool_that_fails_ends_the_job_with_its_reason() {
    let (_, step) = converse("what did Haruka Minazuki pay?");
    let Step::Stuck(reason) = step else { panic!("{step:?}") };
    assert_eq!(reason, "list_charges failed: the issuer does not answer (issuer_unavailable)");
}

#[test]
fn what_cannot_be_planned_says_what_can() {
    let (calls, step) = converse("What's the weather in Berlin?");
    assert!(calls.is_empty());
    let Step::Stuck(reason) = step else { panic!("{step:?}") };
    assert!(reason.contains("offline planner") && reason.contains("owes"), "{reason}");
    assert_eq!(Question::read("?"), Err(Unclear("I find no question about billing in it")));
}

/// The small account's tools for rig, and every call that reached them.
fn rig_tools() -> (Vec<DynamicTool>, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let names = ["find_customers", "sum_owed", "list_invoices", "list_charges"];
    let tools = names.map(|name| {
        let seen = Arc::clone(&seen);
        let parameters = json!({ "type": "object", "properties": {} });
        DynamicTool::new(ToolName::new(name).unwrap(), name, parameters, move |arguments| {
            seen.lock().unwrap().push(name.to_owned());
            let outcome = tool_of_a_small_account(name, &arguments);
            Box::pin(async move {
                outcome.map(ToolOutput::json).map_err(|ToolFailure { code, message }| {
                    let said = json!({ "code": code, "message": message });
                    ToolExecutionError::other(message).with_model_output(ToolOutput::json(said))
                })
            })
        })
    });
    (tools.into(), seen)
}

#[tokio::test]
async fn rig_runs_the_planner_like_any_model() {
    let (tools, seen) = rig_tools();
    let agent = AgentBuilder::new(offline_model(today())).dynamic_tools(tools).build();
    let run = agent.prompt("How much does Ada Brightwater owe?").max_turns(8).await.unwrap();
    assert!(run.output().contains("owes €9.95"), "{}", run.output());
    assert_eq!(*seen.lock().unwrap(), ["find_customers", "sum_owed"]);
    let error = agent.prompt("what did Haruka Minazuki pay?").max_turns(8).await.unwrap_err();
    assert!(error.to_string().contains("issuer_unavailable"), "{error}");
}
