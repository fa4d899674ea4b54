//! The probe of the test kit: it finds nothing in honest tools, and finds every leak on purpose.

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::testing::{LeakProbe, LeakReport, Sink};
use agentcred_runtime::{CallContext, Nonce, Progress, ToolError, Toolbox, toolbox};
use serde_json::{Value, json};

/// Read whatever the upstream says.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn read_all(path: String, stripe: Nonce) -> Result<Value, ToolError> {
    let _ = path;
    Ok(stripe.get("/v1/all").send().await?.json()?)
}

/// Read it as text.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn read_text(stripe: Nonce) -> Result<Vec<String>, ToolError> {
    let answer = stripe.get("/v1/all").send().await?;
    let headers = format!("{:?}", answer.headers());
    Ok(vec![headers, String::from_utf8_lossy(&answer.into_body()).into_owned()])
}

/// Fail with what the upstream says.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn fail_with_it(stripe: Nonce) -> Result<(), ToolError> {
    let said = stripe.get("/v1/all").send().await?.into_body();
    let said = String::from_utf8_lossy(&said).into_owned();
    Err(ToolError::visible(said.clone()).because(said))
}

/// Panic with what the upstream says.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn panic_with_it(stripe: Nonce) -> Result<(), ToolError> {
    let said = stripe.get("/v1/all").send().await?.into_body();
    panic!("unexpected answer: {}", String::from_utf8_lossy(&said));
}

/// Panic with it on a thread for blocking work.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) fn block_and_panic(stripe: Nonce) -> Result<(), ToolError> {
    let said = tokio::runtime::Handle::current().block_on(stripe.get("/v1/all").send())?;
    panic!("unexpected answer: {:?}", said.into_body());
}

/// Report what the upstream says as progress.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn report_it(stripe: Nonce, call: CallContext) -> Result<(), ToolError> {
    call.progress(Progress::new(1.0).message(upstream_says(&stripe).await?));
    Ok(())
}

// Leak channels 7, 15, 19, 33.
#[tokio::test]
async fn honest_and_careless_tools_leak_nothing() {
    let toolbox = toolbox![ReadAll, ReadText, FailWithIt, PanicWithIt, BlockAndPanic, ReportIt];
    let report =
        LeakProbe::new(toolbox).answer(json!({"data": [{"id": LeakProbe::NONCE}]})).run().await;
    report.assert_clean();
    assert!(report.observations() > 3000, "{}", report.observations());
    for sink in [Sink::Schema, Sink::Outcome, Sink::Logs, Sink::Debug, Sink::Progress] {
        assert!(report.observed(sink) > 0, "{sink:?}");
    }
}

fn is_caught(report: &LeakReport, sink: Sink) -> bool {
    report.leaks().iter().any(|leak| leak.sink == sink)
}

async fn upstream_says(stripe: &Nonce) -> Result<String, ToolError> {
    let body = stripe.get("/v1/all").send().await?.into_body();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Log what the upstream says.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn log_it(stripe: Nonce) -> Result<(), ToolError> {
    let answer = upstream_says(&stripe).await?;
    tracing::trace!(answer, "a careless line");
    Ok(())
}

/// Panic on a thread of its own.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn panic_elsewhere(stripe: Nonce) -> Result<(), ToolError> {
    let said = upstream_says(&stripe).await?;
    let ended = std::thread::spawn(move || panic!("{said}")).join();
    assert!(ended.is_err());
    Ok(())
}

/// Give back what the upstream said to the call before, when redaction looked for another nonce.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn remember_it(stripe: Nonce) -> Result<Option<String>, ToolError> {
    static BEFORE: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);
    let said = upstream_says(&stripe).await?;
    Ok(BEFORE.lock().unwrap().replace(said))
}

// Leak channel 19: control.
#[tokio::test]
async fn a_line_in_the_log_is_caught() {
    assert!(is_caught(&LeakProbe::new(toolbox![LogIt]).run().await, Sink::Logs));
}

// Leak channel 17: control.
#[tokio::test]
async fn a_panic_that_gets_printed_is_caught() {
    assert!(is_caught(&LeakProbe::new(toolbox![PanicElsewhere]).run().await, Sink::Panic));
}

// Leak channel 7: control.
#[tokio::test]
async fn a_nonce_in_a_result_is_caught() {
    let report = LeakProbe::new(toolbox![RememberIt]).run().await;
    assert!(is_caught(&report, Sink::Outcome) && is_caught(&report, Sink::Debug));
}

/// Report what the upstream said to the call before.
#[credentialed_tool(crate = agentcred, service = "stripe", scope = "read:all", ttl = "1m")]
pub(crate) async fn report_late(stripe: Nonce, call: CallContext) -> Result<(), ToolError> {
    static BEFORE: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);
    let said = upstream_says(&stripe).await?;
    if let Some(before) = BEFORE.lock().unwrap().replace(said) {
        call.progress(Progress::new(1.0).message(before));
    }
    Ok(())
}

// Leak channel 33: control.
#[tokio::test]
async fn a_nonce_in_progress_is_caught() {
    assert!(is_caught(&LeakProbe::new(toolbox![ReportLate]).run().await, Sink::Progress));
}

#[tokio::test]
#[should_panic(expected = "`log_it` let its nonce into Logs")]
async fn a_leak_fails_the_authors_test() {
    LeakProbe::new(toolbox![LogIt]).run().await.assert_clean();
}

#[tokio::test]
#[should_panic(expected = "nothing was observed")]
async fn an_empty_toolbox_fails_the_authors_test() {
    LeakProbe::new(Toolbox::new()).run().await.assert_clean();
}
